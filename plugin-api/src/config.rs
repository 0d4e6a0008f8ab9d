//! Configuration: JSON from the host into the author's type.

use crate::Failure;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use std::time::Duration;

/// The configuration of a plugin that takes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Reads a configuration. The host has already checked it against the manifest's schema and filled in the
/// defaults; what the type demands beyond the schema is found here, and named by its key.
pub(crate) fn parse<C: DeserializeOwned>(json: &str) -> Result<C, Failure> {
    let mut reader = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // A position in the host's JSON tells an operator nothing: the file they wrote is TOML.
        let message = error.into_inner().to_string();
        let message = message.split(" at line ").next().unwrap_or(&message);
        Failure::misconfigured(path, message)
    })
}

/// Reads a duration as the gateway's own configuration writes it, `"250ms"`, `"1s"`, `"5m"`:
/// `#[serde(deserialize_with = "hearthgate_plugin::duration")]`.
///
/// # Errors
/// It is not a whole number and `ms`, `s` or `m`.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000)];
    let read = units.into_iter().find_map(|(unit, millis)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(Duration::from_millis(count.checked_mul(millis)?))
    });
    read.ok_or_else(|| {
        D::Error::custom(format!(
            "{text:?} is no duration such as \"250ms\", \"1s\" or \"5m\""
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::{NoConfig, duration, parse};
    use std::time::Duration;

    #[test]
    fn durations_are_numbers_with_a_unit() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Wait(#[serde(deserialize_with = "duration")] Duration);
        let check = |text: &str, expected: Option<u64>| {
            let read: Option<Wait> = serde_json::from_value(text.into()).ok();
            assert_eq!(
                read.map(|wait| wait.0),
                expected.map(Duration::from_millis),
                "{text}"
            );
        };
        check("250ms", Some(250));
        check("1s", Some(1_000));
        check("5m", Some(300_000));
        for none in [
            "1",
            "s",
            "-1s",
            "1.5s",
            "1h",
            "1 s",
            "99999999999999999999s",
        ] {
            check(none, None);
        }
    }

    use crate::Failure;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Config {
        inner: Inner,
    }
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Inner {
        interval: u32,
    }

    #[test]
    fn a_problem_is_named_by_its_key() {
        let check = |json: &str, key: &str, problem: &str| {
            assert_eq!(
                parse::<Config>(json),
                Err(Failure::misconfigured(key, problem))
            );
        };
        check(
            r#"{"inner": {"interval": "x"}}"#,
            "inner.interval",
            "invalid type: string \"x\", expected u32",
        );
        check(r#"{"inner": {}}"#, "inner", "missing field `interval`");
        check("{}", ".", "missing field `inner`");
    }

    #[test]
    fn no_configuration_is_an_empty_object() {
        assert_eq!(parse::<NoConfig>("{}"), Ok(NoConfig {}));
        assert!(parse::<NoConfig>(r#"{"x": 1}"#).is_err());
    }
}

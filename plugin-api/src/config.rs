//! Configuration: JSON from the host into the author's type.

use crate::Failure;
use serde::de::DeserializeOwned;

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

#[cfg(test)]
mod tests {
    use super::{NoConfig, parse};
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

//! Texts in which `${name}` stands for a secret. `$${` stands for the two characters `${`.

use super::{Secret, SecretError, Secrets};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// How a value is written into the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As it is: for header values.
    None,
    /// As the inside of a JSON string: a quote in a secret can't end the string it stands in.
    Json,
}

/// Fills in the templates of one call of a guest. Each secret is read once, and all that comes out is bounded: four
/// bytes of a template can stand for a secret of 64 KiB, and a guest writes many of them.
#[derive(Debug)]
pub struct Filling<'a> {
    secrets: &'a Secrets,
    read: BTreeMap<String, Secret>,
    limit: usize,
    left: usize,
}

impl Secrets {
    /// For templates that together become at most `limit` bytes.
    #[must_use]
    pub fn filling(&self, limit: usize) -> Filling<'_> {
        Filling {
            secrets: self,
            read: BTreeMap::new(),
            limit,
            left: limit,
        }
    }
}

impl Filling<'_> {
    /// The text with each `${name}` replaced by that secret.
    ///
    /// # Errors
    /// An unknown or unreadable secret, an unfinished `${`, or more than the limit.
    pub fn expand(&mut self, template: &str, escape: Escape) -> Result<Secret, SecretError> {
        let mut text = Zeroizing::new(String::with_capacity(template.len() + 512));
        let mut rest = template;
        while let Some(at) = rest.find("${") {
            let (before, tail) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                self.push(&mut text, before)?;
                self.push(&mut text, "${")?;
                rest = &tail[2..];
                continue;
            }
            self.push(&mut text, before)?;
            let Some((name, after)) = tail[2..].split_once('}') else {
                return Err(SecretError::BadTemplate("\"${\" has no \"}\"".to_owned()));
            };
            let value = self.value(name, escape)?;
            self.push(&mut text, value.expose())?;
            rest = after;
        }
        self.push(&mut text, rest)?;
        Ok(Secret(text))
    }

    /// A secret as it is written into a text; all templates of a call have one escape.
    fn value(&mut self, name: &str, escape: Escape) -> Result<Secret, SecretError> {
        if let Some(known) = self.read.get(name) {
            return Ok(known.clone());
        }
        let value = self.secrets.value(name)?;
        let value = match escape {
            Escape::None => value,
            Escape::Json => {
                let quoted = Zeroizing::new(serde_json::Value::from(value.expose()).to_string());
                Secret::new(quoted[1..quoted.len() - 1].to_owned())
            }
        };
        self.read.insert(name.to_owned(), value.clone());
        Ok(value)
    }

    fn push(&mut self, text: &mut Zeroizing<String>, part: &str) -> Result<(), SecretError> {
        let Some(left) = self.left.checked_sub(part.len()) else {
            return Err(SecretError::TooLong(self.limit));
        };
        self.left = left;
        push(text, part);
        Ok(())
    }
}

/// Appends; where there is no room, moves to a larger text and wipes the old one, which `String` itself would not.
fn push(text: &mut Zeroizing<String>, part: &str) {
    if text.capacity() - text.len() < part.len() {
        let mut larger = Zeroizing::new(String::with_capacity((text.len() + part.len()) * 2));
        larger.push_str(text);
        *text = larger;
    }
    text.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SecretSource;
    use std::collections::BTreeMap;

    #[test]
    fn templates_are_expanded_and_escaped() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut sources = BTreeMap::new();
        for (name, value) in [
            ("token", "abc"),
            ("odd", "q\"\\\n${token}"),
            ("long", &"x".repeat(2000)),
        ] {
            let path = directory.path().join(name);
            std::fs::write(&path, value).expect("written");
            sources.insert(name.to_owned(), SecretSource::File(path));
        }
        let secrets = Secrets::new(sources, []);
        let expand = |template: &str, escape| {
            secrets
                .filling(64 * 1024)
                .expand(template, escape)
                .map(|text| text.expose().to_owned())
        };
        for (template, expected) in [
            ("Bearer ${token}", "Bearer abc"),
            ("${token}${token}", "abcabc"),
            ("no secret, $5 {x}", "no secret, $5 {x}"),
            ("$${token}", "${token}"),
            ("", ""),
        ] {
            assert_eq!(
                expand(template, Escape::None),
                Ok(expected.to_owned()),
                "{template}"
            );
        }
        let json = expand(r#"{"a":"${odd}"}"#, Escape::Json).expect("a text");
        let parsed: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(
            parsed["a"], "q\"\\\n${token}",
            "a value is not expanded again"
        );
        assert_eq!(
            expand("a${long}b", Escape::None).map(|text| text.len()),
            Ok(2002)
        );
        assert_eq!(
            expand("${nope}", Escape::None),
            Err(SecretError::Unknown("nope".into()))
        );
        assert!(matches!(
            expand("${token", Escape::None),
            Err(SecretError::BadTemplate(_))
        ));
    }

    #[test]
    fn a_short_template_can_not_become_gigabytes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        std::fs::write(&path, "x".repeat(60_000)).expect("written");
        let sources = BTreeMap::from([("s".to_owned(), SecretSource::File(path))]);
        let secrets = Secrets::new(sources, []);
        let bomb = "${s}".repeat(1_000_000);
        let mut filling = secrets.filling(1 << 20);
        let outcome = filling.expand(&bomb, Escape::Json);
        assert_eq!(outcome, Err(SecretError::TooLong(1 << 20)));
        let mut filling = secrets.filling(100_000);
        assert!(filling.expand("${s}", Escape::None).is_ok());
        let second = filling.expand("${s}", Escape::None);
        assert_eq!(second, Err(SecretError::TooLong(100_000)), "all together");
    }

    #[test]
    fn a_secret_is_read_once_for_all_templates_of_a_call() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        std::fs::write(&path, "one").expect("written");
        let sources = BTreeMap::from([("s".to_owned(), SecretSource::File(path.clone()))]);
        let secrets = Secrets::new(sources, []);
        let mut filling = secrets.filling(100);
        filling.expand("${s}", Escape::None).expect("a text");
        std::fs::remove_file(&path).expect("removed");
        let again = filling.expand("${s}${s}", Escape::None).expect("a text");
        assert_eq!(again.expose(), "oneone");
        assert!(secrets.filling(100).expand("${s}", Escape::None).is_err());
    }
}

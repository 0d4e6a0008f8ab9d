//! Texts in which `${name}` stands for a secret. `$${` stands for the two characters `${`.

use super::{Secret, SecretError, Secrets};
use zeroize::Zeroizing;

/// How a value is written into the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// As it is: for header values.
    None,
    /// As the inside of a JSON string: a quote in a secret can't end the string it stands in.
    Json,
}

impl Secrets {
    /// The text with each `${name}` replaced by that secret.
    ///
    /// # Errors
    /// An unknown or unreadable secret, or an unfinished `${`.
    pub fn expand(&self, template: &str, escape: Escape) -> Result<Secret, SecretError> {
        let mut text = Zeroizing::new(String::with_capacity(template.len() + 512));
        let mut rest = template;
        while let Some(at) = rest.find("${") {
            let (before, tail) = rest.split_at(at);
            if let Some(before) = before.strip_suffix('$') {
                push(&mut text, before);
                push(&mut text, "${");
                rest = &tail[2..];
                continue;
            }
            push(&mut text, before);
            let Some((name, after)) = tail[2..].split_once('}') else {
                return Err(SecretError::BadTemplate("\"${\" has no \"}\"".to_owned()));
            };
            let value = self.value(name)?;
            match escape {
                Escape::None => push(&mut text, value.expose()),
                Escape::Json => push_json(&mut text, value.expose()),
            }
            rest = after;
        }
        push(&mut text, rest);
        Ok(Secret(text))
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

fn push_json(text: &mut Zeroizing<String>, value: &str) {
    let quoted = Zeroizing::new(serde_json::Value::from(value).to_string());
    push(text, &quoted[1..quoted.len() - 1]);
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
}

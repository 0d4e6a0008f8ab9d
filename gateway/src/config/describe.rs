//! The complete commented file of `hearthgate config default`, from the table of keys.

use super::keys::{Change, Key, Shape};
use super::reference::TOP;
use std::fmt::Write;

const HEAD: &str = "\
# Every key of Hearthgate's configuration, with its default and what it means.
# Keep what you change and leave out the rest: what is not said has its default.
#
# Sizes are \"512B\", \"64KiB\", \"32MiB\", \"1GiB\"; durations \"50ms\", \"10s\", \"5m\", \"1h\", \"1d\".
# Relative paths are relative to this file's folder.
# Each key can be set in the environment as well: HEARTHGATE_ADMIN__ADDRESS=127.0.0.1:4002 ( _ for -, __ for . ).
# A changed file is taken over while the gateway runs, except where \"at the next start\" is said.
";

/// The file. It means the same as an empty one.
#[must_use]
pub fn default_file() -> String {
    let mut text = HEAD.to_owned();
    for key in TOP {
        let _ = writeln!(text);
        match key.shape {
            Shape::Sections(keys) => {
                comment(&mut text, "", key);
                listener(&mut text, key, keys);
            }
            Shape::Named(keys) if key.name == "sources" => {
                comment(&mut text, "", key);
                instance(&mut text, key.name, keys);
            }
            Shape::Named(keys) if key.name == "dialects" => overrides(&mut text, key, keys),
            Shape::Section(keys) => {
                comment(&mut text, "", key);
                section(&mut text, key.name, keys);
            }
            _ => comment(&mut text, "", key),
        }
    }
    text
}

fn comment(text: &mut String, prefix: &str, key: &Key) {
    let when = match key.change {
        Change::Live => "",
        Change::Restart => " Takes effect at the next start.",
    };
    let _ = writeln!(text, "{prefix}# {}{when}", key.doc);
}

fn pairs(text: &mut String, prefix: &str, keys: &[Key]) {
    for key in keys {
        comment(text, prefix, key);
        let value = if key.default.is_empty() {
            example(key)
        } else {
            key.default
        };
        // A text without a default is an example only, and would have a meaning.
        let is_example = key.default.is_empty() && matches!(key.shape, Shape::Text | Shape::Path);
        let aside = if is_example && prefix.is_empty() {
            "# "
        } else {
            ""
        };
        let _ = writeln!(text, "{prefix}{aside}{} = {value}", key.name);
    }
}

/// A table with the tables within it; those that are not there by default as comments.
fn section(text: &mut String, path: &str, keys: &[Key]) {
    let is_table = |key: &&Key| {
        matches!(
            key.shape,
            Shape::Section(_) | Shape::Sections(_) | Shape::Named(_)
        )
    };
    let (tables, plain): (Vec<_>, Vec<_>) = keys.iter().partition(is_table);
    let plain: Vec<Key> = plain.into_iter().copied().collect();
    let _ = writeln!(text, "[{path}]");
    pairs(text, "", &plain);
    for key in tables {
        let _ = writeln!(text);
        comment(text, "", key);
        let path = format!("{path}.{}", key.name);
        match key.shape {
            // An empty one would mean that there is TLS, without a certificate.
            Shape::Section(keys) if key.name == "tls" => {
                let _ = writeln!(text, "# [{path}]");
                pairs(text, "# ", keys);
            }
            Shape::Section(keys) => section(text, &path, keys),
            Shape::Sections(keys) => {
                let _ = writeln!(text, "# [[{path}]]");
                pairs(text, "# ", keys);
            }
            Shape::Named(keys) => {
                let _ = writeln!(text, "# [{path}.NAME]");
                pairs(text, "# ", keys);
            }
            _ => {}
        }
    }
}

/// What a key without a default may look like.
fn example(key: &Key) -> &'static str {
    match (key.name, key.shape) {
        ("address", _) => "\"127.0.0.1:3001\"",
        ("plugin", _) => "\"metrics\"",
        ("key", Shape::Path) => "\"gate.key\"",
        ("key", _) => "{ file = \"issuer.pem\" }",
        ("hash", _) => "\"sha256:…\"",
        ("password-hash", _) => "\"$argon2id$…\"",
        ("expires", _) => "\"2027-01-01T00:00:00Z\"",
        ("signing-key", _) => "\"signing.key\"",
        (_, Shape::Text) => "\"…\"",
        (_, Shape::Texts) => "[]",
        (_, Shape::Path) => "\"FILE\"",
        _ => "{}",
    }
}

/// A listener; its tables as comments, since an empty one could mean something else than none.
fn listener(text: &mut String, key: &Key, keys: &[Key]) {
    let _ = writeln!(text, "[[{}]]", key.name);
    let (tables, plain): (Vec<_>, Vec<_>) = keys
        .iter()
        .partition(|k| matches!(k.shape, Shape::Section(_)));
    let plain: Vec<Key> = plain.into_iter().copied().collect();
    pairs(text, "", &plain);
    for table in tables {
        let Shape::Section(keys) = table.shape else {
            continue;
        };
        comment(text, "", table);
        let _ = writeln!(text, "# [{}.{}]", key.name, table.name);
        match keys.iter().all(|k| k.default.is_empty()) {
            true => names(text, keys),
            false => pairs(text, "# ", keys),
        }
    }
}

/// Tables that override others, all of them as a comment.
fn overrides(text: &mut String, key: &Key, keys: &[Key]) {
    comment(text, "", key);
    let _ = writeln!(text, "# [{}.native]", key.name);
    names(text, keys);
}

/// Keys that are explained where they are not overridden.
fn names(text: &mut String, keys: &[Key]) {
    for key in keys {
        let _ = writeln!(text, "# {} = …", key.name);
    }
}

/// An instance, all of it as a comment: none is there by default.
fn instance(text: &mut String, table: &str, keys: &[Key]) {
    let _ = writeln!(text, "# [{table}.host]");
    let (tables, plain): (Vec<_>, Vec<_>) = keys
        .iter()
        .partition(|k| matches!(k.shape, Shape::Section(_)));
    let plain: Vec<Key> = plain.into_iter().copied().collect();
    pairs(text, "# ", &plain);
    for key in tables {
        let Shape::Section(keys) = key.shape else {
            continue;
        };
        let _ = writeln!(text, "#");
        comment(text, "# ", key);
        let _ = writeln!(text, "# [{table}.host.{}]", key.name);
        pairs(text, "# ", keys);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Limits};

    #[test]
    fn the_default_file_means_the_defaults() {
        let config = Config::parse(&default_file()).expect("the default file is valid");
        assert_eq!(config, Config::default());
    }

    #[test]
    fn its_example_of_an_instance_is_valid_and_has_the_defaults() {
        let file = default_file();
        let commented = |line: &str| line.strip_prefix("# ").map(str::to_owned);
        let lines = file.lines().skip_while(|l| !l.starts_with("# [sources"));
        let example: Vec<_> = lines
            .take_while(|l| l.starts_with('#'))
            .filter_map(commented)
            .collect();
        let config = Config::parse(&example.join("\n")).expect("the example is valid");
        let instance = &config.instances[0];
        assert_eq!(instance.plugin, "metrics");
        assert_eq!(instance.limits, Limits::default());
    }

    /// The tables that stand as comments: each with its header and its lines, without the `# `.
    fn commented(file: &str) -> Vec<(String, Vec<String>)> {
        let mut tables: Vec<(String, Vec<String>)> = Vec::new();
        for line in file.lines() {
            match line.strip_prefix("# ") {
                Some(text) if text.starts_with('[') && text.ends_with(']') => {
                    tables.push((text.to_owned(), Vec::new()));
                }
                Some(text) if !text.starts_with('#') && text.contains(" = ") => {
                    let Some((_, lines)) = tables.last_mut() else {
                        continue;
                    };
                    lines.push(text.to_owned());
                }
                None if !line.is_empty() => tables.push((String::new(), Vec::new())),
                _ => {}
            }
        }
        tables.retain(|(header, _)| !header.is_empty());
        tables
    }

    #[test]
    fn every_commented_key_has_the_right_form() {
        let file = default_file();
        let tables = commented(&file);
        assert!(tables.len() > 10, "{}", tables.len());
        for (header, lines) in tables {
            // A table within another needs that, and a listener or an instance what it can't do without.
            let first = match header.split('.').next() {
                Some("[listener") => "[[listener]]\naddress = \"127.0.0.1:3001\"\n",
                Some("[sources") if !header.ends_with(".host]") => {
                    "[sources.host]\nplugin = \"metrics\"\n"
                }
                _ => "",
            };
            // "…" stands for what is explained elsewhere, or is the operator's to say.
            for line in lines.iter().filter(|line| !line.contains('…')) {
                let text = format!("{first}{header}\n{line}\n");
                let Err(problems) = Config::parse(&text) else {
                    continue;
                };
                for problem in problems.list() {
                    let needs_more = [
                        "is missing",
                        "must be true for ",
                        "needs ",
                        "say ",
                        "allows nothing",
                        "name at least",
                    ];
                    assert!(
                        needs_more.iter().any(|part| problem.message.contains(part)),
                        "{header} {line}: {}",
                        problem.message
                    );
                }
            }
        }
    }

    #[test]
    fn every_key_is_explained() {
        fn check(keys: &[Key], file: &str) {
            for key in keys {
                assert!(
                    key.doc.ends_with('.') || key.doc.ends_with('}') || key.doc.ends_with("]."),
                    "{}",
                    key.name
                );
                assert!(file.contains(key.name), "{}", key.name);
                if let Shape::Section(keys) | Shape::Sections(keys) = key.shape {
                    check(keys, file);
                }
            }
        }
        check(TOP, &default_file());
    }
}

//! What operators read when a configuration does not fit its plugins, held by a golden file.
//!
//! `UPDATE_EXPECTED=1 cargo test -p hearthgate --test plugins` writes what is said now; look at the difference.

use hearthgate::config::Loaded;
use std::path::Path;

const MANIFEST: &str = r#"
[plugin]
id = "feed"
version = "1.0.0"
api = "0.2"

[publishes]
kinds = ["notification.sent"]

[requests]
publish = ["feed/#"]
connect = ["https://example.org", "${config.url}"]
secrets = ["token"]

[config]
type = "object"
additionalProperties = false
required = ["interval"]
[config.properties.interval]
type = "string"
description = "Time between two looks: a number and s"
[config.properties.url]
type = "string"
"#;

/// The smallest component that is a plugin to those who don't run it: it exports empty instances under the names of
/// the contract. The binary format is that of the component model: a header, section 5 (instances), section 11 (exports).
fn component() -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // One instance, made of no exports.
    bytes.extend([5, 3, 1, 1, 0]);
    for name in ["lifecycle", "source"] {
        let name = format!("hearthgate:plugin/{name}@0.2.0");
        let length = u8::try_from(name.len()).expect("a short name");
        // One export: the name, the sort "instance", its index, no type.
        bytes.extend([11, length + 6, 1, 0, length]);
        bytes.extend(name.as_bytes());
        bytes.extend([5, 0, 0]);
    }
    bytes
}

fn said(folder: &Path, text: &str) -> String {
    let loaded = Loaded::text(text, Path::new("misfits.toml"), folder, &[]);
    let loaded = loaded.expect("a valid text");
    let found = hearthgate::plugins::check(&loaded.config).into_iter();
    let found = found.map(|p| {
        let message = format!("{:?}: {}", p.severity, p.message);
        (p.instance.to_string(), p.key, message)
    });
    let said = format!("{}\n", loaded.problems(found));
    said.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn each_misfit_is_shown_with_its_line_and_what_would_be_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins).expect("a folder");
    let write = |name: &str, bytes: &[u8]| std::fs::write(plugins.join(name), bytes);
    write("feed.wasm", &component()).expect("written");
    write("feed.plugin.toml", MANIFEST.as_bytes()).expect("written");
    write("broken.wasm", b"(component)").expect("written");
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugin_errors");
    let text = std::fs::read_to_string(cases.join("misfits.toml")).expect("readable");
    let expected = cases.join("misfits.expected");
    let said = said(folder.path(), &text);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&expected, &said).expect("written");
    }
    let before = std::fs::read_to_string(&expected).unwrap_or_default();
    assert_eq!(said, before, "{}", expected.display());
}

//! The configurations in the guide and in the plugins' documents, as `hearthgate check` sees them with those plugins.

use hearthgate_tests::plugins;
use hearthgate_tests::secure::Authority;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a reader must expect to be told of an example: that it is open to its network, or that a secret is not there.
const EXPECTED: &[&str] = &[
    "without a token",
    "query-token = true",
    "is not set here",
    "No such file or directory",
];
/// What is no fault of an example that shows one table only.
const OF_A_PART: &[&str] = &[
    "nobody may read anything",
    "so nobody can send them",
    "[auth] names nobody",
];

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("a folder above").to_path_buf()
}

fn examples(document: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(document).expect("the document is there");
    let parts = text.split("\n```toml\n").skip(1);
    parts
        .filter_map(|part| part.split("\n```").next().map(str::to_owned))
        .collect()
}

/// What `hearthgate check` says against an example, but for what is expected.
fn complaints(example: &str, folder: &str, expected: &[&[&str]]) -> String {
    let home = tempfile::tempdir().expect("a folder");
    let signed = Authority::new().sign(None);
    signed.write(&home.path().join("gate.pem"), &home.path().join("gate.key"));
    let file = home.path().join("gate.toml");
    std::fs::write(&file, example).expect("written");
    let output = Command::new(plugins::binary())
        .args(["check", "--config"])
        .arg(&file)
        .env(
            "HEARTHGATE_PLUGINS__DIRECTORY",
            plugins::target().join(folder),
        )
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return said;
    }
    let expected: Vec<&str> = expected.iter().copied().flatten().copied().collect();
    let unexpected = said
        .lines()
        .filter(|line| !expected.iter().any(|part| line.contains(part)));
    unexpected.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_example_of_the_operators_guide_passes_the_check() {
    let examples = examples(&root().join("docs/operating.md"));
    assert!(examples.len() >= 8, "{}", examples.len());
    for (i, example) in examples.iter().enumerate() {
        // The first is what a reader begins with.
        let expected: &[&[&str]] = match i {
            0 => &[EXPECTED],
            _ => &[EXPECTED, OF_A_PART],
        };
        let said = complaints(example, "plugins", expected);
        assert!(said.is_empty(), "{said}\nin\n{example}");
    }
}

#[test]
fn the_complete_example_of_each_plugin_passes_the_check() {
    let folders = std::fs::read_dir(root().join("plugins")).expect("there are plugins");
    let documents = folders.flatten().map(|e| e.path().join("README.md"));
    let documents: Vec<_> = documents.filter(|path| path.is_file()).collect();
    assert!(documents.len() >= 10, "{}", documents.len());
    for document in documents {
        let examples = examples(&document);
        let complete = examples.first().expect("a complete configuration");
        let said = complaints(complete, "plugins", &[EXPECTED]);
        assert!(said.is_empty(), "{}: {said}", document.display());
    }
}

#[test]
fn the_first_plugins_configuration_passes_the_check_and_can_be_seen() {
    let examples = examples(&root().join("plugin-api/README.md"));
    let example = examples
        .iter()
        .find(|text| text.contains("[sources.clock]"))
        .expect("the configuration of the first plugin");
    let said = complaints(example, "guests", &[EXPECTED]);
    assert!(said.is_empty(), "{said}\nin\n{example}");
}

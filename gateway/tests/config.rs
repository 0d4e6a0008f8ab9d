//! What operators read when a configuration is wrong, held by golden files; and that shipped files are right.
//!
//! `UPDATE_EXPECTED=1 cargo test -p hearthgate --test config` writes what is said now; look at the difference.

use hearthgate::config::{Config, LoadError, Loaded};
use std::path::{Path, PathBuf};

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == extension));
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

fn errors(text: &str, name: &str, variables: &[(&str, &str)]) -> String {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let variables: Vec<_> = variables.iter().map(own).collect();
    match Loaded::text(text, Path::new(name), Path::new("/etc"), &variables) {
        Ok(_) => panic!("{name} is valid"),
        Err(problems) => format!("{problems}\n"),
    }
}

fn compare(file: &Path, said: &str) {
    let expected = file.with_extension("expected");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&expected, said).expect("written");
    }
    let before = std::fs::read_to_string(&expected).unwrap_or_default();
    assert_eq!(said, before, "{}", expected.display());
}

#[test]
fn each_mistake_is_shown_with_its_line_and_what_would_be_right() {
    for file in files("tests/config_errors", "toml") {
        let text = std::fs::read_to_string(&file).expect("readable");
        let name = file.file_name().expect("a name").to_string_lossy();
        compare(&file, &errors(&text, &name, &[]));
    }
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    let said = errors(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n",
        "hearthgate.toml",
        &[
            ("HEARTHGATE_ADMIN__ADDRES", "127.0.0.1:4002"),
            ("HEARTHGATE_CONECTIONS__SHARDS", "2"),
            ("HEARTHGATE_CONNECTIONS__MAX_CONNECTIONS", "many"),
            ("HEARTHGATE_CONNECTIONS__MAX_MESSAGE", "64"),
            ("HEARTHGATE_LISTENER__3__ADDRESS", "127.0.0.1:4001"),
            ("HEARTHGATE_LOG__FILTER__X", "info"),
        ],
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config_errors/environment");
    compare(&file, &said);
}

#[test]
fn the_environment_stands_above_the_file() {
    let text = "[[listener]]\naddress = \"127.0.0.1:0\"\n[sources.host]\nplugin = \"metrics\"\nconfig = { interval_ms = 5 }\n";
    let set = [
        ("HEARTHGATE_ADMIN__ADDRESS", "127.0.0.1:4002"),
        ("HEARTHGATE_CONNECTIONS__MAX_CONNECTIONS", "7"),
        (
            "HEARTHGATE_LISTENER__0__ROUTES",
            "[{ path = \"/x\", dialect = \"native\" }]",
        ),
        ("HEARTHGATE_SOURCES__HOST__CONFIG__INTERVAL_MS", "9"),
        (
            "HEARTHGATE_SOURCES__HOST__GRANTS__PUBLISH",
            "[\"metrics/#\"]",
        ),
        ("HEARTHGATE_SOURCES__HOST__CONFIG__URL", "http://a"),
        ("HEARTHGATE_TOKEN", "a secret of the operator's, not a key"),
        ("PATH", "/bin"),
    ];
    let variables: Vec<_> = set
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let loaded = Loaded::text(text, Path::new("x.toml"), Path::new("/etc"), &variables);
    let config = loaded.expect("a valid configuration").config;
    assert_eq!(
        config.admin.address,
        Some("127.0.0.1:4002".parse().expect("an address"))
    );
    assert_eq!(config.connections.max_connections, 7);
    assert_eq!(config.listeners[0].routes[0].path, "/x");
    let instance = &config.instances[0];
    assert_eq!(instance.config["interval_ms"], 9);
    assert_eq!(instance.config["url"], "http://a");
    assert_eq!(instance.grants.publish[0].as_str(), "metrics/#");
}

#[test]
fn problems_that_plugins_find_are_shown_where_they_stand() {
    let text = "[sources.host]\nplugin = \"metrics\"\nconfig = { interval = \"1s\" }\n[sources.host.grants]\npublish = [\"a/#\", \"b/#\"]\n";
    let loaded = Loaded::text(text, Path::new("x.toml"), Path::new(""), &[]).expect("valid");
    let found = [
        ("config.interval", "bad"),
        ("grants.publish.1", "too wide"),
        ("grants.system", "not granted"),
        ("plugin", "missing"),
    ];
    let found = found.map(|(key, why)| ("host".to_owned(), key.to_owned(), why.to_owned()));
    assert_eq!(
        loaded.problems(found).headlines(),
        [
            "x.toml:2:10: sources.host.plugin: missing",
            "x.toml:3:23: sources.host.config.interval: bad",
            "x.toml:4:15: sources.host.grants.system: not granted",
            "x.toml:5:19: sources.host.grants.publish.1: too wide",
        ]
    );
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gate.toml");
    std::fs::write(
        &file,
        "[plugins]\ndirectory = \"p\"\nstate-directory = \"/var/s\"",
    )
    .expect("written");
    let config = Loaded::file(&file, &[]).expect("valid").config;
    assert_eq!(config.plugins.directory, folder.path().join("p"));
    assert_eq!(config.plugins.state_directory, Path::new("/var/s"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Loaded::file(Path::new("/nowhere/gate.toml"), &[]).expect_err("no file");
    assert!(matches!(error, LoadError::Read { .. }));
    assert!(
        error.to_string().starts_with("/nowhere/gate.toml: "),
        "{error}"
    );
}

#[test]
fn every_shipped_file_is_valid() {
    for file in files("../config", "toml") {
        if let Err(error) = Loaded::file(&file, &[]) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_example_of_the_operators_guide_is_valid() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
    let guide = std::fs::read_to_string(guide).expect("the guide is there");
    let examples: Vec<_> = guide.split("\n```toml\n").skip(1).collect();
    assert!(examples.len() >= 3, "{}", examples.len());
    for example in examples {
        let text = example.split("\n```").next().unwrap_or_default();
        if let Err(error) = Config::parse(text) {
            panic!("{error}\nin\n{text}");
        }
    }
}

#[test]
fn an_empty_file_means_the_defaults() {
    let config = Config::parse("").expect("valid");
    assert_eq!(config, Config::default());
    assert_eq!(config.listeners.len(), 1);
    assert!(config.admin.address.is_some_and(|a| a.ip().is_loopback()));
}

//! What is shipped works: the configurations, and plugins that were released before.

use hearthgate_tests::{Gateway, Setup, plugins};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is below the checkout")
        .to_path_buf()
}

#[test]
fn every_configuration_passes_its_check() {
    let files = std::fs::read_dir(root().join("config")).expect("there are configurations");
    let files: Vec<PathBuf> = files
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    assert!(!files.is_empty());
    for file in files {
        let output = Command::new(plugins::binary())
            .args(["check", "--config"])
            .arg(&file)
            .output()
            .expect("the binary starts");
        let text = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {text}", file.display());
    }
}

#[test]
fn the_default_configuration_is_valid_as_it_is_printed() {
    let printed = Command::new(plugins::binary())
        .args(["config", "default"])
        .output()
        .expect("the binary starts");
    let text = String::from_utf8(printed.stdout).expect("text");
    hearthgate::config::Config::parse(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let schema = Command::new(plugins::binary())
        .args(["config", "schema"])
        .output()
        .expect("the binary starts");
    let schema: serde_json::Value =
        serde_json::from_slice(&schema.stdout).expect("the schema is JSON");
    assert!(schema["properties"].get("listener").is_some(), "{schema}");
}

#[tokio::test]
async fn released_plugins_of_this_version_still_run() {
    for version in ["0.2.0"] {
        let gateway = with_released(version).await;
        let mut client = gateway.client().await;
        client.watch(&["test/count"]).await;
        let first = client.next_of("test.count").await;
        assert_eq!(first["source"], json!("old"), "{version}");
        assert_eq!(
            client.next_of("test.count").await["data"]["n"].as_u64(),
            first["data"]["n"].as_u64().map(|n| n + 1)
        );
    }
}

#[tokio::test]
async fn released_plugins_of_an_older_version_are_refused_with_what_to_do() {
    let gateway = with_released("0.1.0").await;
    let status = gateway.status("old").await;
    assert_eq!(status["state"], "missing", "{status}");
    let reason = status["reason"].as_str().unwrap_or_default();
    for part in [
        "lifecycle@0.1.0",
        "this gateway speaks plugin API 0.2.0",
        "build the plugin anew with the plugin-api of this gateway",
        "or run a gateway of API 0.1.0",
    ] {
        assert!(reason.contains(part), "{part} is not in: {reason}");
    }
    gateway.client().await;
}

/// A gateway with `tests/fixtures/api-VERSION/rust.wasm`: the guest `counter` as it was then.
async fn with_released(version: &str) -> Gateway {
    let source = "[sources.old]\nplugin = \"counter\"\nconfig = { per-second = 50 }\ngrants = { publish = [\"test/#\"] }\n";
    let setup = Setup::new().toml(source);
    let file = root().join(format!("tests/fixtures/api-{version}/rust.wasm"));
    std::fs::copy(&file, setup.folder().join("plugins/counter.wasm"))
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    setup.start().await
}

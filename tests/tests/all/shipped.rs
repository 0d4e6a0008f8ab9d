//! What is shipped works: the configurations, and plugins that were released before.

use hearthgate_tests::{Setup, plugins};
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

/// `tests/fixtures/api-VERSION/rust.wasm` is the guest `counter` as it was then.
#[tokio::test]
async fn released_plugins_still_run() {
    let fixtures = root().join("tests/fixtures");
    let mut tried = 0;
    for entry in std::fs::read_dir(&fixtures)
        .expect("there are fixtures")
        .flatten()
    {
        let file = entry.path().join("rust.wasm");
        if !file.is_file() {
            continue;
        }
        let source = "[sources.old]\nplugin = \"counter\"\nconfig = { per-second = 50 }\ngrants = { publish = [\"test/#\"] }\n";
        let setup = Setup::new().toml(source);
        std::fs::copy(&file, setup.folder().join("plugins/counter.wasm"))
            .expect("a fixture can be copied");
        let gateway = setup.start().await;
        let mut client = gateway.client().await;
        client.watch(&["test/count"]).await;
        let first = client.next_of("test.count").await;
        assert_eq!(first["source"], json!("old"), "{}", file.display());
        assert_eq!(
            client.next_of("test.count").await["data"]["n"].as_u64(),
            first["data"]["n"].as_u64().map(|n| n + 1)
        );
        tried += 1;
    }
    assert!(tried > 0, "no fixture in {}", fixtures.display());
}

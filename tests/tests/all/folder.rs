//! The plugins folder: what is put into it runs, what is taken out stops, what is half there is left alone.

use hearthgate_tests::{Setup, Witness, plugins};
use serde_json::{Value, json};

/// Its file is missing at first.
const LATE: &str = r#"
[sources.late]
plugin = "metrics"
grants = { publish = ["metrics/#"], system = true }
"#;

#[tokio::test]
async fn adding_a_file_starts_what_the_configuration_names_and_removing_it_stops_it() {
    let gateway = Setup::new().with_witness().toml(LATE).start().await;
    let mut witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    client.watch(&["metrics/#"]).await;
    let missing = gateway.in_state("late", "missing").await;
    assert!(
        missing["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("metrics")),
        "{missing}"
    );
    gateway.install("metrics", 0);
    client.next_of("metrics.sample").await;
    gateway.in_state("late", "running").await;
    witness.unharmed().await;
    std::fs::remove_file(gateway.plugins().join("metrics.wasm")).expect("it is there");
    gateway
        .status_when("late", "is no longer running", |status| {
            status["state"] != "running"
        })
        .await;
    witness.unharmed().await;
}

#[tokio::test]
async fn a_file_that_is_half_written_is_not_loaded() {
    let gateway = Setup::new().with_witness().start().await;
    let mut witness = Witness::of(&gateway).await;
    let hash = gateway.status("witness").await["hash"].clone();
    let bytes = std::fs::read(plugins::compiled("counter-v2")).expect("it is built");
    let place = gateway.plugins().join("counter.wasm");
    // Overwritten in place, as `cp` does, by someone who is interrupted half-way.
    std::fs::write(&place, &bytes[..bytes.len() / 2]).expect("the folder can be written");
    let outcome = gateway.reload_after("witness", &Value::Null).await;
    assert_eq!(outcome["outcome"], "refused", "{outcome}");
    let status = gateway.status("witness").await;
    assert_eq!(
        (&status["state"], &status["hash"]),
        (&json!("running"), &hash),
        "{status}"
    );
    witness.unharmed().await;
    std::fs::write(&place, &bytes).expect("the folder can be written");
    let outcome = gateway.reload_after("witness", &outcome["at"]).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    witness.unharmed().await;
}

#[tokio::test]
async fn files_that_are_no_plugins_are_left_alone() {
    let gateway = Setup::new().with_witness().start().await;
    let mut witness = Witness::of(&gateway).await;
    for (name, bytes) in [
        ("README.txt", &b"hello"[..]),
        (".hidden.wasm", b"\0asm"),
        ("core.wasm", b"\0asm\x01\0\0\0"),
        ("empty.wasm", b""),
    ] {
        std::fs::write(gateway.plugins().join(name), bytes).expect("the folder can be written");
    }
    std::os::unix::fs::symlink("/etc/passwd", gateway.plugins().join("link.wasm"))
        .expect("a link can be made");
    witness.unharmed().await;
    let listed = gateway.admin().json("/api/v1/plugins").await;
    assert_eq!(
        listed["plugins"].as_array().map(Vec::len),
        Some(1),
        "{listed}"
    );
}

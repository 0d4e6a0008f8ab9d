//! The plugins folder: what is put into it runs, what is taken out stops, what is half there is left alone.

use hearthgate_tests::{Setup, Witness, plugins};
use serde_json::{Value, json};

/// A source whose file is taken out and put back.
const LATE: &str = r#"
[sources.late]
plugin = "metrics"
grants = { publish = ["metrics/#"], system = true }
"#;

#[tokio::test]
async fn removing_a_file_stops_its_source_and_adding_one_starts_it() {
    let gateway = Setup::new().with_witness().toml(LATE).start().await;
    let mut witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    client.watch(&["metrics/#"]).await;
    gateway.in_state("late", "missing").await;
    gateway.install("metrics", 1);
    client.next_of("metrics.sample").await;
    std::fs::remove_file(gateway.plugins().join("metrics.wasm")).expect("it is there");
    let missing = gateway.in_state("late", "missing").await;
    let reason = missing["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("metrics"), "{missing}");
    client.command("ping", Value::Null).await;
    client.take_kept();
    witness.unharmed().await;
    gateway.install("metrics", 0);
    gateway.in_state("late", "running").await;
    client.next_of("metrics.sample").await;
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

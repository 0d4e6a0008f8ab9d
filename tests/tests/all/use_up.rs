//! Guests that take what they can get: each proof shows that the deed was done, where it was stopped, and that the
//! gateway's process did not grow by it.

use crate::rogue::{contained, with_guest, with_limits};
use hearthgate_tests::peers::TcpPeer;
use hearthgate_tests::{Client, Gateway, Witness};
use serde_json::{Value, json};

const MIB: u64 = 1 << 20;

/// The most memory that the gateway's process ever held, in bytes.
fn peak(gateway: &Gateway) -> u64 {
    let path = format!("/proc/{}/status", gateway.process_id().expect("it runs"));
    let status = std::fs::read_to_string(path).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.expect("a size in KiB") * 1024
}

/// What the guest says that it got.
async fn got(client: &mut Client) -> Value {
    client.next_on("test/got").await["data"].clone()
}

#[tokio::test]
async fn memory() {
    let mut gateway = with_guest("misbehave", "handle", "memory-bomb", "").await;
    let witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    let before = peak(&gateway);
    let mut client = gateway.client().await;
    client
        .refused("misbehave", json!(null), "HANDLER_FAILED")
        .await;
    let status = contained(&mut gateway, witness).await;
    let error = status["last_error"].as_str().unwrap_or_default();
    assert!(
        error.contains("memory allocation of") && error.contains("failed"),
        "it ended because it got no more: {error}"
    );
    let grown = peak(&gateway) - before;
    assert!(grown < 8 * MIB + 24 * MIB, "grown by {} MiB", grown / MIB);
}

#[tokio::test]
async fn a_string_of_a_hundred_megabytes_is_not_even_copied() {
    // Room enough for the guest to make it: it is the host that must not take it.
    let limits = "memory = \"128MiB\", call-time = \"5s\", call-timeout = \"10s\"";
    let mut gateway = with_limits("misbehave", "on-text", "big-string", "", limits, "").await;
    let witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    let before = peak(&gateway);
    let mut client = Client::open(gateway.address(), "/rogue")
        .await
        .expect("the handshake succeeds");
    client.send_text("hello").await;
    let status = contained(&mut gateway, witness).await;
    let error = status["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("fuel"), "{error}");
    let grown = peak(&gateway) - before;
    assert!(
        (90 * MIB..160 * MIB).contains(&grown),
        "grown by {} MiB: the guest's own memory, and no second copy",
        grown / MIB
    );
}

#[tokio::test]
async fn a_string_that_is_larger_than_the_guests_memory() {
    let mut gateway = with_guest("misbehave", "handle", "big-string", "").await;
    let witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    let before = peak(&gateway);
    let mut client = gateway.client().await;
    client
        .refused("misbehave", json!(null), "HANDLER_FAILED")
        .await;
    let status = contained(&mut gateway, witness).await;
    let error = status["last_error"].as_str().unwrap_or_default();
    assert!(
        error.contains("memory allocation of 100000000 bytes failed"),
        "{error}"
    );
    let grown = peak(&gateway) - before;
    assert!(grown < 32 * MIB, "grown by {} MiB", grown / MIB);
}

#[tokio::test]
async fn tables() {
    let guest = "misbehave-table-growth";
    let mut gateway = with_guest(guest, "handle", "table-growth", "").await;
    let mut witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    let before = peak(&gateway);
    let mut client = gateway.client().await;
    client.watch(&["test/got"]).await;
    // A growth that is refused is no fault: the guest is told, and answers.
    let answer = client.command("misbehave", json!(null)).await;
    assert_eq!(answer["type"], "reply", "{answer}");
    let elements = got(&mut client).await["elements"]
        .as_u64()
        .expect("a number");
    assert!(
        (10_000..=65_536).contains(&elements),
        "{elements} elements: it grew, and was stopped"
    );
    let grown = peak(&gateway) - before;
    assert!(grown < 32 * MIB, "grown by {} MiB", grown / MIB);
    witness.unharmed().await;
    gateway.assert_alive();
}

#[tokio::test]
async fn handles() {
    let peer = TcpPeer::start().await;
    let url = format!("http://{}/", peer.address());
    let (keys, grants) = (
        format!(
            ", amount = 2000, url = \"{url}\", socket = \"ws://{}/\"",
            peer.address()
        ),
        format!(
            ", connect = [\"{url}\", \"ws://{}/\"], files = [\"/flood/*\"]",
            peer.address()
        ),
    );
    let limits = "timers = 50, connections = 7, http-requests = 6, files = 5, metric-series = 20, call-time = \"5s\", call-timeout = \"10s\"";
    let mut gateway = with_limits(
        "misbehave",
        "handle",
        "handle-flood",
        &keys,
        limits,
        &grants,
    )
    .await;
    let mut witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    let open = || {
        let folder = format!("/proc/{}/fd", gateway.process_id().expect("it runs"));
        std::fs::read_dir(folder).expect("Linux").count()
    };
    let before = open();
    let mut client = gateway.client().await;
    client.watch(&["test/got"]).await;
    let answer = client.command("misbehave", json!(null)).await;
    assert_eq!(answer["type"], "reply", "{answer}");
    let got = got(&mut client).await;
    // The guest's tick is a timer too.
    let expected = json!({"asked": 2000, "timers": 49, "sockets": 7, "requests": 6, "files": 5});
    assert_eq!(got, expected);
    let more = open() - before;
    assert!(more <= 7 + 6 + 5 + 4, "{more} files more are open");
    let metrics = gateway.admin().get("/metrics").await.text();
    let of_its_own = |line: &&str| line.contains("flood{");
    let series = metrics.lines().filter(of_its_own).count();
    assert!(
        (1..=20).contains(&series),
        "{series} series of the guest's own"
    );
    witness.unharmed().await;
    gateway.assert_alive();
}

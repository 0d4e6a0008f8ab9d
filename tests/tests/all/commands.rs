//! Host calls that never return: the guest's time ends them, and nothing is left of them.

use crate::rogue::{LIMITS, contained, with_limits};
use hearthgate_tests::client::error_code;
use hearthgate_tests::peers::TcpPeer;
use hearthgate_tests::{Gateway, Witness, wait};
use serde_json::json;

/// The processes that the gateway started, those that ended but were not waited for included.
fn children(gateway: &Gateway) -> Vec<u32> {
    let parent = gateway.process_id().expect("it runs").to_string();
    let entries = std::fs::read_dir("/proc").expect("Linux");
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // After the name, which may contain anything: the state, then the parent.
        let after = stat.rsplit(')').next().unwrap_or_default();
        after.split_whitespace().nth(1) == Some(parent.as_str())
    })
    .collect()
}

async fn sleeping(grant: &str) -> (Gateway, Witness) {
    let keys = ", command = \"slow\"";
    let grants = format!(
        ", commands = {{ slow = {{ program = \"/bin/sleep\", arguments = [\"1000\"]{grant} }} }}"
    );
    let gateway = with_limits(
        "misbehave",
        "handle",
        "slow-host-call",
        keys,
        LIMITS,
        &grants,
    )
    .await;
    let witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    (gateway, witness)
}

async fn nothing_is_left(gateway: &Gateway) {
    let gone = || async { children(gateway).is_empty().then_some(()) };
    wait::until("the command is gone", gone).await;
}

#[tokio::test]
async fn a_command_is_killed_at_its_own_time() {
    let (mut gateway, mut witness) = sleeping(", timeout = \"300ms\"").await;
    let mut client = gateway.client().await;
    client
        .send_text(json!({"type": "misbehave", "id": "slow"}).to_string())
        .await;
    let runs = || async { (children(&gateway).len() == 1).then_some(()) };
    wait::until("the command runs", runs).await;
    let answer = client.answer(&json!("slow")).await;
    assert!(error_code(&answer).is_some(), "{answer}");
    let text = answer.to_string();
    assert!(
        text.contains("killed") || text.contains("Timeout"),
        "{text}"
    );
    nothing_is_left(&gateway).await;
    let status = gateway.status("rogue").await;
    assert_eq!(
        (&status["state"], &status["restarts"]),
        (&json!("running"), &json!(0)),
        "the guest was told, and goes on: {status}"
    );
    witness.unharmed().await;
    gateway.assert_alive();
}

#[tokio::test]
async fn a_command_ends_before_the_call_that_waits_for_it() {
    let (mut gateway, mut witness) = sleeping(", timeout = \"1h\"").await;
    let mut client = gateway.client().await;
    client
        .send_text(json!({"type": "misbehave", "id": "slow"}).to_string())
        .await;
    let runs = || async { (children(&gateway).len() == 1).then_some(()) };
    wait::until("the command runs", runs).await;
    let answer = client.answer(&json!("slow")).await.to_string();
    assert!(answer.contains("killed after"), "{answer}");
    nothing_is_left(&gateway).await;
    let status = gateway.status("rogue").await;
    assert_eq!(
        (&status["state"], &status["restarts"]),
        (&json!("running"), &json!(0)),
        "the guest was told, and goes on: {status}"
    );
    witness.unharmed().await;
    gateway.assert_alive();
}

#[tokio::test]
async fn a_request_that_is_never_answered_is_cut_off() {
    let peer = TcpPeer::start().await;
    let url = format!("http://{}/", peer.address());
    let keys = format!(", url = \"{url}\"");
    let grants = format!(", connect = [\"{url}\"]");
    let mut gateway = with_limits(
        "misbehave",
        "input",
        "slow-host-call",
        &keys,
        LIMITS,
        &grants,
    )
    .await;
    let witness = Witness::of(&gateway).await;
    // Accepted, and never answered.
    let mut silent = peer.accept().await;
    let status = contained(&mut gateway, witness).await;
    let error = status["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("timed out"), "{error}");
    let mut asked = Vec::new();
    let end = tokio::io::AsyncReadExt::read_to_end(&mut silent, &mut asked);
    // A reset is an end too: the connection is not left open.
    let _ = wait::soon("the end of the connection", end).await;
    assert!(asked.starts_with(b"GET "), "{asked:?}");
}

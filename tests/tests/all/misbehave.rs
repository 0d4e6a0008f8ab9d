//! Guests that misbehave on purpose: nobody else notices, and the operator is told.

use crate::rogue::{contained, with_guest};
use hearthgate_tests::{Witness, wait};
use serde_json::{Value, json};

async fn a_trap(when: &str) {
    let mut gateway = with_guest("misbehave", when, "trap", "").await;
    let witness = Witness::of(&gateway).await;
    let status = contained(&mut gateway, witness).await;
    assert!(
        gateway
            .admin()
            .metric("hearthgate_guest_faults_total", &["rogue"])
            .await
            >= 1.0,
        "{status}"
    );
    let error = status["last_error"].as_str().unwrap_or_default();
    assert!(
        error.contains("trapped") && error.contains("told to trap"),
        "why, in the guest's own words: {error}"
    );
}

#[tokio::test]
async fn a_trap_in_init() {
    a_trap("init").await;
}

#[tokio::test]
async fn a_trap_in_an_input() {
    a_trap("input").await;
}

#[tokio::test]
async fn each_way_to_fail_in_init_has_its_state() {
    for (what, state, said) in [
        ("fail-unauthorized", "parked", "told"),
        ("fail-misconfigured", "parked", "told"),
        ("fail-fatal", "waiting", "told"),
        ("fail-not-ready", "waiting", "told"),
    ] {
        let gateway = with_guest("misbehave", "init", what, ", amount = 60000").await;
        let mut witness = Witness::of(&gateway).await;
        let status = gateway.in_state("rogue", state).await;
        assert!(
            status["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains(said)),
            "{what}: {status}"
        );
        witness.unharmed().await;
    }
}

#[tokio::test]
async fn a_parked_plugin_starts_when_its_configuration_changes() {
    let gateway = with_guest("misbehave", "init", "fail-misconfigured", "").await;
    gateway.in_state("rogue", "parked").await;
    gateway.configure(|text| text.replace("fail-misconfigured", "none"));
    gateway.in_state("rogue", "running").await;
}

#[tokio::test]
async fn after_five_crashes_it_stays_down_until_its_configuration_changes() {
    let gateway = with_guest("misbehave", "init", "trap", "").await;
    let mut witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "waiting").await;
    // Four restarts, one, two, four and eight seconds apart.
    let status = gateway.in_state("rogue", "failed").await;
    let reason = status["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("trapped"), "{status}");
    gateway
        .journal
        .line("the guest's own words", |line| {
            line.text.contains("told to trap")
        })
        .await;
    witness.unharmed().await;
    gateway.configure(|text| text.replace("what = \"trap\"", "what = \"none\""));
    gateway.in_state("rogue", "running").await;
}

#[tokio::test]
async fn a_flood_of_events_is_held_to_the_rate() {
    let mut gateway = with_guest("misbehave", "input", "event-flood", ", amount = 5000").await;
    let mut witness = Witness::of(&gateway).await;
    let throttled = || async {
        (gateway
            .admin()
            .metric("hearthgate_guest_throttled_total", &["rogue"])
            .await
            >= 1.0)
            .then_some(())
    };
    wait::until("the flood is throttled", throttled).await;
    let before = gateway
        .admin()
        .metric("hearthgate_guest_published_total", &["rogue"])
        .await;
    let begun = tokio::time::Instant::now();
    witness.unharmed().await;
    let published = gateway
        .admin()
        .metric("hearthgate_guest_published_total", &["rogue"])
        .await
        - before;
    let allowed = 100.0 * (begun.elapsed().as_secs_f64() + 1.0) + 100.0;
    assert!(published <= allowed, "{published} in {:?}", begun.elapsed());
    gateway.assert_alive();
}

#[tokio::test]
async fn a_flood_of_log_lines_is_held_to_the_rate_and_can_not_forge_a_line() {
    let mut gateway = with_guest("misbehave", "input", "log-flood", ", amount = 500").await;
    let mut witness = Witness::of(&gateway).await;
    let dropped = || async {
        (gateway
            .admin()
            .metric("hearthgate_guest_log_lines_dropped_total", &["rogue"])
            .await
            >= 1.0)
            .then_some(())
    };
    wait::until("lines are dropped", dropped).await;
    let begun = gateway.journal.containing("rogue").len();
    witness.unharmed().await;
    let more = gateway.journal.containing("rogue").len() - begun;
    assert!(more <= 40, "{more} lines in about a second");
    for line in gateway.journal.lines() {
        assert!(
            !line.level.is_empty(),
            "a line that is no JSON object of ours: {}",
            line.text
        );
        assert!(
            !line.text.contains('\u{1b}'),
            "an escape sequence: {}",
            line.text
        );
    }
    gateway.assert_alive();
}

#[tokio::test]
async fn the_source_of_an_event_can_not_be_forged() {
    let gateway = with_guest("misbehave", "input", "forged-source", "").await;
    let mut witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    client.watch(&["test/forged"]).await;
    let event = client.next_on("test/forged").await;
    assert_eq!(event["source"], "rogue", "{event}");
    witness.unharmed().await;
}

#[tokio::test]
async fn a_topic_outside_the_grant_is_denied() {
    let gateway = with_guest("misbehave", "input", "topic-outside", "").await;
    let mut witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    client.watch(&["forbidden/#", "end"]).await;
    let denied = || async {
        (gateway
            .admin()
            .metric("hearthgate_guest_denied_total", &["rogue"])
            .await
            >= 1.0)
            .then_some(())
    };
    wait::until("the publish is denied", denied).await;
    gateway
        .journal
        .line("the missing grant", |line| {
            line.text.contains("rogue") && line.text.contains("forbidden/topic")
        })
        .await;
    gateway.admin().emit("end", json!(1)).await;
    let first = client
        .find("an event", |frame| frame["topic"].is_string())
        .await;
    assert_eq!(first["topic"], "end", "nothing came through: {first}");
    witness.unharmed().await;
}

#[tokio::test]
async fn a_state_that_is_too_large_is_dropped_and_the_reload_goes_on() {
    let gateway = with_guest("misbehave", "save", "oversized-state", ", amount = 4000000").await;
    let mut witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    gateway.install("misbehave", 1);
    let outcome = gateway.reload_after("rogue", &Value::Null).await;
    assert_eq!(
        (&outcome["outcome"], &outcome["state"]),
        (&json!("reloaded"), &json!("dropped")),
        "{outcome}"
    );
    witness.unharmed().await;
}

//! Guests that misbehave on purpose: nobody else notices, and the operator is told.

use hearthgate_tests::{Gateway, Setup, Witness, wait};
use serde_json::{Value, json};

const LIMITS: &str = "memory = \"8MiB\", call-time = \"50ms\", call-timeout = \"500ms\", init-timeout = \"1s\", publish-rate = 100, log-rate = 5";

/// A gateway with a bystander and a guest that does `what` when `when`; `keys` are more of its configuration.
async fn with_guest(guest: &str, when: &str, what: &str, keys: &str) -> Gateway {
    let source = format!(
        r##"
[sources.rogue]
plugin = "misbehave"
config = {{ when = "{when}", what = "{what}"{keys} }}
grants = {{ publish = ["test/#"], subscribe = ["test/trigger/#"], handle = ["misbehave"] }}
limits = {{ {LIMITS} }}
"##
    );
    let routes = r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/rogue", dialect = "rogue" }, { path = "/http", plugin = "rogue" }]"#;
    Setup::new()
        .listener(routes)
        .with_witness()
        .plugin_as(guest, "misbehave")
        .toml(&source)
        .start()
        .await
}

/// The operator sees what happened, and the gateway, the other plugin and the clients go on.
async fn contained(gateway: &mut Gateway, mut witness: Witness) -> Value {
    let status = gateway
        .status_when("rogue", "shows its error", |status| {
            status["last_error"].is_string()
        })
        .await;
    witness.unharmed().await;
    gateway.assert_alive();
    status
}

async fn contained_fault(when: &str, what: &str) {
    let mut gateway = with_guest("misbehave", when, what, "").await;
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
}

#[tokio::test]
async fn an_endless_loop_in_init() {
    contained_fault("init", "loop").await;
}

#[tokio::test]
async fn an_endless_loop_in_an_input() {
    contained_fault("input", "loop").await;
}

#[tokio::test]
async fn a_trap_in_init() {
    contained_fault("init", "trap").await;
}

#[tokio::test]
async fn a_trap_in_an_input() {
    contained_fault("input", "trap").await;
}

#[tokio::test]
async fn a_memory_bomb() {
    contained_fault("input", "memory-bomb").await;
}

#[tokio::test]
async fn a_table_that_grows() {
    let mut gateway = with_guest("misbehave-table-growth", "input", "table-growth", "").await;
    let mut witness = Witness::of(&gateway).await;
    // A growth that is refused is no fault: the guest is told, and goes on or traps as it likes.
    witness.unharmed().await;
    gateway.assert_alive();
    let memory = gateway.status("rogue").await["memory_bytes"]
        .as_u64()
        .expect("a size");
    assert!(memory <= 8 << 20, "{memory}");
    assert!(
        resident(&gateway) < 1 << 30,
        "the gateway holds {} bytes",
        resident(&gateway)
    );
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
async fn a_string_of_a_hundred_megabytes() {
    let mut gateway = with_guest("misbehave", "input", "big-string", "").await;
    let mut witness = Witness::of(&gateway).await;
    gateway
        .status_when("rogue", "shows its error", |status| {
            status["last_error"].is_string()
        })
        .await;
    witness.unharmed().await;
    gateway.assert_alive();
    assert!(
        resident(&gateway) < 1 << 30,
        "the gateway holds {} bytes",
        resident(&gateway)
    );
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
async fn a_flood_of_handles_is_bounded() {
    let mut gateway = with_guest("misbehave", "input", "handle-flood", ", amount = 2000").await;
    let mut witness = Witness::of(&gateway).await;
    witness.unharmed().await;
    let descriptors = std::fs::read_dir(format!(
        "/proc/{}/fd",
        gateway.process_id().expect("it runs")
    ))
    .expect("Linux")
    .count();
    assert!(descriptors < 200, "{descriptors} open files");
    let series = gateway
        .admin()
        .get("/metrics")
        .await
        .text()
        .lines()
        .filter(|line| line.contains("rogue"))
        .count();
    assert!(series < 400, "{series} series");
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
async fn a_host_call_that_never_returns_is_cut_off() {
    let peer = hearthgate_tests::peers::TcpPeer::start().await;
    let url = format!("http://{}/", peer.address());
    let source = format!(
        r#"
[sources.rogue]
plugin = "misbehave"
config = {{ when = "input", what = "slow-host-call", url = "{url}" }}
grants = {{ publish = ["test/#"], handle = ["misbehave"], connect = ["{url}"] }}
limits = {{ {LIMITS} }}
"#
    );
    let mut gateway = Setup::new()
        .with_witness()
        .plugin("misbehave")
        .toml(&source)
        .start()
        .await;
    let witness = Witness::of(&gateway).await;
    // Accepted, and never answered.
    let _silent = peer.accept().await;
    contained(&mut gateway, witness).await;
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

#[tokio::test]
async fn loops_in_save_stop_and_reconfigure_hold_nobody_up() {
    for when in ["save", "stop", "reconfigure"] {
        let mut gateway = with_guest("misbehave", when, "loop", "").await;
        let mut witness = Witness::of(&gateway).await;
        gateway.in_state("rogue", "running").await;
        if when == "reconfigure" {
            let changed = "what = \"loop\", note = \"changed\"";
            gateway.configure(|text| text.replace("what = \"loop\"", changed));
        } else {
            gateway.install("misbehave", 1);
        }
        // A guest that can't be told of the change is replaced.
        let outcome = gateway.reload_after("rogue", &Value::Null).await;
        assert_eq!(outcome["outcome"], "reloaded", "{when}: {outcome}");
        witness.unharmed().await;
        assert!(gateway.stop().await.success(), "{when}");
    }
}

#[tokio::test]
async fn loops_in_what_clients_call_fail_that_call_only() {
    let mut gateway = with_guest("misbehave", "handle", "loop", "").await;
    let witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    client
        .refused("misbehave", json!(null), "HANDLER_FAILED")
        .await;
    contained(&mut gateway, witness).await;

    let mut gateway = with_guest("misbehave", "serve", "loop", "").await;
    let witness = Witness::of(&gateway).await;
    let answer = hearthgate_tests::Admin::new(gateway.address())
        .get("/http")
        .await;
    assert!((500..=504).contains(&answer.status), "{}", answer.status);
    contained(&mut gateway, witness).await;

    let mut gateway = with_guest("misbehave", "events", "loop", "").await;
    let witness = Witness::of(&gateway).await;
    gateway.in_state("rogue", "running").await;
    gateway.admin().emit("test/trigger/a", json!(1)).await;
    contained(&mut gateway, witness).await;
}

/// Resident memory of the gateway, in bytes.
fn resident(gateway: &Gateway) -> u64 {
    let path = format!("/proc/{}/status", gateway.process_id().expect("it runs"));
    let status = std::fs::read_to_string(path).expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a size");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .expect("KiB")
        * 1024
}

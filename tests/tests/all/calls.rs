//! Plugins that ask other plugins, and the gateway.

use hearthgate_tests::{Gateway, Setup};
use serde_json::json;

const TWO: &str = r#"
[sources.one]
plugin = "allround"
grants = { handle = ["do"], call = ["do", "do.too"], gateway = ["disconnect", "stats"] }
[sources.two]
plugin = "allround"
grants = { handle = ["do.too"], call = ["do", "do.too"] }
"#;

async fn start() -> Gateway {
    let gateway = Setup::new().plugin("allround").toml(TWO).start().await;
    gateway.in_state("one", "running").await;
    gateway.in_state("two", "running").await;
    gateway
}

#[tokio::test]
async fn a_call_that_leads_back_is_refused_and_nobody_waits_for_it() {
    let gateway = start().await;
    let mut client = gateway.client().await;
    let back = json!({"call": "calls.call", "kind": "do", "data": {"call": "system.snapshot"}});
    let there = json!({"call": "calls.call", "kind": "do.too", "data": back});
    let begun = std::time::Instant::now();
    let answer = client.command("do", there).await;
    let error = &answer["data"]["ok"]["error"];
    assert!(
        error.as_str().is_some_and(|e| e.contains("lead back")),
        "{answer}"
    );
    // Far less than limits.call-timeout, which it would have come to.
    assert!(begun.elapsed() < std::time::Duration::from_secs(4));
}

#[tokio::test]
async fn two_sources_that_call_each_other_at_once_both_go_on() {
    let gateway = start().await;
    let mut clients = [gateway.client().await, gateway.client().await];
    let quick = json!({"call": "timers.cancel", "id": 1});
    let call = |kind: &str| json!({"call": "calls.call", "kind": kind, "data": quick});
    for round in 0..20 {
        let [a, b] = &mut clients;
        let (one, two) = tokio::join!(
            a.command("do", call("do.too")),
            b.command("do.too", call("do"))
        );
        for answer in [one, two] {
            assert_eq!(answer["type"], "reply", "round {round}: {answer}");
        }
    }
    for name in ["one", "two"] {
        let status = gateway.status(name).await;
        assert_eq!(status["restarts"], 0, "{status}");
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_by_its_id_is_told_why() {
    let gateway = start().await;
    let (mut asking, mut other) = (gateway.client().await, gateway.client().await);
    let id = other.welcome["client_id"].clone();
    let task =
        json!({"call": "gateway.disconnect", "client": id, "code": 4321, "reason": "enough"});
    let answer = asking.command("do", task.clone()).await;
    assert_eq!(answer["data"]["ok"], true, "{answer}");
    let told = other.next_of("disconnect").await;
    assert_eq!(told["data"]["code"], 4321, "{told}");
    assert_eq!(told["data"]["reason"], "enough", "{told}");
    assert!(told["data"]["reconnect"].is_object(), "{told}");
    let closed = other.closed().await;
    assert_eq!(
        (closed.code, closed.reason.as_str()),
        (Some(4321), "enough")
    );
    let gone = || async {
        let stats = gateway.admin().json("/api/v1/stats").await;
        (stats["connections"] == 1).then_some(())
    };
    hearthgate_tests::wait::until("it is gone", gone).await;
    let answer = asking.command("do", task).await;
    assert_eq!(answer["data"]["ok"], false, "{answer}");
    // What it sent is in the totals still.
    let stats = gateway.admin().json("/api/v1/stats").await;
    assert_eq!(stats["connections_total"], 2, "{stats}");
    assert_eq!(stats["connection_errors"], 0, "{stats}");
}

#[tokio::test]
async fn what_takes_too_long_is_an_error_in_the_guest_and_not_its_end() {
    let sections = r#"
[sources.one]
plugin = "allround"
limits = { call-timeout = "1s" }
[sources.one.grants]
handle = ["do"]
commands = { hello = { program = "/bin/sleep", arguments = ["30"], timeout = "60s" } }
"#;
    let gateway = Setup::new().plugin("allround").toml(sections).start().await;
    gateway.in_state("one", "running").await;
    let mut client = gateway.client().await;
    let nap = json!({"call": "commands.run", "name": "hello"});
    let answer = client.command("do", nap).await;
    let error = &answer["data"]["error"];
    assert!(
        error
            .as_str()
            .is_some_and(|error| error.contains("killed after")),
        "{answer}"
    );
    let status = gateway.status("one").await;
    assert_eq!(status["restarts"], 0, "{status}");
}

//! Messages that plugins answer.

use hearthgate_tests::{Gateway, Setup, Witness, wait};
use serde_json::json;

const PARROT: &str = r#"
[handlers.polly]
plugin = "parrot"
config = { prefix = "aye" }
grants = { handle = ["parrot", "parrot.refuse", "parrot.trap", "parrot.loop"] }
"#;

async fn start() -> Gateway {
    let setup = Setup::new().with_witness().plugin("parrot");
    running(setup.toml(PARROT)).await
}

/// Where the machine is busy, a plugin may be compiled for longer than the gateway waits for it.
async fn running(setup: Setup) -> Gateway {
    let gateway = setup.start().await;
    gateway.in_state("polly", "running").await;
    gateway
}

#[tokio::test]
async fn a_reply_carries_the_plugins_data_and_the_type_it_answers() {
    let gateway = start().await;
    let mut client = gateway.client().await;
    let reply = client
        .command("parrot", json!({"say": ["hello", null]}))
        .await;
    assert_eq!(
        (&reply["type"], &reply["of"]),
        (&json!("reply"), &json!("parrot")),
        "{reply}"
    );
    assert_eq!(
        (
            &reply["data"]["heard"],
            &reply["data"]["prefix"],
            &reply["data"]["instance"]
        ),
        (
            &json!({"say": ["hello", null]}),
            &json!("aye"),
            &json!("polly")
        )
    );
    assert_eq!(
        reply["data"]["from"]["id"], client.welcome["client_id"],
        "the handler is told who asks"
    );
    assert_eq!(reply["data"]["from"]["address"], "127.0.0.1");
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let gateway = start().await;
    let mut client = gateway.client().await;
    for (how, code) in [
        ("bad-request", "INVALID_FIELD"),
        ("forbidden", "FORBIDDEN"),
        ("not-found", "INVALID_FIELD"),
        ("unavailable", "HANDLER_UNAVAILABLE"),
    ] {
        let error = client
            .refused(
                "parrot.refuse",
                json!({"how": how, "message": "because"}),
                code,
            )
            .await;
        assert_eq!(
            (&error["of"], error["data"]["message"].as_str()),
            (&json!("parrot.refuse"), Some("because")),
            "{error}"
        );
    }
    client
        .refused("parrot.refuse", json!("no object"), "INVALID_FIELD")
        .await;
}

#[tokio::test]
async fn a_handler_that_traps_or_never_returns_fails_that_message_only() {
    let gateway = start().await;
    let mut witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    for kind in ["parrot.trap", "parrot.loop"] {
        let error = client.refused(kind, json!(null), "HANDLER_FAILED").await;
        assert!(
            !error.to_string().contains("wasm"),
            "what happened inside is the operator's to know: {error}"
        );
        let reply = client.command("parrot", json!(kind)).await;
        assert_eq!(reply["data"]["heard"], kind, "{reply}");
    }
    witness.unharmed().await;
    assert!(gateway.status("polly").await["last_error"].is_string());
}

#[tokio::test]
async fn many_can_be_under_way_and_answers_find_their_way() {
    let gateway = start().await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(gateway.client().await);
    }
    for (number, client) in clients.iter_mut().enumerate() {
        for id in 0..10 {
            client
                .send_text(json!({"type": "parrot", "id": id, "data": [number, id]}).to_string())
                .await;
        }
    }
    for (number, client) in clients.iter_mut().enumerate() {
        for id in 0..10 {
            assert_eq!(
                client.answer(&json!(id)).await["data"]["heard"],
                json!([number, id])
            );
        }
    }
}

#[tokio::test]
async fn a_type_that_is_not_granted_is_nobodys() {
    let alone = PARROT.replace(", \"parrot.refuse\", \"parrot.trap\", \"parrot.loop\"", "");
    let gateway = running(Setup::new().plugin("parrot").toml(&alone)).await;
    let mut client = gateway.client().await;
    assert_eq!(client.command("parrot", json!(1)).await["type"], "reply");
    client
        .refused("parrot.trap", json!(null), "UNKNOWN_TYPE")
        .await;
}

#[tokio::test]
async fn calls_that_the_version_before_never_ends_do_not_bring_it_back() {
    let limits = "limits = { call-time = \"2s\" }\n";
    let setup = Setup::new().plugin("parrot");
    let setup = setup.plugin_keys("probation = \"30s\"");
    let gateway = running(setup.toml(&format!("{PARROT}{limits}"))).await;
    let mut client = gateway.client().await;
    for id in 0..3 {
        client
            .send_text(json!({"type": "parrot.loop", "id": id}).to_string())
            .await;
    }
    let looping = || async { (gateway.journal.containing("looping").len() == 3).then_some(()) };
    wait::until("all three calls have begun", looping).await;
    gateway.install_as("parrot", "parrot", 1);
    for id in 0..3 {
        let answer = client.answer(&json!(id)).await;
        assert_eq!(answer["data"]["code"], "HANDLER_FAILED", "{answer}");
    }
    let outcome = gateway.reload_after("polly", &json!(null)).await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
    let hash = outcome["hash"].clone();
    client.command("parrot", json!("still there")).await;
    let status = gateway.status("polly").await;
    assert_eq!(
        (&status["last_reload"]["outcome"], &status["hash"]),
        (&json!("reloaded"), &hash),
        "{status}"
    );
}

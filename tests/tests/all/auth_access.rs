//! What somebody may read, publish and call, and how a change of the rules reaches those who are connected.

use hearthgate_tests::{Client, Gateway, Issuer, Setup};
use serde_json::{Value, json};

const RULES: &str = r##"
[access]
public = ["open/#"]

[[access.rule]]
roles = ["family"]
read = ["home/#", "user/{subject}/#"]
publish = ["chat/{subject}"]
kinds = ["test.event", "chat.*"]
call = ["announce"]
"##;

async fn start(rules: &str) -> (Gateway, Issuer) {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let gateway = setup
        .plugin("announce")
        .toml(&section)
        .toml("[handlers.announce]\nplugin = \"announce\"\ngrants = { handle = [\"announce\"], publish = [\"notification/#\"] }")
        .access(rules)
        .start()
        .await;
    gateway.in_state("announce", "running").await;
    (gateway, issuer)
}

async fn client(gateway: &Gateway, issuer: &Issuer, subject: &str, roles: &[&str]) -> Client {
    let bearer = format!("Bearer {}", issuer.token(subject, roles));
    Client::connect_with(gateway.address(), "/ws", &[("authorization", &bearer)]).await
}

fn code(answer: &Value) -> &str {
    answer["data"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn each_reads_what_it_may_and_nothing_else() {
    let (gateway, issuer) = start(RULES).await;
    let mut anonymous = gateway.client().await;
    let mut alice = client(&gateway, &issuer, "alice", &["family"]).await;
    let mut guest = client(&gateway, &issuer, "guest", &[]).await;
    let admin = gateway.admin();
    let kept = json!({"kind": "test.event", "topic": "home/a", "data": 0, "retain": true});
    admin.publish(kept).await;
    for client in [&mut anonymous, &mut alice, &mut guest] {
        let subscribed = client
            .subscribe(json!({"topics": ["#"], "snapshot": true}))
            .await;
        let replayed = subscribed["replayed"].as_u64();
        assert!(replayed <= Some(1));
    }
    for (topic, kind) in [
        ("home/b", "test.event"),
        ("home/c", "secret.event"),
        ("user/alice/x", "test.event"),
        ("user/bob/x", "test.event"),
        ("open/end", "test.event"),
    ] {
        admin
            .publish(json!({"kind": kind, "topic": topic, "data": 1}))
            .await;
    }
    let mut seen = Vec::new();
    for client in [&mut anonymous, &mut alice, &mut guest] {
        let mut topics = Vec::new();
        while topics.last().map(String::as_str) != Some("open/end") {
            topics.push(
                client.next().await["topic"]
                    .as_str()
                    .unwrap_or("-")
                    .to_owned(),
            );
        }
        seen.push(topics);
    }
    assert_eq!(seen[0], ["open/end"]);
    assert_eq!(seen[1], ["home/a", "home/b", "user/alice/x", "open/end"]);
    assert_eq!(seen[2], ["open/end"]);
    let refused = anonymous
        .command("subscribe", json!({"topics": ["home/#", "user/alice/#"]}))
        .await;
    assert_eq!(code(&refused), "FORBIDDEN", "{refused}");
    let refused = alice
        .command(
            "subscribe",
            json!({"topics": ["home/#"], "kinds": ["secret.event"]}),
        )
        .await;
    assert_eq!(code(&refused), "FORBIDDEN", "{refused}");
}

#[tokio::test]
async fn publishing_and_calling_need_a_rule() {
    let (gateway, issuer) = start(RULES).await;
    let mut anonymous = gateway.client().await;
    let mut alice = client(&gateway, &issuer, "alice", &["family"]).await;
    let mut watcher = client(&gateway, &issuer, "alice", &["family"]).await;
    watcher.subscribe(json!({"topics": ["home/#"]})).await;
    let event =
        |topic: &str, kind: &str| json!({"kind": kind, "topic": topic, "data": {"text": "hi"}});
    for (topic, kind, expected) in [
        ("chat/alice", "chat.said", ""),
        ("chat/bob", "chat.said", "FORBIDDEN"),
        ("chat/alice", "other.kind", "FORBIDDEN"),
        ("gateway/config", "chat.said", "FORBIDDEN"),
        ("chat/alice", "nokind", "INVALID_FIELD"),
    ] {
        let answer = alice.command("publish", event(topic, kind)).await;
        assert_eq!(code(&answer), expected, "{topic} {kind}: {answer}");
    }
    let answer = anonymous
        .command("publish", event("open/a", "chat.said"))
        .await;
    assert_eq!(code(&answer), "FORBIDDEN");
    let said = json!({"message": "dinner"});
    let refused = anonymous.command("announce", said.clone()).await;
    assert_eq!(code(&refused), "FORBIDDEN", "{refused}");
    let answer = alice.command("announce", said).await;
    assert_ne!(code(&answer), "FORBIDDEN", "{answer}");
    let answer = alice.command("no.such", json!({})).await;
    assert_eq!(code(&answer), "UNKNOWN_TYPE");
}

#[tokio::test]
async fn a_published_event_names_its_client() {
    let (gateway, issuer) =
        start(&format!("{RULES}\n[[access.rule]]\nread = [\"chat/#\"]\n")).await;
    let mut bob = client(&gateway, &issuer, "bob", &[]).await;
    bob.subscribe(json!({"topics": ["chat/#"]})).await;
    let mut alice = client(&gateway, &issuer, "alice", &["family"]).await;
    let event = json!({"kind": "chat.said", "topic": "chat/alice", "data": {"text": "hi"}});
    let answer = alice.command("publish", event).await;
    assert_eq!(answer["type"], "published", "{answer}");
    let heard = bob.next_of("chat.said").await;
    assert_eq!(heard["source"], "client:alice");
    assert_eq!(heard["seq"], answer["data"]["seq"]);
}

#[tokio::test]
async fn a_change_of_the_rules_reaches_those_who_are_connected() {
    let (gateway, issuer) = start(RULES).await;
    let mut alice = client(&gateway, &issuer, "alice", &["family"]).await;
    let home = alice.subscribe(json!({"topics": ["home/#"]})).await["subscription"].clone();
    let open = alice.subscribe(json!({"topics": ["open/#"]})).await["subscription"].clone();
    let admin = gateway.admin();
    admin.emit("home/a", json!(1)).await;
    assert_eq!(alice.next_of("test.event").await["topic"], "home/a");
    gateway.configure(|text| text.replace("read = [\"home/#\", ", "read = ["));
    let told = alice.next_of("unsubscribed").await;
    assert_eq!(told["data"]["subscription"], home, "{told}");
    assert_eq!(told["data"]["reason"], "forbidden");
    assert!(told.get("id").is_none());
    admin.emit("home/b", json!(2)).await;
    admin.emit("open/c", json!(3)).await;
    assert_eq!(alice.next_of("test.event").await["topic"], "open/c");
    let answer = alice
        .command("unsubscribe", json!({"subscription": home}))
        .await;
    assert_eq!(code(&answer), "UNKNOWN_SUBSCRIPTION");
    let answer = alice
        .command("unsubscribe", json!({"subscription": open}))
        .await;
    assert_eq!(answer["type"], "unsubscribed");
}

#[tokio::test]
async fn what_is_sent_to_a_user_reaches_all_of_that_users_connections_and_nobody_else() {
    let (gateway, issuer) = start("[access]\npublic = [\"#\"]").await;
    let mut anonymous = gateway.client().await;
    let mut first = client(&gateway, &issuer, "42", &[]).await;
    let mut second = client(&gateway, &issuer, "42", &["admin"]).await;
    let mut other = client(&gateway, &issuer, "421", &["admin"]).await;
    let all = [&mut anonymous, &mut first, &mut second, &mut other];
    for client in all {
        client.subscribe(json!({"topics": ["#"]})).await;
    }
    let admin = gateway.admin();
    let to = |audience: &str, data: u32| json!({"kind": "test.event", "topic": "a/b", "data": data, "audience": [audience]});
    admin.publish(to("user:42", 1)).await;
    admin.publish(to("role:admin", 2)).await;
    admin.emit("a/end", json!(0)).await;
    let mut seen = Vec::new();
    for client in [&mut anonymous, &mut first, &mut second, &mut other] {
        let mut data = Vec::new();
        while data.last() != Some(&0) {
            data.push(
                client.next_of("test.event").await["data"]
                    .as_u64()
                    .unwrap_or(99),
            );
        }
        seen.push(data);
    }
    assert_eq!(seen, [vec![0], vec![1, 0], vec![1, 2, 0], vec![2, 0]]);
}

//! How many connections a user may have, however a connection came to be that user's.

use hearthgate_tests::{Client, Gateway, Issuer, Setup, wait};
use serde_json::{Value, json};

const ROUTES: &str = r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/shout", dialect = "shout" }]
[listener.limits]
max-connections-per-subject = 1
"#;
const SHOUT: &str = "[handlers.shout]\nplugin = \"shout\"\ngrants = { subscribe = [\"test/#\"], gateway = [\"clients\"] }\n";

async fn authenticate(client: &mut Client, token: &str) -> Value {
    let answer = client
        .command("authenticate", json!({ "token": token }))
        .await;
    match answer["type"] == "authenticated" {
        true => answer["data"]["subject"].clone(),
        false => answer["data"].clone(),
    }
}

async fn reached(gateway: &Gateway, dry_run: bool) -> f64 {
    let limit = "limit=\"max-connections-per-subject\"";
    let dry_run = format!("dry_run=\"{dry_run}\"");
    let labels = [limit, &dry_run];
    let admin = gateway.admin();
    admin
        .metric("hearthgate_limits_reached_total", &labels)
        .await
}

#[tokio::test]
async fn who_says_later_who_it_is_is_counted_among_that_users_connections() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let keys = ROUTES.replace(", { path = \"/shout\", dialect = \"shout\" }", "");
    let gateway = setup.toml(&section).listener(&keys).start().await;
    let of = |subject| issuer.token(subject, &[]);
    let (mut one, mut two) = (gateway.client().await, gateway.client().await);
    assert_eq!(authenticate(&mut one, &of("alice")).await, "alice");
    let refused = authenticate(&mut two, &of("alice")).await;
    assert_eq!(refused["code"], "RATE_LIMITED", "{refused}");
    assert_eq!(refused["details"]["limit"], "max-connections-per-subject");
    assert_eq!(
        (&refused["temporary"], &refused["retry_after_ms"]),
        (&json!(true), &json!(5000))
    );
    assert_eq!(reached(&gateway, false).await, 1.0);
    let listed = gateway.admin().json("/api/v1/connections").await;
    let named = listed.to_string().matches("\"subject\":\"alice\"").count();
    assert_eq!(named, 1, "who was refused is nobody still: {listed}");
    // A new token of the same user needs no second place; somebody else's gives the first one back.
    assert_eq!(authenticate(&mut one, &of("alice")).await, "alice");
    assert_eq!(authenticate(&mut one, &of("carol")).await, "carol");
    assert_eq!(authenticate(&mut two, &of("alice")).await, "alice");
    assert_eq!(
        authenticate(&mut one, &of("alice")).await["code"],
        "RATE_LIMITED"
    );
    let bearer = format!("Bearer {}", of("alice"));
    let headers = [("authorization", &*bearer)];
    let open = || Client::open_with(gateway.address(), "/ws", &headers);
    assert!(open().await.is_err(), "a handshake counts with the others");
    drop(two);
    wait::until("the end gives the place back", || async {
        open().await.ok()
    })
    .await;
    assert_eq!(reached(&gateway, true).await, 0.0);
}

#[tokio::test]
async fn a_users_limit_that_is_tried_out_counts_and_refuses_nobody() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let keys = format!("{ROUTES}dry-run = [\"max-connections-per-subject\"]");
    let keys = keys.replace(", { path = \"/shout\", dialect = \"shout\" }", "");
    let gateway = setup.toml(&section).listener(&keys).start().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = gateway.client().await;
        let outcome = authenticate(&mut client, &issuer.token("alice", &[])).await;
        assert_eq!(outcome, "alice");
        clients.push(client);
    }
    assert_eq!(
        (
            reached(&gateway, true).await,
            reached(&gateway, false).await
        ),
        (2.0, 0.0)
    );
}

#[tokio::test]
async fn a_login_in_a_plugins_dialect_counts_as_well() {
    let issuer = Issuer::default();
    let setup = Setup::new().plugin("shout");
    let section = issuer.section(setup.folder());
    let setup = setup.toml(&section).toml(SHOUT).listener(ROUTES);
    let gateway = setup.start().await;
    gateway.in_state("shout", "running").await;
    let open = || async {
        let mut client = Client::open(gateway.address(), "/shout")
            .await
            .expect("opened");
        assert_eq!(client.next_text().await, "HELLO STRANGER ON /shout");
        client
    };
    let say = async |client: &mut Client, subject: &str| {
        let token = issuer.token(subject, &[]);
        let text = json!({ "do": "authenticate", "token": token });
        client.send_text(text.to_string()).await;
        client.next_text().await
    };
    let (mut one, mut two) = (open().await, open().await);
    let mut native = gateway.client().await;
    assert_eq!(say(&mut one, "alice").await, "WELCOME alice");
    let full = "WHO this user has as many connections as a user may have";
    assert_eq!(say(&mut two, "alice").await, full);
    let outcome = authenticate(&mut native, &issuer.token("alice", &[])).await;
    assert_eq!(
        outcome["code"], "RATE_LIMITED",
        "all dialects count together"
    );
    assert_eq!(say(&mut one, "bob").await, "WELCOME bob");
    assert_eq!(say(&mut two, "alice").await, "WELCOME alice");
    drop(two);
    let token = issuer.token("alice", &[]);
    let mut native = gateway.client().await;
    loop {
        let outcome = authenticate(&mut native, &token).await;
        if outcome == "alice" {
            break;
        }
        assert_eq!(outcome["code"], "RATE_LIMITED", "{outcome}");
    }
}

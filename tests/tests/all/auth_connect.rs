//! Who a connection is: tokens in each place where they may be, and what becomes of bad ones.

use hearthgate_tests::tokens::in_seconds;
use hearthgate_tests::{Client, Issuer, Setup};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

fn status(outcome: Result<Client, Box<Error>>) -> u16 {
    match outcome {
        Ok(_) => 101,
        Err(error) => match *error {
            Error::Http(response) => response.status().as_u16(),
            other => panic!("{other}"),
        },
    }
}

#[tokio::test]
async fn a_token_may_come_in_each_of_its_places() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let gateway = setup
        .toml(&section)
        .listener("query-token = true\nroutes = [{ path = \"/ws\", dialect = \"native\" }, { path = \"/strict\", dialect = \"native\", query-token = false, authentication = \"required\", reject-status = 403 }]")
        .start()
        .await;
    let token = issuer.token("alice", &["family"]);
    let bearer = format!("Bearer {token}");
    let offer = format!("hearthgate.v1, bearer.{token}");
    let in_query = format!("/ws?token=Bearer%20{token}");
    let address = gateway.address();
    let who = json!({"subject": "alice", "roles": ["family"]});
    for (path, headers) in [
        ("/ws", vec![("authorization", &*bearer)]),
        ("/ws", vec![("sec-websocket-protocol", &*offer)]),
        (&*in_query, vec![]),
        ("/strict", vec![("authorization", &*bearer)]),
    ] {
        let client = Client::connect_with(address, path, &headers).await;
        assert_eq!(client.welcome["identity"], who, "{path}");
    }
    let listed = gateway.admin().json("/api/v1/connections").await;
    assert!(!listed.to_string().contains(&token), "{listed}");
    let bad = [("authorization", "Bearer a.b.c")];
    for (path, headers, expected) in [
        ("/ws", &bad[..], 401),
        ("/ws?token=a.b.c", &[], 401),
        ("/ws?token=null", &[], 101),
        ("/ws", &[], 101),
        ("/strict", &bad, 403),
        ("/strict", &[], 403),
        (&*in_query.replace("/ws", "/strict"), &[], 403),
    ] {
        let opened = Client::open_with(address, path, headers).await;
        assert_eq!(status(opened), expected, "{path} {headers:?}");
    }
    let refused = gateway
        .admin()
        .metric("hearthgate_tokens_checked_total", &["outcome=\"header\""])
        .await;
    assert!(refused >= 3.0, "{refused}");
}

#[tokio::test]
async fn a_live_connection_becomes_someone_and_keeps_its_subscriptions() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let gateway = setup
        .toml(&section)
        .access("[access]\npublic = [\"open/#\"]\n[[access.rule]]\nread = [\"user/{subject}/#\"]\n")
        .start()
        .await;
    let mut client = gateway.client().await;
    client
        .subscribe(json!({"topics": ["open/#", "user/#"]}))
        .await;
    let admin = gateway.admin();
    admin.emit("user/alice/inbox", json!(1)).await;
    admin.emit("open/door", json!(2)).await;
    assert_eq!(client.next().await["topic"], "open/door");
    let failed = client
        .command("authenticate", json!({"token": "a.b.c"}))
        .await;
    assert_eq!(failed["data"]["code"], "AUTHENTICATION_FAILED", "{failed}");
    let exp = in_seconds(600);
    let token = issuer.sign(&json!({"sub": "alice", "exp": exp}));
    let answer = client
        .command("authenticate", json!({"token": token}))
        .await;
    assert_eq!(answer["type"], "authenticated", "{answer}");
    assert_eq!(answer["data"]["subject"], "alice");
    assert!(answer["data"]["expires_at"].is_string());
    admin.emit("user/bob/inbox", json!(3)).await;
    admin.emit("user/alice/inbox", json!(4)).await;
    let event = client.next().await;
    assert_eq!(
        (event["topic"].as_str(), &event["data"]),
        (Some("user/alice/inbox"), &json!(4))
    );
}

#[tokio::test]
async fn a_token_that_runs_out_warns_then_closes_unless_it_is_renewed() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let gateway = setup
        .toml(&format!("{section}leeway = \"0s\"\n"))
        .start()
        .await;
    let short = issuer.sign(&json!({"sub": "alice", "exp": in_seconds(3)}));
    let headers = [("authorization", format!("Bearer {short}"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let mut renewed = Client::connect_with(gateway.address(), "/ws", &headers).await;
    let mut dropped = Client::connect_with(gateway.address(), "/ws", &headers).await;
    for client in [&mut renewed, &mut dropped] {
        let warning = client.next_of("authentication_expiring").await;
        assert!(
            warning["data"]["expires_in_ms"].as_u64() <= Some(3000),
            "{warning}"
        );
    }
    renewed.subscribe(json!({"topics": ["a/#"]})).await;
    let answer = renewed
        .command("authenticate", json!({"token": issuer.token("alice", &[])}))
        .await;
    assert_eq!(answer["type"], "authenticated");
    let closed = dropped.closed().await;
    assert_eq!(closed.code, Some(4401), "{closed:?}");
    let told = dropped.next_of("disconnect").await;
    assert_eq!(told["data"]["code"], 4401);
    assert!(told["data"]["reconnect"].is_object());
    // The other one's time has passed too, and its subscription is still there.
    gateway.admin().emit("a/b", json!(1)).await;
    assert_eq!(renewed.next_of("test.event").await["topic"], "a/b");
}

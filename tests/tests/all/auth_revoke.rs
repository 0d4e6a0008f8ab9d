//! Tokens that end before their time, keys that are fetched, and the audit log.

use bytes::Bytes;
use hearthgate_tests::peers::HttpPeer;
use hearthgate_tests::raw::{Raw, handshake};
use hearthgate_tests::{Client, Gateway, Issuer, Setup, wait};
use http_body_util::Full;
use hyper::{Method, Response, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn bearer(gateway: &Gateway, token: &str) -> Client {
    let bearer = format!("Bearer {token}");
    Client::connect_with(gateway.address(), "/ws", &[("authorization", &bearer)]).await
}

async fn is_taken(gateway: &Gateway, token: &str) -> bool {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer)];
    Client::open_with(gateway.address(), "/ws", &headers)
        .await
        .is_ok()
}

#[tokio::test]
async fn what_is_revoked_is_cut_off_within_a_second_and_stays_out() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let mut gateway = setup.toml(&section).start().await;
    let exp = hearthgate_tests::tokens::in_seconds(600);
    let of = |jti: &str, sub: &str| issuer.sign(&json!({"sub": sub, "jti": jti, "exp": exp}));
    let (one, two, bob) = (of("one", "alice"), of("two", "alice"), of("three", "bob"));
    let mut by_id = bearer(&gateway, &one).await;
    let mut stays = bearer(&gateway, &two).await;
    let mut by_subject = bearer(&gateway, &bob).await;
    let admin = gateway.admin();
    for (body, client) in [
        (json!({"jti": "one"}), &mut by_id),
        (json!({"subject": "bob"}), &mut by_subject),
    ] {
        let begun = Instant::now();
        let answer = admin.post("/api/v1/auth/revocations", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let closed = client.closed().await;
        assert_eq!(closed.code, Some(4501), "{closed:?}");
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        let told = client.next_of("disconnect").await;
        assert_eq!(
            (&told["data"]["code"], &told["data"]["reconnect"]),
            (&json!(4501), &Value::Null)
        );
    }
    assert_eq!(stays.command("ping", json!({})).await["type"], "pong");
    assert_eq!(
        admin
            .post("/api/v1/auth/revocations", &json!({}))
            .await
            .status,
        400
    );
    // They are kept over a restart, and can be taken back.
    gateway.stop().await;
    gateway.start_again().await;
    let admin = gateway.admin();
    assert!(!is_taken(&gateway, &one).await && !is_taken(&gateway, &bob).await);
    assert!(is_taken(&gateway, &two).await);
    let listed = admin.json("/api/v1/auth/revocations").await;
    assert_eq!(
        listed["revocations"].as_array().map(Vec::len),
        Some(2),
        "{listed}"
    );
    let path = "/api/v1/auth/revocations?subject=bob";
    assert_eq!(admin.ask(Method::DELETE, path, None).await.status, 200);
    assert_eq!(admin.ask(Method::DELETE, path, None).await.status, 404);
    assert!(is_taken(&gateway, &bob).await);
}

#[tokio::test]
async fn who_is_revoked_has_no_more_say() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let rule = "[access]\npublic = [\"#\"]\n[[access.rule]]\nroles = [\"any\"]\npublish = [\"test/#\"]\nkinds = [\"test.event\"]\n";
    let gateway = setup.access(rule).toml(&section).start().await;
    let exp = hearthgate_tests::tokens::in_seconds(600);
    let token = issuer.sign(&json!({"sub": "mallory", "jti": "one", "roles": ["any"], "exp": exp}));
    let mut observer = gateway.client().await;
    observer.watch(&["test/#"]).await;
    let mut raw = Raw::connect(gateway.address()).await;
    let head = handshake("/ws").replace(
        "Host: localhost\r\n",
        &format!("Host: localhost\r\nAuthorization: Bearer {token}\r\n"),
    );
    raw.write(head.as_bytes()).await;
    assert!(raw.head().await.starts_with("HTTP/1.1 101"));
    let publish = |data: &str| {
        json!({"type": "publish", "data": {"kind": "test.event", "topic": "test/a", "data": data}})
            .to_string()
    };
    raw.text(&publish("before")).await;
    assert_eq!(observer.next_on("test/a").await["data"], "before");
    let admin = gateway.admin();
    let answer = admin
        .post("/api/v1/auth/revocations", &json!({"jti": "one"}))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(raw.close_code().await, Some(4501));
    // Its socket is open still; what it says is read and not done.
    raw.text(&publish("after")).await;
    raw.rest().await;
    admin.emit("test/marker", json!("marker")).await;
    let told = observer.find("an event", |event| {
        event["topic"]
            .as_str()
            .is_some_and(|topic| topic.starts_with("test/"))
    });
    assert_eq!(told.await["data"], "marker");
}

/// A server of keys that can be exchanged, and taken away.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<Option<Value>>>);

impl Keys {
    fn serve(&self, issuers: &[&Issuer]) {
        let keys: Vec<_> = issuers.iter().map(|issuer| issuer.jwk()).collect();
        *self.0.lock() = Some(json!({ "keys": keys }));
    }

    async fn server(&self) -> HttpPeer {
        let keys = self.clone();
        HttpPeer::start(move |_| match &*keys.0.lock() {
            Some(set) => Response::new(Full::new(Bytes::from(set.to_string()))),
            None => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            }
        })
        .await
    }
}

#[tokio::test]
async fn fetched_keys_rotate_and_outlive_an_outage() {
    let (first, second, never) = (
        Issuer::new("first"),
        Issuer::new("second"),
        Issuer::new("never"),
    );
    let keys = Keys::default();
    keys.serve(&[&first]);
    let mut server = keys.server().await;
    let url = server.url("/jwks.json");
    let gateway = Setup::new()
        .toml(&format!(
            "[[auth.issuer]]\njwks = {url:?}\njwks-floor = \"200ms\"\njwks-refresh = \"1h\"\n"
        ))
        .start()
        .await;
    assert!(is_taken(&gateway, &first.token("alice", &[])).await);
    assert_eq!(server.next().await.path, "/jwks.json");
    keys.serve(&[&first, &second]);
    let token = second.token("bob", &[]);
    wait::until("the new key is fetched", || async {
        is_taken(&gateway, &token).await.then_some(())
    })
    .await;
    assert!(is_taken(&gateway, &first.token("alice", &[])).await);
    // Away: what is known holds on; a flood of unknown keys is no flood of requests.
    *keys.0.lock() = None;
    while server.waiting().is_some() {}
    let begun = Instant::now();
    let unknown = never.token("eve", &[]);
    let flood = (0..50).map(|_| is_taken(&gateway, &unknown));
    let taken = futures_util::future::join_all(flood).await;
    assert!(taken.iter().all(|taken| !taken));
    let mut asked = 0;
    while server.waiting().is_some() {
        asked += 1;
    }
    let most = 1 + begun.elapsed().as_millis() / 200;
    assert!(asked <= most, "{asked} requests in {:?}", begun.elapsed());
    assert!(is_taken(&gateway, &token).await, "the keys hold on");
    // A key that its issuer took back opens nothing any more, once the set was fetched again.
    keys.serve(&[&second]);
    wait::until("the set is fetched again", || async {
        is_taken(&gateway, &unknown).await;
        (!is_taken(&gateway, &first.token("alice", &[])).await).then_some(())
    })
    .await;
    assert!(is_taken(&gateway, &token).await);
}

#[tokio::test]
async fn refusals_and_what_admins_do_are_remembered_for_admins_alone() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let gateway = setup.toml(&section).start().await;
    let mut admin = bearer(&gateway, &issuer.token("root", &["admin"])).await;
    let mut guest = bearer(&gateway, &issuer.token("guest", &[])).await;
    for client in [&mut admin, &mut guest] {
        client.subscribe(json!({"topics": ["#"]})).await;
    }
    assert!(!is_taken(&gateway, "hunter2.hunter2.hunter2").await);
    gateway
        .admin()
        .post("/api/v1/auth/revocations", &json!({"jti": "x"}))
        .await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let record = admin.next_of("gateway.audit").await;
        assert_eq!(record["source"], "gateway");
        seen.push((record["topic"].clone(), record["data"]["outcome"].clone()));
    }
    let topic = |name: &str| json!(format!("gateway/audit/{name}"));
    assert!(
        seen.contains(&(topic("authentication"), json!("refused"))),
        "{seen:?}"
    );
    assert!(
        seen.contains(&(topic("revocation"), json!("done"))),
        "{seen:?}"
    );
    let line = gateway.journal.line("a refusal", |line| {
        line.message == "audit" && line.field("action") == "authentication"
    });
    assert!(!line.await.text.contains("hunter2"));
    gateway.admin().emit("a/end", json!(0)).await;
    assert_eq!(
        guest.next().await["topic"],
        "a/end",
        "nobody else hears of it"
    );
}

#[tokio::test]
async fn the_admin_api_asks_for_a_token_where_it_must() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    let section = issuer.section(setup.folder());
    let gateway = setup
        .toml(&section)
        .variable("HEARTHGATE_ADMIN__REQUIRE_TOKEN", "true")
        .start()
        .await;
    let plain = gateway.admin();
    let guest = plain.with_token(&issuer.token("guest", &["family"]));
    let admin = plain.with_token(&issuer.token("root", &["admin"]));
    for (path, expected) in [
        ("/livez", [200, 200, 200]),
        ("/readyz", [200, 200, 200]),
        ("/metrics", [401, 403, 200]),
        ("/api/v1/connections", [401, 403, 200]),
        ("/api/v1/auth/revocations", [401, 403, 200]),
    ] {
        for (asker, expected) in [plain, guest, admin].iter().zip(expected) {
            assert_eq!(asker.get(path).await.status, expected, "{path}");
        }
    }
    let refused = plain.post("/api/v1/events", &json!({})).await;
    assert_eq!(refused.status, 401);
    assert!(refused.headers.contains_key("www-authenticate"));
}

//! Secrets stay where they are: every one that the gateway can hold is used, rightly and wrongly, at the fullest log; then
//! all that it wrote and sent is searched for each of them.

mod house;

use hearthgate_tests::raw::{Raw, handshake};
use hearthgate_tests::secure::SecureClient;
use hearthgate_tests::{Canaries, Client, wait};
use house::House;
use hyper::Method;
use rustls::version::TLS13;
use serde_json::json;
use tokio::io::AsyncReadExt;

/// The search itself: what it can't find it can't miss.
#[test]
fn a_secret_is_found_in_each_of_its_writings() {
    let mut canaries = Canaries::default();
    let secret = canaries.plant("one");
    canaries.plant("other");
    let bytes = secret.as_bytes();
    let each = |write: fn(&u8) -> String| bytes.iter().map(write).collect::<String>();
    for text in [
        format!("Bearer {secret}."),
        format!("{:?}", bytes.to_vec()),
        serde_json::to_string(bytes).expect("numbers"),
        each(|b| format!("{b:02x}")),
        each(|b| format!("%{b:02X}")),
        hearthgate_tests::tokens::base64url(format!("user:{secret}").as_bytes()),
        hearthgate_tests::tokens::base64url(format!("ann:{secret} ").as_bytes()),
        hearthgate_tests::tokens::base64url(format!("{secret}\n").as_bytes()),
        secret[8..40].to_owned(),
    ] {
        let found = canaries.found_in(text.as_bytes());
        assert!(
            found.len() == 1 && found[0].starts_with("one "),
            "{text}: {found:?}"
        );
    }
    assert!(canaries.found_in(&secret.as_bytes()[20..]).is_empty());
}

#[tokio::test]
async fn no_secret_is_written_or_sent_anywhere_it_does_not_belong() {
    let mut house = House::new().await;
    house.peers_got_their_secrets().await;
    clients(&mut house).await;
    logins(&mut house).await;
    admins(&mut house).await;
    encrypted(&mut house).await;
    mistakes(&mut house).await;
    house.stop().await;
    house.assert_nothing_leaked();
}

/// Tokens in each of their places, good ones and bad ones, and what the clients are told.
async fn clients(house: &mut House) {
    let bad = house.canaries.plant("a wrong API token");
    let forged = house.forged();
    let good = [
        house.api_token(),
        house.jwt("one"),
        house.jwt("two"),
        house.jwt("three"),
    ];
    let all = good
        .iter()
        .map(|t| (t, true))
        .chain([(&bad, false), (&forged, false)]);
    let all: Vec<_> = all.map(|(token, taken)| (token.clone(), taken)).collect();
    for (token, taken) in all {
        let bearer = format!("Bearer {token}");
        let offer = format!("hearthgate.v1, bearer.{token}");
        let query = format!("/ws?token={token}");
        for (path, headers) in [
            ("/ws", vec![("authorization", &*bearer)]),
            ("/ws", vec![("sec-websocket-protocol", &*offer)]),
            (&*query, vec![]),
        ] {
            let opened = Client::open_with(house.plain, path, &headers).await;
            assert_eq!(opened.is_ok(), taken, "{path} {headers:?}");
            if let Ok(mut client) = opened {
                house.saw("a welcome", client.welcome.to_string());
                let subscribed = client.watch(&["#"]).await;
                house.saw("an answer", subscribed.to_string());
            }
            refusal(house, path, &headers).await;
        }
        let mut client = Client::connect(house.plain, "/ws").await;
        let answer = client
            .command("authenticate", json!({ "token": token }))
            .await;
        assert_eq!(answer["type"] == "authenticated", taken, "{answer}");
        house.saw("an answer", answer.to_string());
        let mut raw =
            json!({"type": "authenticate", "data": {"token": token, "more": 1}}).to_string();
        raw.pop();
        client.send_text(raw).await;
        house.saw(
            "an answer to half a message",
            client.next().await.to_string(),
        );
        let query = format!("/shout?token={token}");
        if let Ok(mut shouting) = Client::open(house.plain, &query).await {
            house.saw("a dialect's greeting", shouting.next_text().await);
            shouting.send_text(r#"{"do":"clients"}"#).await;
            house.saw("what a plugin sees", shouting.next_text().await);
        }
    }
}

/// The bytes of an answer to a handshake.
async fn refusal(house: &mut House, path: &str, headers: &[(&str, &str)]) {
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request = handshake(path).replace("\r\n\r\n", &format!("\r\n{lines}\r\n"));
    let mut raw = Raw::connect(house.plain).await;
    raw.write(request.as_bytes()).await;
    let head = raw.head().await;
    // The subprotocol that is chosen is the gateway's, never the token.
    house.saw("an answer to a handshake", head);
}

/// A user's password, and what a login gives.
async fn logins(house: &mut House) {
    let wrong = house.canaries.plant("a wrong password");
    let right = house.password();
    for (password, status) in [(&wrong, 401), (&right, 200)] {
        let body = json!({"username": "ann", "password": password});
        let answer = house
            .ask(Method::POST, "/api/auth/login", &body.to_string())
            .await;
        assert_eq!(answer.status, status, "{}", answer.text());
        if status != 200 {
            house.saw("a refused login", answer.text());
            continue;
        }
        // This one answer is where the token belongs.
        let token = answer.json()["access_token"].as_str().map(str::to_owned);
        let token = token.expect("an access token");
        let signature = token.rsplit('.').next().unwrap_or_default();
        house.canaries.watch("a user's token", signature);
        let path = format!("/ws?token={token}");
        let client = Client::connect(house.plain, &path).await;
        house.saw("a welcome", client.welcome.to_string());
        let me = house
            .ask(Method::GET, &format!("/api/auth/me?token={token}"), "")
            .await;
        house.saw("who a user is", me.text());
    }
    let broken = format!("{{\"username\": \"ann\", \"password\": \"{right}\"");
    let answer = house.ask(Method::POST, "/api/auth/login", &broken).await;
    assert!(answer.status >= 400, "{}", answer.text());
    house.saw("an answer to half a login", answer.text());
}

/// Every answer of the admin API, with a good token, a bad one and none.
async fn admins(house: &mut House) {
    let bad = house.canaries.plant("a wrong admin token");
    let admin = house.gateway.admin();
    let good = admin.with_token(&house.api_token());
    let document = good.json("/api/v1/openapi.json").await;
    let paths = document["paths"].as_object().expect("paths").clone();
    let mut asked = 0;
    for (path, methods) in &paths {
        for method in methods.as_object().expect("methods").keys() {
            let path = path.replace("{instance}", "by-file");
            let method: Method = method.to_uppercase().parse().expect("a method");
            for asker in [&good, &admin, &admin.with_token(&bad)] {
                let body = (method == Method::POST).then(|| json!({"jti": "x"}).to_string());
                let answer = asker.ask(method.clone(), &path, body).await;
                let text = format!("{:?}\n{}", answer.headers, answer.text());
                house.saw(&format!("{method} {path}"), text);
                asked += 1;
            }
        }
    }
    assert!(asked >= 36, "{asked}");
    let in_query = admin.get(&format!("/api/v1/stats?token={bad}")).await;
    assert_eq!(in_query.status, 401);
    house.saw("an admin's bad query", in_query.text());
}

/// The key of the certificate, with a client that comes as it should and one that does not.
async fn encrypted(house: &mut House) {
    let connector = house.authority.connector(&[&TLS13], None);
    let mut client = SecureClient::open(&connector, house.encrypted)
        .await
        .expect("open");
    house.saw(
        "over TLS",
        client.command("ping", json!(1)).await.to_string(),
    );
    let mut raw = Raw::connect(house.encrypted).await;
    raw.write(handshake("/ws").as_bytes()).await;
    house.saw(
        "not over TLS",
        String::from_utf8_lossy(&raw.rest().await).into_owned(),
    );
}

/// Configurations that are wrong where a secret stands, checked and reloaded.
async fn mistakes(house: &mut House) {
    let inline = house.canaries.plant("a secret in the configuration");
    let wrong = [
        format!(
            "[sources.late]\nplugin = \"clock\"\n[sources.late.secrets]\ntoken = \"{inline}\"\n"
        ),
        format!(
            "[sources.late]\nplugin = \"clock\"\nsecrets = {{ token = \"{inline}\" }}, x = 1\n"
        ),
        format!("[sources.late]\nplugin = \"clock\"\nenabeld = true # {inline}\n")
            .replace("# ", "\nsecrets.token = "),
        format!(
            "sources = {{ late = {{ plugin = \"clock\", secrets = {{ token = \"{inline}\" }}, enabeld = true }} }}\n"
        ),
        format!("[sources.late.secrets]\ntoken = {inline}\n"),
        format!("[sources.late.secrets]\ntoken = \"{inline}\n"),
        format!("[[auth.issuer]]\nkey = \"{inline}\"\n"),
        format!("[[auth.issuer]]\nkey = {{ fil = \"{inline}\" }}\n"),
        format!("[auth.users.bob]\npassword = \"{inline}\"\n"),
        format!("[auth.users.bob]\npassword-hash = \"{inline}\"\n"),
        format!("[auth.tokens.bob]\nhash = \"{inline}\"\n"),
        format!("[auth.tokens.bob]\ntoken = \"{inline}\"\n"),
        format!("[admin]\ntoken = \"{inline}\"\n"),
    ];
    for sections in wrong {
        let (failed, said) = house.check(&sections, &[]);
        assert!(failed, "{sections}: {said}");
        house.saw("check", said);
        house.reload(&sections).await;
    }
    let overrides = [
        ("HEARTHGATE_AUTH__ISSUER__0__KEY", &*inline),
        ("HEARTHGATE_SOURCES__BY_FILE__SECRETS__TOKEN", &inline),
        ("HEARTHGATE_AUTH__TOKENS__CI__HASH", &inline),
    ];
    for one in overrides {
        let (failed, said) = house.check("", &[one]);
        assert!(failed, "{one:?}: {said}");
        house.saw("check of the environment", said);
    }
    // A key that is broken in the middle, and a secret that is too short.
    let file = house.folder.join("gate.key");
    let key = std::fs::read_to_string(&file).expect("the key");
    std::fs::write(
        &file,
        key.replace("-----END", &format!("{inline}!\n-----END")),
    )
    .expect("written");
    std::fs::write(house.folder.join("one.key"), &inline[..28]).expect("written");
    house.reload("").await;
    let forged = house.forged();
    let inspected = house.inspect(&forged);
    house.saw("token inspect", inspected);
}

/// What a peer of a plugin reads, until it has it.
async fn read_until(stream: &mut tokio::net::TcpStream, secret: &str) {
    let mut got = Vec::new();
    let reading = async {
        while !String::from_utf8_lossy(&got).contains(secret) {
            let mut buffer = [0; 1024];
            let count = stream.read(&mut buffer).await.expect("readable");
            assert!(count > 0, "it ended: {:?}", String::from_utf8_lossy(&got));
            got.extend(&buffer[..count]);
        }
    };
    wait::soon("a peer gets its secret", reading).await;
}

//! Who is let in no more by a changed configuration, and when.

use hearthgate_tests::{Client, Gateway, Issuer, Setup, tokens, wait};
use serde_json::json;
use tokio::net::TcpListener;

const TOKEN: &str = "hgt_5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e5ca1ab1e";
const HASH: &str = "f234e200021d44a423e787cc956131c8434f3163bf03ab5a6a1498511fbd64a4";
const END: &str = "2099-01-01T00:00:00Z";

fn known() -> String {
    format!("[auth.tokens.ada]\nhash = \"sha256:{HASH}\"\nexpires = \"{END}\"\n")
}

async fn bearer(gateway: &Gateway, token: &str) -> Client {
    let bearer = format!("Bearer {token}");
    Client::connect_with(gateway.address(), "/ws", &[("authorization", &bearer)]).await
}

async fn is_let_go(client: &mut Client) {
    let closed = client.closed().await;
    assert_eq!(closed.code, Some(4501), "{closed:?}");
}

#[tokio::test]
async fn a_token_that_is_not_the_same_any_more_ends_its_connections() {
    let issuer = Issuer::default();
    let setup = Setup::new();
    std::fs::write(setup.folder().join("issuer.pem"), issuer.public_key()).expect("written");
    let issuers = |name: &str| {
        format!("[[auth.issuer]]\nissuer = \"{name}\"\nkey = {{ file = \"issuer.pem\" }}\n")
    };
    let both = issuers("one") + &issuers("two");
    let gateway = setup.toml(&known()).toml(&both).start().await;
    let exp = tokens::in_seconds(600);
    let of = |name: &str| issuer.sign(&json!({"sub": "eve", "iss": name, "exp": exp}));
    let mut stays = bearer(&gateway, &of("one")).await;
    let mut goes = bearer(&gateway, &of("two")).await;
    let mut by_end = bearer(&gateway, TOKEN).await;
    gateway.configure(|text| text.replace(END, "2020-01-01T00:00:00Z"));
    is_let_go(&mut by_end).await;
    gateway.configure(|text| text.replace("2020-01-01T00:00:00Z", END));
    let back = || async {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("authorization", &*bearer)];
        Client::open_with(gateway.address(), "/ws", &headers)
            .await
            .ok()
    };
    let mut by_hash = wait::until("the token is taken again", back).await;
    gateway.configure(|text| text.replace(HASH, &HASH.replace('f', "0")));
    is_let_go(&mut by_hash).await;
    gateway.configure(|text| text.replace(&issuers("two"), ""));
    is_let_go(&mut goes).await;
    assert_eq!(stays.command("ping", json!({})).await["type"], "pong");
}

/// A plugin that takes its time to start keeps nobody in who is let in no more.
#[tokio::test]
async fn who_is_let_in_no_more_goes_before_plugins_start() {
    let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", server.local_addr().expect("bound"));
    let setup = Setup::new().plugin("misbehave").toml(&known());
    let gateway = setup.start().await;
    let mut client = bearer(&gateway, TOKEN).await;
    let stuck = format!(
        "[sources.stuck]\nplugin = \"misbehave\"\nconfig = {{ when = \"init\", what = \"slow-host-call\", url = \"{url}/\" }}\n\
         grants = {{ publish = [\"test/#\"], connect = [\"{url}\"] }}\nlimits = {{ init-timeout = \"1h\" }}\n"
    );
    gateway.configure(|text| text.replace(&known(), &stuck));
    let _asked = wait::soon("the plugin's start", server.accept()).await;
    is_let_go(&mut client).await;
    let report = gateway.admin().json("/api/v1/config").await["last_reload"].clone();
    assert!(report.is_null() || report["outcome"] == "never", "{report}");
}

//! Web pages: from where they may connect and ask, and what their browsers are told.

use hearthgate_tests::{Admin, Gateway, Setup};
use hyper::Method;
use hyper::header::HeaderMap;

const POLLY: &str = r#"
[handlers.polly]
plugin = "parrot"
grants = { handle = ["parrot", "parrot.refuse", "parrot.trap", "parrot.loop"] }
"#;
const DASH: &str = "https://dash.example";

async fn start(keys: &str) -> (Gateway, Admin) {
    // Any origin and credentials together are refused by the configuration.
    let any = match keys.contains("credentials") {
        true => "",
        false => r#", { path = "/open", plugin = "polly", origins = ["*"] }"#,
    };
    let listener = format!(
        r#"routes = [{{ path = "/ws", dialect = "native" }}, {{ path = "/api", plugin = "polly" }}, {{ path = "/own", plugin = "polly", origins = [] }}{any}]
{keys}"#
    );
    let gateway = Setup::new()
        .listener(&listener)
        .plugin("parrot")
        .toml(POLLY)
        .start()
        .await;
    gateway.in_state("polly", "running").await;
    let public = Admin::new(gateway.address());
    (gateway, public)
}

async fn upgrade(public: &Admin, origin: Option<&str>) -> u16 {
    let mut headers = vec![
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    headers.extend(origin.map(|origin| ("origin", origin)));
    public
        .ask_with(Method::GET, "/ws", &headers, None)
        .await
        .status
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().expect("text"))
}

#[tokio::test]
async fn pages_of_other_origins_are_refused_on_upgrade_unless_they_are_allowed() {
    let (gateway, public) =
        start("origins = [\"https://dash.example\", \"https://*.home.example\"]").await;
    let own = format!("http://{}", gateway.address());
    for (origin, status) in [
        (None, 101),
        (Some(own.as_str()), 101),
        (Some(DASH), 101),
        (Some("https://a.home.example"), 101),
        (Some("https://evil.example"), 403),
        (Some("http://dash.example"), 403),
        (Some("null"), 403),
        (Some("http://127.0.0.1:1"), 403),
    ] {
        assert_eq!(upgrade(&public, origin).await, status, "{origin:?}");
    }
    let refused = gateway
        .admin()
        .metric("hearthgate_origins_refused_total", &[])
        .await;
    assert_eq!(refused, 4.0);
}

#[tokio::test]
async fn a_page_may_read_what_its_origin_is_allowed_to() {
    let (_gateway, public) = start("origins = [\"https://dash.example\"]\n[listener.cors]\ncredentials = true\nexpose = [\"x-total\"]").await;
    let ask = |path: &'static str, origin: &'static str| async move {
        public
            .ask_with(Method::GET, path, &[("origin", origin)], None)
            .await
    };
    let answer = ask("/api", DASH).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        header(&answer.headers, "access-control-allow-origin"),
        Some(DASH)
    );
    assert_eq!(
        header(&answer.headers, "access-control-allow-credentials"),
        Some("true")
    );
    assert_eq!(
        header(&answer.headers, "access-control-expose-headers"),
        Some("x-total")
    );
    assert_eq!(header(&answer.headers, "vary"), Some("origin"));
    let answer = public.get("/api").await;
    assert_eq!(
        (
            answer.status,
            header(&answer.headers, "access-control-allow-origin")
        ),
        (200, None)
    );
    assert_eq!(
        header(&answer.headers, "vary"),
        Some("origin"),
        "a cache must not give one the other's"
    );
    let answer = ask("/api", "https://evil.example").await;
    assert_eq!(
        (
            answer.status,
            header(&answer.headers, "access-control-allow-origin")
        ),
        (403, None)
    );
    assert_eq!(answer.json()["error"]["code"], "FORBIDDEN_ORIGIN");
    assert_eq!(
        ask("/own", DASH).await.status,
        403,
        "a route's own list stands above"
    );
}

#[tokio::test]
async fn any_origin_is_told_so_and_never_with_credentials() {
    let (_gateway, public) = start("").await;
    let evil = [("origin", "https://evil.example")];
    let answer = public.ask_with(Method::GET, "/open", &evil, None).await;
    assert_eq!(
        (
            answer.status,
            header(&answer.headers, "access-control-allow-origin")
        ),
        (200, Some("*"))
    );
    assert_eq!(
        header(&answer.headers, "access-control-allow-credentials"),
        None
    );
    assert_eq!(
        public
            .ask_with(Method::GET, "/api", &evil, None)
            .await
            .status,
        403,
        "nothing is said: only its own"
    );
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_gateway() {
    let (_gateway, public) = start("origins = [\"https://dash.example\"]\n[listener.cors]\nmethods = [\"GET\", \"PUT\"]\nmax-age = \"5m\"").await;
    let preflight = |origin: &'static str| async move {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "authorization"),
        ];
        public
            .ask_with(Method::OPTIONS, "/api", &headers, None)
            .await
    };
    let answer = preflight(DASH).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    for (name, value) in [
        ("access-control-allow-origin", Some(DASH)),
        ("access-control-allow-methods", Some("GET, PUT")),
        (
            "access-control-allow-headers",
            Some("authorization, content-type"),
        ),
        ("access-control-max-age", Some("300")),
        ("access-control-allow-credentials", None),
        (
            "vary",
            Some("origin, access-control-request-method, access-control-request-headers"),
        ),
    ] {
        assert_eq!(header(&answer.headers, name), value, "{name}");
    }
    let refused = preflight("https://evil.example").await;
    assert_eq!(
        (
            refused.status,
            header(&refused.headers, "access-control-allow-origin")
        ),
        (403, None)
    );
    let plain = public.ask(Method::OPTIONS, "/api", None).await;
    assert_eq!(
        (plain.status, header(&plain.headers, "allow")),
        (204, Some("GET, PUT, OPTIONS"))
    );
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let (_gateway, public) = start("").await;
    let answer = public.ask(Method::HEAD, "/api", None).await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(public.ask(Method::HEAD, "/ws", None).await.status, 426);
    assert_eq!(public.ask(Method::POST, "/ws", None).await.status, 405);
}

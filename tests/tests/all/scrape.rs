//! The plugin metrics scrapes: figures and alerts of an endpoint, and what becomes of one that answers with nonsense.

use bytes::Bytes;
use hearthgate_tests::peers::HttpPeer;
use hearthgate_tests::{Client, Gateway, Setup};
use http_body_util::Full;
use hyper::Response;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;

/// An endpoint whose next body the test sets.
async fn endpoint(first: String) -> (HttpPeer, Arc<Mutex<String>>) {
    let body = Arc::new(Mutex::new(first));
    let told = body.clone();
    let answer = move |_: &_| Response::new(Full::new(Bytes::from(told.lock().clone())));
    (HttpPeer::start(answer).await, body)
}

async fn start(endpoint: &HttpPeer) -> (Gateway, Client) {
    let (origin, url) = (endpoint.url(""), endpoint.url("/metrics"));
    let source = format!(
        r#"
[sources.metrics]
plugin = "metrics"
secrets = {{ token = {{ env = "SCRAPE_TOKEN" }} }}
grants = {{ publish = ["metrics/#", "alert/#", "adapter/+/status"], system = true, connect = ["{origin}"] }}

[[sources.metrics.config.targets]]
name = "nas"
url = "{url}"
interval = "1s"
timeout = "1s"
headers = {{ authorization = "Bearer ${{token}}" }}
rename = {{ temp_celsius = "temperature" }}

[[sources.metrics.config.thresholds]]
name = "hot"
target = "nas"
metric = "temperature*"
above = 40
clear = 30
severity = "high"
"#
    );
    let setup = Setup::new()
        .plugin("metrics")
        .variable("SCRAPE_TOKEN", "s3cret");
    let gateway = setup.toml(&source).start().await;
    let mut client = gateway.client().await;
    client.watch(&["metrics/nas", "alert/#", "adapter/#"]).await;
    (gateway, client)
}

/// The next sample that has a figure, or has it not.
async fn sample(client: &mut Client, has: impl Fn(&Value) -> bool) -> Value {
    let wanted =
        |frame: &Value| frame["type"] == "metrics.sample" && has(&frame["data"]["metrics"]);
    client.find("a sample", wanted).await["data"].clone()
}

#[tokio::test]
async fn metrics_scrapes_and_alerts() {
    let text = |temperature: u32, count: u64| {
        format!(
            "# TYPE temp_celsius gauge\ntemp_celsius{{room=\"attic\"}} {temperature}\n# TYPE hits_total counter\nhits_total {count}\n"
        )
    };
    let (mut peer, body) = endpoint(text(20, 1_000)).await;
    let (_gateway, mut client) = start(&peer).await;
    let first = sample(&mut client, |m| m["up"] == 1.0).await;
    assert_eq!(first["metrics"]["temperature{room=attic}"], 20.0);
    assert_eq!(first["units"]["temperature{room=attic}"], "celsius");
    assert_eq!(peer.next().await.headers["authorization"], "Bearer s3cret");
    *body.lock() = text(45, 1_000_000_000);
    let later = sample(&mut client, |m| m["hits_rate"].as_f64() > Some(0.0)).await;
    assert_eq!(later["metrics"].get("hits_total"), None);
    let raised = client.next_of("alert.raised").await;
    assert_eq!(
        raised["topic"],
        "alert/device/hot:nas:temperature{room=attic}"
    );
    assert_eq!(raised["labels"]["severity"], "high");
    *body.lock() = text(35, 5);
    // Between the two points nothing changes; a counter that began anew has no rate.
    sample(&mut client, |m| {
        m["temperature{room=attic}"] == 35.0 && m.get("hits_rate").is_none()
    })
    .await;
    *body.lock() = text(30, 6);
    let cleared = client.next_of("alert.cleared").await;
    assert_eq!(cleared["data"]["details"]["value"], 30.0);
    let raised_again = client
        .take_kept()
        .into_iter()
        .filter(|frame| frame["type"] == "alert.raised");
    assert_eq!(raised_again.count(), 0);
}

#[tokio::test]
async fn metrics_bears_nonsense() {
    let good = "temp_celsius 20\n".to_owned();
    let (peer, body) = endpoint(good.clone()).await;
    let (mut gateway, mut client) = start(&peer).await;
    sample(&mut client, |m| m["up"] == 1.0).await;
    let large = "a_metric{label=\"value\"} 1\n".repeat(400_000);
    assert!(large.len() > 10_000_000);
    for (nonsense, cause) in [
        (large, "answers with too much"),
        (
            "<html><body>Sign in</body></html>\n".to_owned(),
            "answers with no metrics",
        ),
        (
            String::new(),
            "answers with no metrics: there is no sample in it",
        ),
    ] {
        *body.lock() = nonsense;
        let down = |frame: &Value| {
            let message = frame["data"]["health"]["targets"]["nas"]["message"].as_str();
            frame["type"] == "adapter.status" && message.is_some_and(|text| text.starts_with(cause))
        };
        let told = client.find(cause, down).await;
        assert_eq!(told["data"]["status"], "disconnected");
        let (topic, up) = ("metrics/nas", json!({"up": 0.0}));
        client
            .find("a sample that says so", |f| {
                f["topic"] == topic && f["data"]["metrics"] == up
            })
            .await;
    }
    *body.lock() = format!("{good}cut_off{{label=\"va");
    let cut = sample(&mut client, |m| m["temperature"] == 20.0 && m["up"] == 1.0).await;
    assert!(cut["metrics"].get("cut_off").is_none(), "{cut}");
    *body.lock() = good;
    let logged = gateway.journal.containing("trouble with a target").len();
    sample(&mut client, |m| m["up"] == 1.0).await;
    assert!(logged <= 4, "once for each cause, not {logged} times");
    gateway.assert_alive();
}

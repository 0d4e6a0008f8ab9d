//! A plugin is replaced while it publishes: nothing is lost, nothing is doubled, nobody is disconnected.

use hearthgate_tests::witness::number;
use hearthgate_tests::{Client, Gateway, Setup};
use serde_json::{Value, json};

const SOURCE: &str = r#"
[sources.fast]
plugin = "counter"
config = { per-second = 1000, topic = "test/count" }
grants = { publish = ["test/#"] }
limits = { publish-rate = 5000 }
"#;

/// A client of the counter that insists on every number, and on rising sequence numbers.
struct Tally {
    client: Client,
    last: u64,
    seq: u64,
    build: String,
}

impl Tally {
    async fn of(gateway: &Gateway) -> Self {
        let mut client = gateway.client().await;
        client.subscribe(json!({"topics": ["test/count"]})).await;
        let first = client.next_on("test/count").await;
        Self {
            client,
            last: number(&first),
            seq: 0,
            build: String::new(),
        }
    }

    async fn next(&mut self) -> Value {
        let event = self.client.next_on("test/count").await;
        assert_eq!(
            number(&event),
            self.last + 1,
            "after {} of {}: {event}",
            self.last,
            self.build
        );
        let seq = event["seq"].as_u64().expect("a number");
        assert!(seq > self.seq, "{seq} after {}", self.seq);
        self.last += 1;
        self.seq = seq;
        self.build = event["data"]["build"].as_str().expect("a build").to_owned();
        event
    }

    async fn take(&mut self, count: usize) {
        for _ in 0..count {
            self.next().await;
        }
    }

    async fn until_build(&mut self, build: &str) -> Value {
        loop {
            let event = self.next().await;
            if self.build == build {
                return event;
            }
        }
    }
}

#[tokio::test]
async fn a_thousand_events_a_second_survive_reloads_whole() {
    let gateway = Setup::new().plugin("counter").toml(SOURCE).start().await;
    let mut tally = Tally::of(&gateway).await;
    tally.take(500).await;
    let mut before = Value::Null;
    for (variation, build) in [(1, "v2"), (2, "v1"), (3, "v2")] {
        gateway.install_as(
            if build == "v2" {
                "counter-v2"
            } else {
                "counter"
            },
            "counter",
            variation,
        );
        let first = tally.until_build(build).await;
        assert_eq!(first["data"]["reason"], "upgraded", "{first}");
        tally.take(500).await;
        let outcome = gateway.reload_after("fast", &before).await;
        assert_eq!(
            (&outcome["outcome"], &outcome["state"], &outcome["timers"]),
            (&json!("reloaded"), &json!("kept"), &json!(1)),
            "{outcome}"
        );
        assert!(
            outcome["pause_ms"]
                .as_f64()
                .is_some_and(|pause| pause < 500.0),
            "{outcome}"
        );
        before = outcome["at"].clone();
    }
    assert_eq!(gateway.status("fast").await["restarts"], 0);
}

#[tokio::test]
async fn reloading_by_hand_keeps_the_state() {
    let gateway = Setup::new().plugin("counter").toml(SOURCE).start().await;
    let mut tally = Tally::of(&gateway).await;
    tally.take(50).await;
    let answer = gateway
        .admin()
        .post("/api/v1/plugins/fast/reload", &Value::Null)
        .await;
    assert_eq!(
        (answer.status, &answer.json()["outcome"]),
        (200, &json!("reloaded")),
        "{}",
        answer.text()
    );
    tally.take(200).await;
    let unknown = gateway
        .admin()
        .post("/api/v1/plugins/nobody/reload", &Value::Null)
        .await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn the_change_of_state_is_an_event() {
    let gateway = Setup::new().plugin("counter").toml(SOURCE).start().await;
    let mut tally = Tally::of(&gateway).await;
    tally
        .client
        .subscribe(json!({"topics": ["gateway/plugin/#"]}))
        .await;
    gateway.install_as("counter-v2", "counter", 1);
    let told = tally
        .client
        .find("an event about the reload", |frame| {
            frame["topic"]
                .as_str()
                .is_some_and(|topic| topic.starts_with("gateway/plugin/fast"))
        })
        .await;
    assert!(
        told["type"]
            .as_str()
            .is_some_and(|kind| kind.starts_with("gateway.plugin")),
        "{told}"
    );
    assert_eq!(told["source"], "gateway", "{told}");
}

/// Installs a build that fails, and expects the one before to go on.
async fn rolled_back(build: &str) -> (Gateway, Tally) {
    let gateway = Setup::new()
        .plugin("counter")
        .toml(SOURCE)
        .plugin_keys("probation = \"30s\"")
        .start()
        .await;
    let mut tally = Tally::of(&gateway).await;
    tally.take(100).await;
    let hash = gateway.status("fast").await["hash"].clone();
    gateway.install_as(build, "counter", 1);
    // One that only fails later is shown as reloaded first.
    let back = |status: &Value| status["last_reload"]["outcome"] == "rolled_back";
    let status = gateway.status_when("fast", "is rolled back", back).await;
    let outcome = &status["last_reload"];
    assert!(
        outcome["reason"]
            .as_str()
            .is_some_and(|reason| !reason.is_empty()),
        "{outcome}"
    );
    let status = gateway.in_state("fast", "running").await;
    assert_eq!(
        status["hash"], hash,
        "the version before runs again: {status}"
    );
    (gateway, tally)
}

#[tokio::test]
async fn a_version_that_traps_in_init_is_rolled_back_without_a_hole() {
    let (_gateway, mut tally) = rolled_back("counter-trap-init").await;
    tally.take(2_000).await;
}

#[tokio::test]
async fn a_version_that_traps_in_its_first_input_is_rolled_back_without_a_hole() {
    let (_gateway, mut tally) = rolled_back("counter-trap-first-input").await;
    tally.take(2_000).await;
}

#[tokio::test]
async fn a_version_that_traps_later_is_rolled_back_within_its_probation() {
    let soon = SOURCE.replace("topic =", "fail-after-ms = 2500, topic =");
    rolled_back_later(Setup::new().toml(&soon)).await;
}

/// The guest's own ten seconds, and the gateway's own probation.
#[tokio::test]
async fn a_version_that_traps_after_ten_seconds_is_rolled_back_by_default() {
    let begun = std::time::Instant::now();
    rolled_back_later(Setup::new().toml(SOURCE)).await;
    assert!(begun.elapsed() > std::time::Duration::from_secs(10));
}

async fn rolled_back_later(setup: Setup) {
    let gateway = setup.plugin("counter").start().await;
    let mut client = gateway.client().await;
    client.watch(&["test/count"]).await;
    client.next_on("test/count").await;
    let hash = gateway.status("fast").await["hash"].clone();
    gateway.install_as("counter-trap-later", "counter", 1);
    let reloaded = gateway.reload_after("fast", &Value::Null).await;
    assert_eq!(reloaded["outcome"], "reloaded", "{reloaded}");
    let back = gateway.reload_after("fast", &reloaded["at"]).await;
    assert_eq!(back["outcome"], "rolled_back", "{back}");
    assert_eq!(gateway.in_state("fast", "running").await["hash"], hash);
    // What the failing version counted is not counted again, but for what it did since its state was last kept.
    let (mut highest, mut resumed) = (0, None);
    while resumed.is_none() {
        let event = client.next_on("test/count").await;
        match event["data"]["reason"].as_str() {
            Some("restarted") => resumed = Some(number(&event)),
            _ => highest = number(&event),
        }
    }
    let resumed = resumed.expect("an event of the version before");
    assert!(
        resumed <= highest + 1 && highest.saturating_sub(resumed) < 1_400,
        "resumed with {resumed} after {highest}"
    );
    for _ in 0..100 {
        client.next_on("test/count").await;
    }
    // The mended version comes: the failed one does not stand in its way.
    gateway.install_as("counter-v2", "counter", 2);
    let mended = gateway.reload_after("fast", &back["at"]).await;
    assert_eq!(mended["outcome"], "reloaded", "{mended}");
    client
        .find("an event of the mended version", |frame| {
            frame["data"]["build"] == "v2"
        })
        .await;
}

#[tokio::test]
async fn of_two_files_in_quick_succession_the_last_wins() {
    let gateway = Setup::new().plugin("counter").toml(SOURCE).start().await;
    let mut tally = Tally::of(&gateway).await;
    // The second file comes at once, and at ever later moments of the first one's reload.
    for (round, gap) in [(1, 0), (2, 100), (3, 300), (4, 600)] {
        gateway.install_as("counter", "counter", round * 2);
        tally.take(gap).await;
        gateway.install_as("counter-v2", "counter", round * 2 + 1);
        tally.until_build("v2").await;
        tally.take(500).await;
        assert_eq!(tally.build, "v2", "the last file is what runs");
        gateway.install_as("counter-v2", "counter", round * 2);
        tally.take(gap).await;
        gateway.install_as("counter", "counter", round * 2 + 1);
        tally.until_build("v1").await;
        tally.take(500).await;
        assert_eq!(tally.build, "v1", "the last file is what runs");
    }
    assert_eq!(gateway.status("fast").await["restarts"], 0);
}

#[tokio::test]
async fn a_version_that_failed_is_not_tried_again_until_its_file_changes() {
    let (gateway, mut tally) = rolled_back("counter-trap-init").await;
    tally.take(500).await;
    let status = gateway.status("fast").await;
    gateway.install_as("counter-v2", "counter", 2);
    tally.until_build("v2").await;
    let outcome = gateway
        .reload_after("fast", &status["last_reload"]["at"])
        .await;
    assert_eq!(outcome["outcome"], "reloaded", "{outcome}");
}

#[tokio::test]
async fn a_plugin_that_is_not_ready_yet_gets_its_state_when_it_is() {
    let mut gateway = Setup::new().plugin("counter").toml(SOURCE).start().await;
    let mut tally = Tally::of(&gateway).await;
    tally.take(500).await;
    gateway.configure(|text| text.replace("topic =", "fail = \"not-ready\", topic ="));
    gateway.signal(hearthgate_tests::Signal::Terminate);
    gateway.start_again().await;
    let tried = |status: &Value| status["restarts"].as_u64().is_some_and(|n| n >= 2);
    gateway.status_when("fast", "was tried again", tried).await;
    let mut client = gateway.client().await;
    client.subscribe(json!({"topics": ["test/count"]})).await;
    gateway.configure(|text| text.replace("fail = \"not-ready\", ", ""));
    gateway.signal(hearthgate_tests::Signal::Hangup);
    let first = client.next_on("test/count").await;
    assert!(number(&first) > tally.last, "{first} after {}", tally.last);
}

//! The configuration is read again while clients are connected.

use hearthgate_tests::witness::number;
use hearthgate_tests::{Gateway, Setup, Signal, Witness, wait};
use serde_json::{Value, json};

const SOURCE: &str = r#"
[sources.home]
plugin = "counter"
config = { per-second = 50, topic = "test/one" }
grants = { publish = ["test/one", "test/two"] }
"#;

async fn start() -> Gateway {
    Setup::new().with_witness().toml(SOURCE).start().await
}

/// Waits for the report of a reload after the one at `since`.
async fn report_after(gateway: &Gateway, since: &Value) -> Value {
    let ask = || async {
        let report = gateway.admin().json("/api/v1/config").await["last_reload"].clone();
        (report["outcome"] != "never" && &report["at"] != since).then_some(report)
    };
    wait::until("a report of a reload", ask).await
}

#[tokio::test]
async fn a_changed_file_is_applied_without_dropping_anyone() {
    let gateway = start().await;
    let mut witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    client.watch(&["test/one", "test/two"]).await;
    let mut last = number(&client.next_on("test/one").await);
    gateway.configure(|text| text.replace("test/one\" }", "test/two\" }"));
    loop {
        let event = client.next_of("test.count").await;
        last += 1;
        assert_eq!(number(&event), last, "{event}");
        if event["topic"] == "test/two" {
            break;
        }
    }
    let report = report_after(&gateway, &Value::Null).await;
    assert_eq!(
        (&report["outcome"], &report["trigger"]),
        (&json!("applied"), &json!("file")),
        "{report}"
    );
    assert_eq!(
        report["plugins"]["reconfigured"],
        json!(["home"]),
        "{report}"
    );
    witness.unharmed().await;
}

#[tokio::test]
async fn what_can_not_change_on_the_fly_restarts_with_its_state() {
    let gateway = start().await;
    let mut client = gateway.client().await;
    client.watch(&["test/one"]).await;
    let mut last = number(&client.next_on("test/one").await);
    gateway.configure(|text| text.replace("per-second = 50", "per-second = 100"));
    loop {
        let event = client.next_of("test.count").await;
        last += 1;
        assert_eq!(number(&event), last, "{event}");
        if event["data"]["reason"] == "reconfigured" {
            break;
        }
    }
    let report = report_after(&gateway, &Value::Null).await;
    assert_eq!(report["plugins"]["restarted"], json!(["home"]), "{report}");
}

#[tokio::test]
async fn sources_come_and_go() {
    let gateway = start().await;
    let mut witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    client.watch(&["test/#"]).await;
    let more = SOURCE
        .replace("sources.home", "sources.second")
        .replace("test/one\" }", "test/two\" }");
    gateway.configure(|text| text + &more);
    let event = client.next_on("test/two").await;
    assert_eq!(event["source"], "second");
    let first = report_after(&gateway, &Value::Null).await;
    assert_eq!(first["plugins"]["started"], json!(["second"]), "{first}");
    gateway.configure(|text| text.replace(&more, ""));
    let second = report_after(&gateway, &first["at"]).await;
    assert_eq!(second["plugins"]["stopped"], json!(["second"]), "{second}");
    assert!(gateway.find_status("second").await.is_none());
    witness.unharmed().await;
}

#[tokio::test]
async fn a_grant_that_is_taken_away_is_gone() {
    let gateway = start().await;
    let mut witness = Witness::of(&gateway).await;
    let mut client = gateway.client().await;
    client.watch(&["test/one"]).await;
    client.next_on("test/one").await;
    gateway.configure(|text| text.replace("\"test/one\", \"test/two\"", "\"test/two\""));
    let report = report_after(&gateway, &Value::Null).await;
    assert_ne!(report["outcome"], "refused", "{report}");
    let denied = || async {
        (gateway
            .admin()
            .metric("hearthgate_guest_denied_total", &["home"])
            .await
            >= 1.0)
            .then_some(())
    };
    wait::until("a publish is denied", denied).await;
    let line = gateway
        .journal
        .line("the denial names the grant", |line| {
            line.text.contains("home")
                && line.text.contains("publish")
                && line.text.contains("test/one")
                && line.level == "WARN"
        })
        .await;
    assert!(
        !line.message.contains("test/one"),
        "the message is constant: {}",
        line.text
    );
    client.command("ping", json!(null)).await;
    client.take_kept();
    // What comes after this is after the denial.
    gateway.admin().emit("test/one", json!("the end")).await;
    let next = client.next_on("test/one").await;
    assert_eq!(next["data"], "the end", "{next}");
    witness.unharmed().await;
}

#[tokio::test]
async fn an_invalid_file_changes_nothing_and_says_why() {
    let gateway = start().await;
    let mut witness = Witness::of(&gateway).await;
    let mut at = Value::Null;
    for (broken, said) in [
        (
            "[sources.other]\nplugin = \"counter\"\ngrant = {}\n",
            "grants",
        ),
        ("[sources.other]\nplugin = \"countr\"\n", "counter"),
        ("this is no TOML", "hearthgate.toml"),
        (
            "[connections]\nmax-connections = \"many\"\n",
            "max-connections",
        ),
        (
            "[sources.other]\nplugin = \"counter\"\nconfig = { per-second = \"fast\" }\ngrants = { publish = [\"test/#\"] }\n",
            "per-second",
        ),
    ] {
        let before = std::fs::read_to_string(gateway.config_file()).expect("it is there");
        gateway.configure(|text| text + "\n" + broken);
        let report = report_after(&gateway, &at).await;
        assert_eq!(report["outcome"], "refused", "{broken}: {report}");
        assert!(
            report["problems"].to_string().contains(said),
            "{said}: {report}"
        );
        at = report["at"].clone();
        assert_eq!(gateway.status("home").await["state"], "running");
        gateway.configure(|_| before);
        at = report_after(&gateway, &at).await["at"].clone();
    }
    witness.unharmed().await;
    assert!(
        gateway
            .admin()
            .metric("hearthgate_config_reloads_total", &["refused"])
            .await
            >= 5.0
    );
    assert!(
        gateway
            .journal
            .lines()
            .iter()
            .any(|line| line.text.contains("countr") && line.level != "INFO"),
        "the reason is logged"
    );
}

#[tokio::test]
async fn sighup_reads_the_file_again() {
    let gateway = start().await;
    let mut witness = Witness::of(&gateway).await;
    gateway.signal(Signal::Hangup);
    let report = report_after(&gateway, &Value::Null).await;
    assert_eq!(
        (&report["outcome"], &report["trigger"]),
        (&json!("applied"), &json!("signal")),
        "{report}"
    );
    witness.unharmed().await;
}

#[tokio::test]
async fn routes_and_limits_of_connections_are_applied() {
    let gateway = Setup::new()
        .plugin("parrot")
        .toml(
            "[handlers.parrot]\nplugin = \"parrot\"\ngrants = { handle = [\"#\"] }\n"
                .replace(
                    "\"#\"",
                    "\"parrot\", \"parrot.refuse\", \"parrot.trap\", \"parrot.loop\"",
                )
                .as_str(),
        )
        .start()
        .await;
    let mut client = gateway.client().await;
    let public = hearthgate_tests::Admin::new(gateway.address());
    assert_eq!(public.get("/hello").await.status, 404);
    gateway.configure(|text| {
        text.replace(
            "dialect = \"native\" }",
            "dialect = \"native\" }, { path = \"/hello\", plugin = \"parrot\" }",
        ) + "\n[connections]\nmax-subscriptions = 1\n"
    });
    let report = report_after(&gateway, &Value::Null).await;
    assert_eq!(report["outcome"], "applied", "{report}");
    assert_eq!(public.get("/hello").await.status, 200);
    client.watch(&["a"]).await;
    client
        .refused(
            "subscribe",
            json!({"topics": ["b"]}),
            "TOO_MANY_SUBSCRIPTIONS",
        )
        .await;
}

#[tokio::test]
async fn a_neighbour_that_is_written_all_the_time_holds_up_no_reload() {
    let gateway = start().await;
    let noisy = gateway.folder().join("noisy.log");
    let writer = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
        for n in 0_u64.. {
            ticks.tick().await;
            let _ = tokio::fs::write(&noisy, n.to_string()).await;
        }
    });
    gateway.configure(|text| text.replace("test/one\" }", "test/two\" }"));
    let report = report_after(&gateway, &Value::Null).await;
    assert_eq!(report["outcome"], "applied", "{report}");
    assert!(!writer.is_finished());
    writer.abort();
}

#[tokio::test]
async fn what_a_source_left_goes_with_it_and_not_with_its_reload() {
    let guest = |name: &str, handles: &str| {
        format!(
            r##"
[sources.{name}]
plugin = "allround"
grants = {{ handle = ["{handles}"], publish = ["test/#"], subscribe = ["test/#"] }}
"##
        )
    };
    let (first, second) = (guest("first", "do"), guest("second", "do.too"));
    let setup = Setup::new().plugin("allround").toml(&first).toml(&second);
    let gateway = setup.start().await;
    gateway.in_state("first", "running").await;
    gateway.in_state("second", "running").await;
    let mut client = gateway.client().await;
    for (handler, topic) in [("do", "test/of-first"), ("do.too", "test/of-second")] {
        let kept = json!({"call": "publish", "kind": "test.done", "topic": topic, "data": {"n": 1}, "retain": true});
        let answer = client.command(handler, kept).await;
        assert_eq!(answer["type"], "reply", "{answer}");
    }
    let left = async |client: &mut hearthgate_tests::Client| {
        let read = json!({"call": "retained.read", "topics": ["test/of-first", "test/of-second"], "limit": 9});
        let answer = client.command("do.too", read).await.to_string();
        ["test/of-first", "test/of-second"].map(|topic| answer.contains(topic))
    };
    assert_eq!(left(&mut client).await, [true, true]);
    gateway.install("allround", 1);
    gateway.reload_after("first", &Value::Null).await;
    assert_eq!(
        left(&mut client).await,
        [true, true],
        "a reload takes nothing"
    );
    gateway.configure(|text| text.replace(&first, ""));
    let report = report_after(&gateway, &Value::Null).await;
    assert_eq!(report["plugins"]["stopped"], json!(["first"]), "{report}");
    assert_eq!(left(&mut client).await, [false, true]);
}

//! Events reach those who subscribed, and nobody else.

use hearthgate_tests::{Client, Setup};
use serde_json::{Value, json};

#[tokio::test]
async fn an_event_reaches_a_subscriber_as_it_was_published() {
    let gateway = Setup::new().start().await;
    let mut client = gateway.client().await;
    client.watch(&["test/#"]).await;
    let seq = gateway.admin().publish(json!({"kind": "test.event", "topic": "test/a", "data": {"n": 1.5}, "labels": {"room": "kitchen"}})).await;
    let event = client.next_on("test/a").await;
    assert_eq!(
        (
            event["type"].as_str(),
            &event["seq"],
            event["source"].as_str()
        ),
        (Some("test.event"), &json!(seq), Some("admin-api"))
    );
    assert_eq!(
        (&event["data"], &event["labels"]),
        (&json!({"n": 1.5}), &json!({"room": "kitchen"}))
    );
    let time = event["timestamp"].as_str().expect("a time");
    assert!(
        time.len() == 24 && time.ends_with('Z'),
        "RFC 3339 with milliseconds and Z: {time}"
    );
}

/// Publishes one event on each topic and returns the topics that arrived, in order.
async fn arrivals(
    client: &mut Client,
    gateway: &hearthgate_tests::Gateway,
    events: &[Value],
) -> Vec<String> {
    for event in events {
        gateway.admin().publish(event.clone()).await;
    }
    // Everybody gets this one, after all that went before.
    client.subscribe(json!({"topics": ["end"]})).await;
    gateway.admin().emit("end", json!(null)).await;
    let mut topics = Vec::new();
    loop {
        let frame = client.next().await;
        match frame["topic"].as_str() {
            Some("end") => return topics,
            Some(topic) => topics.push(topic.to_owned()),
            None => assert_eq!(frame["type"], "heartbeat", "{frame}"),
        }
    }
}

fn event(kind: &str, topic: &str, labels: Value) -> Value {
    json!({"kind": kind, "topic": topic, "data": {}, "labels": labels})
}

#[tokio::test]
async fn only_what_was_asked_for_arrives() {
    let gateway = Setup::new().start().await;
    let all = [
        event("test.a", "x/one", json!({"room": "kitchen"})),
        event("test.b", "x/one", json!({"room": "hall"})),
        event(
            "test.a",
            "x/two/deep",
            json!({"room": "hall", "floor": "1"}),
        ),
        event("test.a", "y", json!({})),
    ];
    for (asked, expected) in [
        (
            json!({"topics": ["x/#"]}),
            vec!["x/one", "x/one", "x/two/deep"],
        ),
        (json!({"topics": ["x/+"]}), vec!["x/one", "x/one"]),
        (json!({"topics": ["+/two/+", "y"]}), vec!["x/two/deep", "y"]),
        (json!({"kinds": ["test.b"]}), vec!["x/one"]),
        (
            json!({"kinds": ["test.a"], "topics": ["x/#"]}),
            vec!["x/one", "x/two/deep"],
        ),
        (
            json!({"topics": ["#"], "where": {"room": ["hall"]}}),
            vec!["x/one", "x/two/deep"],
        ),
        (
            json!({"topics": ["#"], "where": {"room": ["hall", "kitchen"], "floor": ["1"]}}),
            vec!["x/two/deep"],
        ),
        (json!({"topics": ["z"]}), vec![]),
    ] {
        let mut client = gateway.client().await;
        client.subscribe(asked.clone()).await;
        assert_eq!(
            arrivals(&mut client, &gateway, &all).await,
            expected,
            "{asked}"
        );
    }
}

#[tokio::test]
async fn subscriptions_that_overlap_deliver_an_event_once() {
    let gateway = Setup::new().start().await;
    let mut client = gateway.client().await;
    for asked in [
        json!({"topics": ["x/#", "x/one"]}),
        json!({"topics": ["x/+"]}),
        json!({"kinds": ["test.a"]}),
    ] {
        client.subscribe(asked).await;
    }
    let topics = arrivals(
        &mut client,
        &gateway,
        &[event("test.a", "x/one", json!({}))],
    )
    .await;
    assert_eq!(topics, ["x/one"]);
}

#[tokio::test]
async fn after_unsubscribing_nothing_arrives() {
    let gateway = Setup::new().start().await;
    let mut client = gateway.client().await;
    let subscribed = client.subscribe(json!({"topics": ["x/#"]})).await;
    let answer = client
        .command(
            "unsubscribe",
            json!({"subscription": subscribed["subscription"]}),
        )
        .await;
    assert_eq!(
        (answer["type"].as_str(), &answer["data"]),
        (
            Some("unsubscribed"),
            &json!({"subscription": subscribed["subscription"]})
        )
    );
    assert!(
        arrivals(
            &mut client,
            &gateway,
            &[event("test.a", "x/one", json!({}))]
        )
        .await
        .is_empty()
    );
    client
        .refused(
            "unsubscribe",
            json!({"subscription": subscribed["subscription"]}),
            "UNKNOWN_SUBSCRIPTION",
        )
        .await;
}

#[tokio::test]
async fn numbers_rise_for_everybody_alike() {
    let gateway = Setup::new().start().await;
    let (mut first, mut second) = (gateway.client().await, gateway.client().await);
    assert_eq!(first.welcome["epoch"], second.welcome["epoch"]);
    first.watch(&["test/#"]).await;
    second.watch(&["test/even"]).await;
    for n in 0..20 {
        gateway
            .admin()
            .emit(if n % 2 == 0 { "test/even" } else { "test/odd" }, json!(n))
            .await;
    }
    let mut last = 0;
    for n in 0..20 {
        let event = first.next_of("test.event").await;
        assert_eq!(event["data"], n);
        let seq = event["seq"].as_u64().expect("a number");
        assert!(seq > last);
        last = seq;
        if n % 2 == 0 {
            assert_eq!(second.next_of("test.event").await["seq"], seq);
        }
    }
}

//! The retained state first, then what happens: without a hole, without a double.

use hearthgate_tests::Setup;
use serde_json::{Value, json};

fn state(topic: &str, data: Value) -> Value {
    json!({"kind": "test.state", "topic": topic, "data": data, "retain": true})
}

#[tokio::test]
async fn the_newest_of_each_topic_comes_first() {
    let gateway = Setup::new().start().await;
    for (topic, data) in [
        ("home/a", 1),
        ("home/b", 2),
        ("home/a", 3),
        ("elsewhere", 4),
    ] {
        gateway.admin().publish(state(topic, json!(data))).await;
    }
    gateway.admin().emit("home/a", json!("not retained")).await;
    let mut client = gateway.client().await;
    let subscribed = client.watch(&["home/#"]).await;
    assert_eq!(subscribed["replayed"], 2, "{subscribed}");
    let first = client.next_of("test.state").await;
    let second = client.next_of("test.state").await;
    assert_eq!(
        (&first["topic"], &first["data"]),
        (&json!("home/b"), &json!(2))
    );
    assert_eq!(
        (&second["topic"], &second["data"]),
        (&json!("home/a"), &json!(3))
    );
    let mut without = gateway.client().await;
    assert_eq!(
        without.subscribe(json!({"topics": ["home/#"]})).await["replayed"],
        0
    );
}

#[tokio::test]
async fn null_clears_what_was_retained() {
    let gateway = Setup::new().start().await;
    gateway.admin().publish(state("home/a", json!(1))).await;
    gateway.admin().publish(state("home/a", json!(null))).await;
    let mut client = gateway.client().await;
    assert_eq!(client.watch(&["home/#"]).await["replayed"], 0);
}

/// Clients subscribe while one topic changes all the time: each sees one number after the other from its snapshot on.
#[tokio::test]
async fn a_snapshot_in_the_midst_of_changes_has_no_hole_and_no_double() {
    let gateway = Setup::new().start().await;
    let admin = gateway.admin();
    admin.publish(state("home/n", json!(0))).await;
    let publisher = tokio::spawn(async move {
        for n in 1..=300 {
            admin.publish(state("home/n", json!(n))).await;
        }
    });
    for _ in 0..20 {
        let mut client = gateway.client().await;
        client.watch(&["home/n"]).await;
        let mut expected = client.next_of("test.state").await["data"]
            .as_u64()
            .expect("a number");
        for _ in 0..5 {
            if expected == 300 {
                break;
            }
            expected += 1;
            assert_eq!(client.next_of("test.state").await["data"], expected);
        }
    }
    publisher.await.expect("everything was published");
}

#[tokio::test]
async fn what_was_missed_is_not_recovered_without_a_log() {
    let gateway = Setup::new().start().await;
    let mut client = gateway.client().await;
    let seq = gateway.admin().emit("test/a", json!(1)).await;
    gateway.admin().emit("test/a", json!(2)).await;
    let epoch = client.welcome["epoch"].clone();
    let since = client
        .subscribe(json!({"topics": ["test/#"], "since": {"epoch": epoch, "seq": seq}}))
        .await;
    assert_eq!(
        (&since["recovered"], &since["cause"]),
        (&json!(false), &json!("out_of_window"))
    );
    let other = client
        .subscribe(json!({"topics": ["test/#"], "since": {"epoch": "another", "seq": seq}}))
        .await;
    assert_eq!(
        (&other["recovered"], &other["cause"]),
        (&json!(false), &json!("epoch_changed"))
    );
}

#[tokio::test]
async fn a_client_may_have_so_many_snapshots_in_a_minute() {
    let setup = Setup::new().toml("[connections]\nmax-subscriptions = 4\n");
    let gateway = setup.start().await;
    let mut client = gateway.client().await;
    let wanted = |snapshot| json!({"topics": ["home/#"], "snapshot": snapshot});
    for _ in 0..4 {
        let begun = client.subscribe(wanted(true)).await;
        let id = json!({"subscription": begun["subscription"]});
        client.command("unsubscribe", id).await;
    }
    let refused = client
        .refused("subscribe", wanted(true), "RATE_LIMITED")
        .await;
    let after = refused["data"]["retry_after_ms"].as_u64();
    assert!(
        after.is_some_and(|after| (1..=15_000).contains(&after)),
        "{refused}"
    );
    // What happens from now on costs little, and is had as ever.
    client.subscribe(wanted(false)).await;
    gateway.client().await.subscribe(wanted(true)).await;
}

use super::*;
use crate::config;
use crate::event::{Kind, Labels, Topic, TopicFilter};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};

fn bus() -> Bus {
    let settings = config::Connections {
        shards: 2,
        ..config::Connections::default()
    };
    Bus::new(Shards::start(&settings))
}

fn draft(kind: &str, topic: &str, data: &Value, retain: bool) -> Draft {
    Draft {
        kind: Kind::parse(kind).expect("a kind"),
        topic: Topic::parse(topic).expect("a topic"),
        labels: Labels::default(),
        data: to_raw_value(data).expect("JSON"),
        occurred_at: None,
        retain,
        audience: Vec::new(),
    }
}

fn source() -> InstanceName {
    InstanceName::parse("home").expect("a name")
}

fn topics(filter: &str) -> Filter {
    Filter {
        topics: vec![TopicFilter::parse(filter).expect("a filter")],
        ..Filter::default()
    }
}

fn state(id: &str) -> Draft {
    let data = json!({ "entity_id": id, "entity_type": "light", "attributes": {} });
    draft(
        "entity.state_changed",
        &format!("entity/{id}/state"),
        &data,
        true,
    )
}

fn retained(bus: &Bus, filter: &str) -> Vec<String> {
    let events = bus.retained(&topics(filter));
    events.iter().map(|e| e.draft.topic.to_string()).collect()
}

#[tokio::test]
async fn numbers_rise_by_one_and_a_batch_is_all_or_none() {
    let bus = bus();
    let before = bus.position();
    let good = draft("acme.blink", "acme/1", &json!({}), false);
    assert_eq!(
        bus.publish(&source(), vec![good.clone(), good.clone()])
            .await,
        Ok(2)
    );
    let bad = draft(
        "device.metrics",
        "device/x/metrics",
        &json!({ "device_id": 7 }),
        false,
    );
    let refused = bus.publish(&source(), vec![good.clone(), bad]).await;
    let Err(PublishError::Invalid { index: 1, reason }) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        reason.contains("device.metrics") && reason.contains("data"),
        "{reason}"
    );
    assert_eq!(
        bus.publish(&source(), vec![good]).await,
        Ok(3),
        "the batch before took no number"
    );
    assert_eq!(
        (bus.position().epoch, bus.position().seq),
        (before.epoch, 3)
    );
}

#[tokio::test]
async fn the_gateways_own_kinds_and_topics_are_refused_to_others() {
    let bus = bus();
    let by_topic = draft("acme.blink", "gateway/plugin", &json!({}), false);
    let by_kind = draft("gateway.made_up", "acme/1", &json!({}), false);
    for draft in [by_topic, by_kind] {
        let refused = bus.publish(&source(), vec![draft.clone()]).await;
        assert_eq!(refused, Err(PublishError::Reserved { index: 0 }));
        assert!(
            bus.publish(&InstanceName::gateway(), vec![draft])
                .await
                .is_ok()
        );
    }
    let long = draft(
        "acme.blink",
        "acme/1",
        &json!("x".repeat(MAX_EVENT_BYTES)),
        false,
    );
    let refused = bus.publish(&source(), vec![long]).await;
    assert!(matches!(
        refused,
        Err(PublishError::TooLarge { index: 0, .. })
    ));
}

#[tokio::test]
async fn retained_state_is_the_newest_and_is_cleared() {
    let bus = bus();
    let drafts = ["lamp", "fan"].map(state).to_vec();
    bus.publish(&source(), drafts).await.expect("valid");
    bus.publish(&source(), vec![state("lamp")])
        .await
        .expect("valid");
    assert_eq!(
        retained(&bus, "entity/#"),
        ["entity/fan/state", "entity/lamp/state"]
    );
    assert_eq!(retained(&bus, "entity/+/state").len(), 2);
    assert_eq!(retained(&bus, "entity/lamp/state").len(), 1);
    assert_eq!(retained(&bus, "entity/lam").len(), 0);
    assert_eq!(bus.retained(&Filter::default()).len(), 2);

    let removed = draft(
        "entity.removed",
        "entity/lamp/registry",
        &json!({ "entity_id": "lamp" }),
        false,
    );
    bus.publish(&source(), vec![removed]).await.expect("valid");
    assert_eq!(retained(&bus, "#"), ["entity/fan/state"]);
    let nulled = draft(
        "entity.state_changed",
        "entity/fan/state",
        &Value::Null,
        true,
    );
    bus.publish(&source(), vec![nulled])
        .await
        .expect("null clears");
    assert!(retained(&bus, "#").is_empty());
}

#[tokio::test]
async fn a_snapshot_tells_up_to_where_it_stands() {
    let bus = bus();
    bus.publish(&source(), vec![state("lamp")])
        .await
        .expect("valid");
    let open = bus.snapshot(topics("entity/#"));
    bus.publish(&source(), vec![state("fan")])
        .await
        .expect("valid");
    let opened = open(0);
    assert_eq!((opened.retained.len(), opened.after), (2, 2));
}

#[tokio::test]
async fn a_full_tap_drops_the_oldest_and_tells() {
    let bus = bus();
    let mut tap = bus.tap(topics("acme/#"), 2);
    let drafts = |n| vec![draft("acme.blink", "acme/1", &json!(1), false); n];
    bus.publish(&source(), drafts(5)).await.expect("valid");
    let other = draft("acme.blink", "other/1", &json!(1), false);
    bus.publish(&source(), vec![other]).await.expect("valid");
    let batch = tap.next().await.expect("events");
    let seqs: Vec<_> = batch.events.iter().map(|e| e.seq).collect();
    assert_eq!((seqs, batch.missed), (vec![4, 5], 3));
    bus.publish(&source(), drafts(1)).await.expect("valid");
    let batch = tap.next().await.expect("events");
    assert_eq!((batch.events.len(), batch.missed), (1, 0));
    drop(bus);
    assert!(tap.next().await.is_none());
}

#[tokio::test]
async fn declared_kinds_are_checked_and_withdrawn() {
    let bus = bus();
    let kind = || Kind::parse("acme.blink").expect("a kind");
    let (one, other) = (source(), InstanceName::parse("other").expect("a name"));
    let schema = json!({ "type": "object", "required": ["on"], "properties": { "on": { "type": "boolean" } } });
    let schemas = bus.schemas();
    schemas.declare(&one, kind(), &schema).expect("a schema");
    schemas
        .declare(&other, kind(), &schema)
        .expect("the same schema");
    assert!(
        schemas.declare(&other, kind(), &json!({})).is_err(),
        "another schema"
    );
    assert!(
        schemas
            .declare(&one, kind(), &json!({ "type": 7 }))
            .is_err(),
        "no schema"
    );
    let shared = Kind::parse("device.metrics").expect("a kind");
    assert!(
        schemas.declare(&one, shared, &json!({})).is_err(),
        "a shared kind"
    );
    let check = |data: Value| schemas.check(&kind(), &to_raw_value(&data).expect("JSON"));
    let wrong = check(json!({ "on": 1 })).expect_err("a number").0;
    assert!(wrong.contains("data.on"), "{wrong}");
    assert!(check(json!({ "on": true })).is_ok());
    schemas.withdraw(&one);
    assert!(check(json!({})).is_err(), "the other still declares it");
    schemas.withdraw(&other);
    assert!(check(json!({})).is_ok());
}

#[tokio::test]
async fn send_tells_how_many_it_reached() {
    let draft = draft("acme.blink", "acme/1", &json!(1), false);
    assert_eq!(bus().send(&source(), draft).await, Ok(0));
}

#[tokio::test]
async fn filters_that_overlap_give_each_retained_event_once() {
    let bus = bus();
    for topic in ["a", "a/b", "a/b/c", "ab", "b/a", "b/b"] {
        let draft = draft("acme.blink", topic, &json!(1), true);
        bus.publish(&source(), vec![draft]).await.expect("valid");
    }
    let found = |topics: &[&str]| -> Vec<String> {
        let parse = |t: &&str| TopicFilter::parse(t).expect("a filter");
        let filter = Filter {
            topics: topics.iter().map(parse).collect(),
            ..Filter::default()
        };
        let events = bus.retained(&filter);
        let topic = |e: &Arc<Event>| e.draft.topic.as_str().to_owned();
        events.iter().map(topic).collect()
    };
    assert_eq!(found(&["a/#", "a/b/#", "a/+/c"]), ["a", "a/b", "a/b/c"]);
    assert_eq!(found(&["b/b", "a/b", "ab", "a"]), ["a", "a/b", "ab", "b/b"]);
    let all: Vec<_> = std::iter::repeat_n("+/b", 64).chain(["b/#"]).collect();
    assert_eq!(found(&all), ["a/b", "b/a", "b/b"]);
}

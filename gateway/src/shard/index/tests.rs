use super::*;
use crate::event::{Condition, Draft, InstanceName, Kind, Labels, Timestamp, Topic, TopicFilter};
use proptest::prelude::*;
use std::sync::{Arc, OnceLock};

fn event(topic: &str, kind: &str, labels: &[(&str, &str)]) -> Event {
    Event {
        seq: 1,
        source: InstanceName::gateway(),
        received_at: Timestamp::from_millis(0),
        accepted: std::time::Instant::now(),
        draft: Draft {
            kind: Kind::parse(kind).expect("a kind"),
            topic: Topic::parse(topic).expect("a topic"),
            labels: Labels::parse(labels.iter().copied()).expect("labels"),
            data: serde_json::value::RawValue::NULL.to_owned(),
            occurred_at: None,
            retain: false,
            audience: Vec::new(),
        },
        native: OnceLock::new(),
    }
}

fn filter(
    topics: &[String],
    kinds: &[String],
    conditions: &[(String, Vec<String>, bool)],
) -> Filter {
    Filter {
        topics: topics
            .iter()
            .map(|t| TopicFilter::parse(t).expect("a filter"))
            .collect(),
        kinds: kinds
            .iter()
            .map(|k| Kind::parse(k).expect("a kind"))
            .collect(),
        conditions: conditions
            .iter()
            .map(|(label, values, absent)| Condition {
                label: label.as_str().into(),
                any_of: values.iter().map(|v| v.as_str().into()).collect(),
                matches_when_absent: *absent,
            })
            .collect(),
    }
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned)
}

/// `source` is what the gateway stamps, whatever the publisher wrote there.
fn label() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "source"]).prop_map(str::to_owned)
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(word(), 1..4).prop_map(|levels| levels.join("/"))
}

fn topic_filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => word(), 1 => Just("+".to_owned())];
    (prop::collection::vec(level, 0..4), any::<bool>()).prop_map(|(mut levels, rest)| {
        if rest || levels.is_empty() {
            levels.push("#".to_owned());
        }
        levels.join("/")
    })
}

fn kind() -> impl Strategy<Value = String> {
    word().prop_map(|word| format!("k.{word}"))
}

fn a_filter() -> impl Strategy<Value = Filter> {
    let condition = (label(), prop::collection::vec(word(), 0..3), any::<bool>());
    (
        prop::collection::vec(topic_filter(), 0..3),
        prop::collection::vec(kind(), 0..3),
        prop::collection::vec(condition, 0..3),
    )
        .prop_map(|(topics, kinds, conditions)| filter(&topics, &kinds, &conditions))
}

fn an_event() -> impl Strategy<Value = Event> {
    let labels = prop::collection::btree_map(label(), word(), 0..3);
    (topic(), kind(), labels, word()).prop_map(|(topic, kind, labels, source)| {
        let labels: Vec<_> = labels
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        Event {
            source: InstanceName::parse(&source).expect("a name"),
            ..event(&topic, &kind, &labels)
        }
    })
}

fn found(index: &mut Index, event: &Event) -> Vec<u32> {
    let mut found: Vec<_> = index.matching(event).map(|m| m.connection).collect();
    found.sort_unstable();
    found.dedup();
    found
}

proptest! {
    #[test]
    fn finds_what_the_naive_matcher_finds(
        filters in prop::collection::vec((a_filter(), any::<bool>()), 0..30),
        events in prop::collection::vec(an_event(), 1..10),
    ) {
        let mut index = Index::default();
        let keys: Vec<_> = filters
            .iter()
            .zip(0..)
            .map(|((filter, _), i)| index.insert(i, filter.clone(), false, 0))
            .collect();
        for ((_, leaves), key) in filters.iter().zip(&keys) {
            if *leaves {
                index.remove(*key);
            }
        }
        for event in &events {
            let expected: Vec<u32> = (0..)
                .zip(&filters)
                .filter(|(_, (filter, leaves))| !leaves && filter.matches(event))
                .map(|(i, _)| i)
                .collect();
            prop_assert_eq!(found(&mut index, event), expected);
        }
        for ((_, leaves), key) in filters.iter().zip(&keys) {
            if !leaves {
                index.remove(*key);
            }
        }
        prop_assert!(index.is_empty());
        prop_assert!(index.root.is_empty(), "what was there for a subscription goes with it");
    }
}

#[test]
fn a_wide_filter_is_posted_in_a_bounded_number_of_lists() {
    let names = |prefix: &str, n: usize| (0..n).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
    let wide = filter(
        &names("t/x", 64),
        &names("k.x", 64),
        &[("room".to_owned(), names("r", 64), true)],
    );
    let mut index = Index::default();
    let key = index.insert(7, wide, false, 0);
    assert!(index.subscriptions[key.0 as usize].places.len() <= MAX_POSTINGS);
    assert_eq!(
        found(&mut index, &event("t/x3", "k.x9", &[("room", "r5")])),
        [7]
    );
    assert_eq!(found(&mut index, &event("t/x3", "k.x9", &[])), [7]);
    assert!(found(&mut index, &event("t/x3", "k.y", &[])).is_empty());
    assert!(found(&mut index, &event("t/x3", "k.x9", &[("room", "other")])).is_empty());
    index.remove(key);
    assert!(index.root.is_empty());
}

#[test]
fn events_up_to_the_snapshot_are_not_found_again() {
    let mut index = Index::default();
    index.insert(1, Filter::default(), false, 1);
    let mut event = event("a", "k.a", &[]);
    assert!(found(&mut index, &event).is_empty());
    event.seq = 2;
    assert_eq!(found(&mut index, &event), [1]);
}

/// Matching must not slow down with subscriptions that don't match, in whichever one part they differ.
/// The bound is on candidates, not on time, so that it holds on any machine.
#[test]
fn of_many_that_differ_in_one_part_only_the_one_is_looked_at() {
    const MANY: u32 = 20_000;
    let room = |i: u32| vec![("room".to_owned(), vec![format!("r{i}")], false)];
    let two = |i: u32| {
        [
            vec![("domain".to_owned(), vec!["light".to_owned()], false)],
            room(i),
        ]
        .concat()
    };
    type Make<'a> = Box<dyn Fn(u32) -> Filter + 'a>;
    let makes: [(&str, Make<'_>); 4] = [
        (
            "topic",
            Box::new(|i| filter(&[format!("t/x{i}")], &[], &[])),
        ),
        (
            "kind",
            Box::new(|i| filter(&["t/#".to_owned()], &[format!("k.x{i}")], &[])),
        ),
        (
            "label",
            Box::new(|i| filter(&["t/#".to_owned()], &[], &room(i))),
        ),
        (
            "one of two labels",
            Box::new(|i| filter(&["t/#".to_owned()], &[], &two(i))),
        ),
    ];
    for (part, make) in makes {
        let mut index = Index::default();
        for i in 0..MANY {
            index.insert(i, make(i), false, 0);
        }
        let event = event(
            "t/x7777",
            "k.x7777",
            &[("domain", "light"), ("room", "r7777")],
        );
        assert_eq!(found(&mut index, &event), [7777], "{part}");
        assert!(
            index.found.len() <= 2,
            "{part}: {} candidates",
            index.found.len()
        );
    }
}

#[test]
fn removing_and_adding_does_not_grow() {
    let mut index = Index::default();
    let shared: Arc<str> = "r".into();
    for round in 0..50 {
        let keys: Vec<_> = (0..100)
            .map(|i| {
                let condition = ("room".to_owned(), vec![format!("{shared}{i}")], i % 2 == 0);
                let topics = [format!("a/{round}/{i}"), "#".to_owned()];
                index.insert(
                    i,
                    filter(&topics, &["k.a".to_owned()], &[condition]),
                    false,
                    0,
                )
            })
            .collect();
        keys.into_iter().rev().for_each(|key| index.remove(key));
    }
    assert!(index.root.is_empty());
}

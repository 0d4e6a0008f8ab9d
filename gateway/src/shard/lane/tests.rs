use super::*;
use crate::event::{Draft, InstanceName, Kind, Labels, Timestamp, Topic};
use std::sync::OnceLock;

const BOUNDS: Bounds = Bounds {
    frames: 4,
    bytes: 1 << 20,
};

fn event(seq: u64, topic: &str) -> Arc<Event> {
    Arc::new(Event {
        seq,
        source: InstanceName::gateway(),
        received_at: Timestamp::from_millis(0),
        accepted: std::time::Instant::now(),
        draft: Draft {
            kind: Kind::parse("k.a").expect("a kind"),
            topic: Topic::parse(topic).expect("a topic"),
            labels: Labels::default(),
            data: serde_json::value::RawValue::NULL.to_owned(),
            occurred_at: None,
            retain: false,
            audience: Vec::new(),
        },
        native: OnceLock::new(),
    })
}

fn push(lane: &mut DataLane, seq: u64, topic: &str, latest: bool) -> u64 {
    lane.push(Payload::Native(event(seq, topic)), latest, true, BOUNDS)
}

fn seqs(lane: &mut DataLane) -> Vec<u64> {
    std::iter::from_fn(|| lane.pop())
        .map(|frame| {
            let start = frame.iter().position(|b| *b == b'{').expect("an object");
            let value: serde_json::Value = serde_json::from_slice(&frame[start..]).expect("JSON");
            value["seq"].as_u64().expect("a number")
        })
        .collect()
}

#[test]
fn the_oldest_make_room_and_are_accounted_for() {
    let mut lane = DataLane::default();
    for seq in 1..=7 {
        push(&mut lane, seq, "a", false);
    }
    let gap = lane.take_gap().expect("a gap");
    assert_eq!((gap.dropped, gap.first_seq, gap.last_seq), (3, 1, 3));
    assert_eq!((gap.reason, gap.policy), ("slow", "all"));
    assert_eq!(seqs(&mut lane), [4, 5, 6, 7]);
    assert!(lane.items.is_empty() && lane.bytes() == 0);
}

#[test]
fn bytes_are_bounded_too() {
    let mut lane = DataLane::default();
    let size = push::event(&event(1, "a")).len();
    let bounds = Bounds {
        frames: 100,
        bytes: 2 * size,
    };
    for seq in 1..=5 {
        lane.push(Payload::Native(event(seq, "a")), false, true, bounds);
    }
    assert_eq!(lane.bytes(), 2 * size);
    assert_eq!(seqs(&mut lane), [4, 5]);
}

#[test]
fn the_latest_of_each_topic_is_kept_in_the_order_of_its_number() {
    let mut lane = DataLane::default();
    for (seq, topic) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "a")] {
        push(&mut lane, seq, topic, true);
    }
    let gap = lane.take_gap().expect("a gap");
    assert_eq!((gap.dropped, gap.first_seq, gap.last_seq), (2, 1, 3));
    assert_eq!(gap.policy, "latest");
    assert_eq!(seqs(&mut lane), [2, 4, 5]);
}

#[test]
fn replacing_for_ever_does_not_grow() {
    let mut lane = DataLane::default();
    push(&mut lane, 1, "still", true);
    for seq in 2..10_000 {
        push(&mut lane, seq, "busy", true);
        assert!(lane.items.len() <= 70, "{} items", lane.items.len());
    }
    assert_eq!(seqs(&mut lane), [1, 9_999]);
}

#[test]
fn retained_state_is_not_dropped_and_comes_in_its_place() {
    let mut lane = DataLane::default();
    push(&mut lane, 8, "a", false);
    lane.replay((1..=6).map(|seq| event(seq, "r")).collect());
    for seq in 9..=14 {
        push(&mut lane, seq, "a", false);
    }
    assert_eq!(lane.take_gap().expect("a gap").dropped, 3);
    assert_eq!(seqs(&mut lane), [1, 2, 3, 4, 5, 6, 11, 12, 13, 14]);
}

#[test]
fn a_gap_waits_for_an_event_to_follow_it() {
    let mut lane = DataLane::default();
    (1..=5).for_each(|seq| {
        push(&mut lane, seq, "a", false);
    });
    assert_eq!(lane.take_gap().expect("a gap").dropped, 1);
    assert!(lane.take_gap().is_none());
}

#[test]
fn what_may_not_be_read_any_more_is_taken_out_without_a_word() {
    let mut lane = DataLane::default();
    lane.replay(vec![event(1, "open"), event(2, "closed")]);
    for (seq, topic) in [(3, "closed"), (4, "open"), (5, "closed"), (6, "open")] {
        push(&mut lane, seq, topic, true);
    }
    let open = |event: &Event| event.draft.topic.as_str() == "open";
    // The fourth has given way to the sixth already, and the third to the fifth.
    assert_eq!(lane.keep(open), 2);
    assert_eq!(lane.len(), 1);
    let size = push::event(&event(6, "open")).len();
    assert_eq!(lane.bytes(), size);
    // The places of the rest are still known: a newer event takes the place of the right one.
    push(&mut lane, 7, "open", true);
    assert_eq!(lane.len(), 1);
    let gap = lane.take_gap().expect("a gap of what gave way");
    assert_eq!(gap.last_seq, 6, "and of nothing that was taken out");
    assert_eq!(seqs(&mut lane), [1, 7]);
    assert_eq!(lane.keep(|_| false), 0);
}

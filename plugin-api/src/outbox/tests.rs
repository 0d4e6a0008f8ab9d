//! A gateway that refuses, in every way it can.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::events::{SceneActivated, SyncState, SyncStatus};
use crate::testing;

fn filled(count: usize) -> Outbox {
    let scene = |n| Event::of(&SceneActivated::new(format!("scene.{n}")));
    Outbox::resume(1000, (0..count).map(scene))
}

/// Flushes, and returns the topics that were published, those that were refused, and how long to wait.
fn flush(outbox: &mut Outbox) -> (Vec<String>, Vec<String>, Option<Duration>) {
    let mut refused = Vec::new();
    let wait = outbox.flush(|event, why| refused.push(format!("{event}: {why}")));
    let published = testing::published().into_iter();
    (published.map(|event| event.topic).collect(), refused, wait)
}

#[test]
fn all_go_out_in_order_in_batches() {
    let seen = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    let batches = seen.clone();
    testing::on_publish(move |events| {
        batches.borrow_mut().push(events.len());
        Ok(())
    });
    let (published, refused, wait) = flush(&mut filled(300));
    assert_eq!(*seen.borrow(), [128, 128, 44]);
    assert_eq!((refused, wait), (vec![], None));
    let expected: Vec<_> = (0..300).map(|n| format!("scene/scene.{n}")).collect();
    assert_eq!(published, expected);
}

#[test]
fn over_the_rate_they_are_kept_and_go_later() {
    let wait = Duration::from_millis(70);
    let mut calls = 0;
    testing::on_publish(move |_| {
        calls += 1;
        match calls {
            2 => Err(PublishError::Throttled(wait)),
            _ => Ok(()),
        }
    });
    let mut outbox = filled(200);
    let (published, _, waited) = flush(&mut outbox);
    assert_eq!(
        (published.len(), waited, outbox.len()),
        (128, Some(wait), 72)
    );
    let (published, refused, waited) = flush(&mut outbox);
    assert_eq!((published.len(), refused, waited), (72, vec![], None));
}

#[test]
fn a_rate_smaller_than_a_batch_loses_nothing() {
    testing::on_publish(|events| match events.len() {
        0..=50 => Ok(()),
        _ => Err(PublishError::Invalid {
            index: 50,
            reason: "more than 50 events at once (limits.publish-rate)".to_owned(),
        }),
    });
    let (published, refused, _) = flush(&mut filled(200));
    assert_eq!((published.len(), refused), (200, vec![]));
}

#[test]
fn the_one_that_is_refused_is_given_back_and_the_others_go() {
    testing::on_publish(|events| {
        match events.iter().any(|event| event.topic == "scene/scene.77") {
            true => Err(PublishError::NotGranted("scene/scene.77".to_owned())),
            false => Ok(()),
        }
    });
    let (published, refused, _) = flush(&mut filled(300));
    assert_eq!(published.len(), 299);
    assert_eq!(
        refused,
        ["scene.activated on scene/scene.77: publishing is not granted: scene/scene.77"]
    );
}

#[test]
fn where_there_is_no_room_the_oldest_make_way_and_are_counted() {
    testing::calls();
    let mut outbox = Outbox::new(2);
    for n in 0..5 {
        outbox.push(Event::new("acme.tick", format!("acme/{n}"), &n));
    }
    assert_eq!(testing::calls().len(), 3, "each is counted");
    assert_eq!(flush(&mut outbox).0, ["acme/3", "acme/4"]);
}

#[test]
fn what_waits_is_kept_over_a_reload_as_it_is() {
    let status = SyncStatus::new(SyncState::Completed, "done", 2_u32, 1_u32, 100.0);
    let event = Event::of(&status)
        .label_if("room", Some("a"))
        .label_if("area", None::<&str>)
        .occurred_at(std::time::UNIX_EPOCH + Duration::from_millis(5))
        .audience("role:admin");
    let mut outbox = Outbox::new(10);
    outbox.push(event.clone());
    let state = serde_json::to_string(&outbox).unwrap();
    let kept: Vec<Event> = serde_json::from_str(&state).unwrap();
    assert_eq!(kept, [event]);
    assert_eq!(Outbox::resume(10, kept).len(), 1);
}

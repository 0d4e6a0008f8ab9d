//! A gateway that refuses, in every way it can.
#![allow(clippy::unwrap_used)]

use super::*;
use hearthgate_plugin::events::{SceneActivated, SyncState, SyncStatus};

fn scene(n: usize) -> Draft {
    Draft::of(&SceneActivated::new(format!("scene.{n}")))
}

fn filled(count: usize) -> Outbox {
    Outbox::with((0..count).map(scene).collect())
}

/// Flushes into a gateway that answers a batch of so many, and returns the sizes of the batches it took.
fn flush(
    outbox: &mut Outbox,
    mut answer: impl FnMut(usize) -> Result<u64, PublishError>,
) -> (Vec<usize>, Option<Duration>, Vec<(&'static str, u64)>) {
    let (mut taken, mut complaints) = (Vec::new(), Complaints::default());
    let wait = outbox.flush(&mut complaints, &mut |events| {
        let answer = answer(events.len());
        if answer.is_ok() {
            taken.push(events.len());
        }
        answer
    });
    (taken, wait, complaints.iter().collect())
}

#[test]
fn what_waits_goes_in_batches() {
    let mut outbox = filled(600);
    assert!(outbox.is_full());
    assert_eq!(
        flush(&mut outbox, |_| Ok(1)),
        (vec![250, 250, 100], None, vec![])
    );
    assert!(outbox.is_empty());
}

#[test]
fn over_the_rate_it_is_kept_and_goes_later_whole() {
    let mut outbox = filled(300);
    let wait = Duration::from_millis(70);
    let mut first = true;
    let answer = |_| match std::mem::replace(&mut first, false) {
        true => Ok(1),
        false => Err(PublishError::Throttled(wait)),
    };
    assert_eq!(flush(&mut outbox, answer), (vec![250], Some(wait), vec![]));
    assert_eq!(outbox.waiting().count(), 50);
    assert_eq!(flush(&mut outbox, |_| Ok(1)).0, [50]);
}

#[test]
fn a_rate_smaller_than_a_batch_makes_smaller_batches() {
    let too_many = |count: usize| match count > 100 {
        true => Err(PublishError::Invalid {
            index: 100,
            reason: "more than 100 events at once (limits.publish-rate)".to_owned(),
        }),
        false => Ok(1),
    };
    let mut outbox = filled(400);
    let (taken, wait, complaints) = flush(&mut outbox, too_many);
    assert_eq!(
        (taken.iter().sum::<usize>(), wait),
        (400, None),
        "{taken:?}"
    );
    assert_eq!(complaints, [], "nothing is lost");
}

#[test]
fn one_that_is_not_taken_is_skipped_and_the_others_go() {
    let mut taken = Vec::new();
    let mut complaints = Complaints::default();
    let mut outbox = filled(300);
    // The fake host's events can't be looked into, so the gateway counts: it refuses whatever holds the 78th.
    let mut gone = 0;
    outbox.flush(&mut complaints, &mut |events: Vec<Event>| {
        let has = (gone..gone + events.len()).contains(&77) && complaint_free(&taken);
        if has && events.len() == 1 {
            gone += 1;
            taken.push(0);
            return Err(PublishError::NotGranted("scene/77".to_owned()));
        }
        if has {
            return Err(PublishError::NotGranted("scene/77".to_owned()));
        }
        gone += events.len();
        taken.push(events.len());
        Ok(1)
    });
    assert_eq!(taken.iter().sum::<usize>(), 299);
    let counted: Vec<_> = complaints.iter().collect();
    assert_eq!(
        counted,
        [("an event that grants.publish does not cover", 1)]
    );
}

fn complaint_free(taken: &[usize]) -> bool {
    !taken.contains(&0)
}

#[test]
fn one_that_is_too_large_is_named_and_only_it_is_skipped() {
    let mut outbox = filled(10);
    let mut once = true;
    let answer = |_| match std::mem::replace(&mut once, false) {
        true => Err(PublishError::TooLarge { index: 4 }),
        false => Ok(1),
    };
    let (taken, _, complaints) = flush(&mut outbox, answer);
    assert_eq!(taken, [9]);
    assert_eq!(complaints, [("an event larger than limits.event-size", 1)]);
}

#[test]
fn a_draft_is_kept_over_a_reload_as_it_is() {
    let status = SyncStatus::new(SyncState::Completed, "done", 2_u32, 1_u32, 100.0);
    let draft = Draft::of(&status)
        .label("room", Some("a"))
        .label("area", None)
        .at(Some(5));
    let kept = serde_json::to_string(&draft).unwrap();
    let back: Draft = serde_json::from_str(&kept).unwrap();
    assert_eq!(back.event(), draft.event());
    assert!(back.retain);
    assert_eq!(back.labels, [("room".to_owned(), "a".to_owned())]);
}

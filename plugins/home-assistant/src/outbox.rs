//! What events take on their way to the gateway beyond the SDK's queue: when the work pauses for it, and what is counted of
//! those that the gateway will never take.

use crate::complaints::Complaints;
use hearthgate_plugin::{Event, Outbox, PublishError};
use std::time::{Duration, UNIX_EPOCH};

/// So many wait before nothing more is worked on until the gateway takes them.
pub const FULL: usize = 250;
/// Most that wait: one step of the work adds at most an event or two for each entity, and those are bounded by `max-bytes`.
pub const CAPACITY: usize = 200_000;

/// Sends what waits. `Some`: the gateway asks to wait so long.
pub fn flush(outbox: &mut Outbox, complaints: &mut Complaints) -> Option<Duration> {
    outbox.flush(|event, reason| complaints.add(cause(&reason), &event.to_string()))
}

/// When it happened, in milliseconds since the epoch, where that is known.
pub fn at(event: Event, millis: Option<u64>) -> Event {
    match millis {
        Some(millis) => event.occurred_at(UNIX_EPOCH + Duration::from_millis(millis)),
        None => event,
    }
}

fn cause(reason: &PublishError) -> &'static str {
    match reason {
        PublishError::NotGranted(_) => "an event that grants.publish does not cover",
        PublishError::TooLarge { .. } => "an event larger than limits.event-size",
        _ => "an event that the gateway refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthgate_plugin::events::SceneActivated;
    use hearthgate_plugin::testing;

    #[test]
    fn what_is_never_taken_is_counted_by_its_cause() {
        let mut outbox = Outbox::new(CAPACITY);
        for name in ["a", "b"] {
            outbox.push(Event::of(&SceneActivated::new(format!("scene.{name}"))));
        }
        testing::on_publish(
            |events| match events.iter().any(|event| event.topic.ends_with('a')) {
                true => Err(PublishError::TooLarge { index: 0 }),
                false => Ok(()),
            },
        );
        let mut complaints = Complaints::default();
        assert_eq!(flush(&mut outbox, &mut complaints), None);
        assert_eq!(testing::published().len(), 1);
        let counted: Vec<_> = complaints.iter().collect();
        assert_eq!(counted, [("an event larger than limits.event-size", 1)]);
    }
}

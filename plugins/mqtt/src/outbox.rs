//! Events on their way to the gateway. A message is acknowledged to its broker only when its events were accepted, so
//! that a message of QoS 1 or 2 is never lost in between; where the gateway has no room, they wait here, and nothing
//! more is read until there is.

use crate::codec::Qos;
use crate::draft::Draft;
use crate::problems::Problems;
use hearthgate_plugin::{PublishError, publish_all};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// So many events wait before nothing more is read.
const FULL: usize = 1_000;
/// So many events go in one call.
const BATCH: usize = 100;

/// What waits, in the order in which it came.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Outbox {
    waiting: VecDeque<Entry>,
    events: usize,
    /// So many events go one by one: there is a bad one among them.
    #[serde(skip)]
    careful: usize,
}

/// The events of one message, and what acknowledges it.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    drafts: Vec<Draft>,
    acknowledge: Option<(u16, Qos)>,
}

impl Outbox {
    /// Adds the events of a message.
    pub fn push(&mut self, drafts: Vec<Draft>, acknowledge: Option<(u16, Qos)>) {
        if drafts.is_empty() && acknowledge.is_none() {
            return;
        }
        self.events += drafts.len();
        self.waiting.push_back(Entry {
            drafts,
            acknowledge,
        });
    }

    /// Whether nothing more should be read for now.
    pub fn is_full(&self) -> bool {
        self.events >= FULL || self.waiting.len() >= FULL
    }

    /// The link was lost, and with it whom to acknowledge to. The events stay: of a message of QoS 2 the broker learns
    /// that it is known and takes it as done; one of QoS 1 comes twice, as MQTT allows.
    pub fn lost(&mut self) {
        for entry in &mut self.waiting {
            entry.acknowledge = None;
        }
    }

    /// Publishes what it can. Returns what can be acknowledged now, and after which time to come again if some had to
    /// stay. An event that is refused is dropped and told; the others of its message are not.
    pub fn flush(&mut self, problems: &mut Problems) -> (Vec<(u16, Qos)>, Option<Duration>) {
        let mut safe = Vec::new();
        loop {
            self.take_empty(&mut safe);
            if self.waiting.is_empty() {
                return (safe, None);
            }
            let most = if self.careful > 0 { 1 } else { BATCH };
            let batch: Vec<&Draft> = self
                .waiting
                .iter()
                .flat_map(|entry| &entry.drafts)
                .take(most)
                .collect();
            let count = batch.len();
            match publish_all(batch.iter().map(|draft| draft.event())) {
                Ok(_) => self.done(count),
                Err(PublishError::Throttled(after)) => return (safe, Some(after)),
                Err(_) if count > 1 => self.careful = count,
                Err(error) => {
                    let draft = &batch[0];
                    let detail = format!("{} on {}: {error}", draft.kind, draft.topic);
                    problems.tell("event that was refused", &detail);
                    self.done(1);
                }
            }
        }
    }

    /// The first events are dealt with.
    fn done(&mut self, mut count: usize) {
        self.careful = self.careful.saturating_sub(count);
        self.events -= count;
        for entry in &mut self.waiting {
            let here = count.min(entry.drafts.len());
            entry.drafts.drain(..here);
            count -= here;
            if count == 0 {
                return;
            }
        }
    }

    fn take_empty(&mut self, safe: &mut Vec<(u16, Qos)>) {
        while self
            .waiting
            .front()
            .is_some_and(|entry| entry.drafts.is_empty())
        {
            safe.extend(self.waiting.pop_front().and_then(|entry| entry.acknowledge));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthgate_plugin::testing;
    use serde_json::json;

    fn draft(n: u32) -> Draft {
        Draft {
            kind: "mqtt.message".to_owned(),
            topic: format!("mqtt/{n}"),
            labels: vec![],
            data: json!({"n": n}),
            retain: false,
        }
    }

    #[test]
    fn what_was_accepted_is_acknowledged_in_order() {
        let mut outbox = Outbox::default();
        outbox.push(vec![draft(1), draft(2)], Some((7, Qos::One)));
        outbox.push(vec![], Some((8, Qos::Two)));
        outbox.push(vec![draft(3)], None);
        outbox.push(vec![], None);
        let (safe, wait) = outbox.flush(&mut Problems::default());
        assert_eq!((safe, wait), (vec![(7, Qos::One), (8, Qos::Two)], None));
        let topics: Vec<_> = testing::published()
            .into_iter()
            .map(|event| event.topic)
            .collect();
        assert_eq!(topics, ["mqtt/1", "mqtt/2", "mqtt/3"]);
    }

    #[test]
    fn many_go_in_pieces_and_it_is_full_at_its_bound() {
        let mut outbox = Outbox::default();
        for n in 0..1_000 {
            assert!(!outbox.is_full());
            outbox.push(vec![draft(n)], None);
        }
        assert!(outbox.is_full());
        outbox.flush(&mut Problems::default());
        assert_eq!(testing::published().len(), 1_000);
        assert!(!outbox.is_full());
    }

    #[test]
    fn a_loss_drops_nothing_and_acknowledges_nothing_of_the_lost_link() {
        let mut outbox = Outbox::default();
        outbox.push(vec![draft(1)], Some((7, Qos::One)));
        outbox.push(vec![draft(2)], None);
        outbox.lost();
        let (safe, _) = outbox.flush(&mut Problems::default());
        assert_eq!((safe.len(), testing::published().len()), (0, 2));
    }
}

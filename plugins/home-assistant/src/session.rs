//! One login at Home Assistant: its numbered requests, and what each answer belongs to.

use crate::registry::Which;
use hearthgate_plugin::RequestId;
use hearthgate_plugin::net::{NetError, WebSocket};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long an answer to a question of this plugin's own may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most questions that are remembered. Calls that Home Assistant never answers would add up; when they are this many, the
/// oldest is forgotten, and its answer, should it come, is one to no question.
const MOST_ASKED: usize = 1024;

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asked {
    /// To have messages coalesced; a Home Assistant that can't says so, which is no harm.
    Features,
    /// To be told of events; whether it can be done without.
    Events {
        optional: bool,
    },
    Config,
    Registry(Which),
    States,
    Ping,
    /// A client's call of a service.
    Call(RequestId),
    /// By an instance that was replaced meanwhile.
    Abandoned,
}

/// A login.
#[derive(Debug)]
pub struct Session {
    pub socket: WebSocket,
    next: u64,
    asked: BTreeMap<u64, (Asked, Instant)>,
    subscriptions: BTreeSet<u64>,
}

/// A login as it is handed to the next instance.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    next: u64,
    asked: Vec<(u64, Asked)>,
    subscriptions: BTreeSet<u64>,
}

impl Session {
    pub fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            next: 1,
            asked: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
        }
    }

    /// Sends a request under the next number; Home Assistant insists that they rise.
    ///
    /// # Errors
    /// The socket is closed, or its queue is full.
    pub fn ask(&mut self, asked: Asked, mut request: Value) -> Result<(), NetError> {
        request["id"] = self.next.into();
        self.socket.send_json(&request)?;
        self.asked.insert(self.next, (asked, Instant::now()));
        self.next += 1;
        Ok(())
    }

    /// Subscribes to the events of a type.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn subscribe(&mut self, event: &str, optional: bool) -> Result<(), NetError> {
        self.subscriptions.insert(self.next);
        let request = json!({"type": "subscribe_events", "event_type": event});
        self.ask(Asked::Events { optional }, request)
    }

    /// What an answer belongs to; each once.
    pub fn answered(&mut self, id: u64) -> Option<Asked> {
        Some(self.asked.remove(&id)?.0)
    }

    /// Whether events come under this number.
    pub fn is_subscription(&self, id: u64) -> bool {
        self.subscriptions.contains(&id)
    }

    /// A subscription was refused.
    pub fn unsubscribed(&mut self, id: u64) {
        self.subscriptions.remove(&id);
    }

    /// Whether a question of ours waits for too long: Home Assistant hangs. A service may take its time.
    pub fn is_stuck(&self) -> bool {
        let late = |(asked, since): &(Asked, Instant)| {
            !matches!(asked, Asked::Call(_) | Asked::Abandoned) && since.elapsed() > PATIENCE
        };
        self.asked.values().any(late)
    }

    /// How many calls of clients wait.
    pub fn calls(&self) -> usize {
        self.asked
            .values()
            .filter(|(asked, _)| matches!(asked, Asked::Call(_)))
            .count()
    }

    /// Gives up calls that have waited so long, and returns them.
    pub fn overdue(&mut self, patience: Duration) -> Vec<RequestId> {
        let late = |_: &u64, entry: &mut (Asked, Instant)| {
            matches!(entry.0, Asked::Call(_)) && entry.1.elapsed() >= patience
        };
        let late: Vec<(u64, (Asked, Instant))> = self.asked.extract_if(.., late).collect();
        for (id, _) in &late {
            // The answer may still come, and is nobody's then.
            self.asked.insert(*id, (Asked::Abandoned, Instant::now()));
        }
        while self.asked.len() > MOST_ASKED && self.forget_abandoned() {}
        requests(late.into_iter().map(|(_, (asked, _))| asked))
    }

    /// Forgets the oldest question whose answer is nobody's. `false`: there is none.
    fn forget_abandoned(&mut self) -> bool {
        let mut all = self.asked.iter();
        let oldest = all.find(|(_, (asked, _))| *asked == Asked::Abandoned);
        let Some(id) = oldest.map(|(id, _)| *id) else {
            return false;
        };
        self.asked.remove(&id).is_some()
    }

    /// What was asked for a reading that is given up: its answers are nobody's.
    pub fn abandon_reading(&mut self) {
        for (asked, _) in self.asked.values_mut() {
            if matches!(asked, Asked::Registry(_) | Asked::States) {
                *asked = Asked::Abandoned;
            }
        }
    }

    /// The calls that nobody answers any more.
    pub fn end(self) -> Vec<RequestId> {
        requests(self.asked.into_values().map(|(asked, _)| asked))
    }

    /// For the next instance on the same socket. What this one asked for itself, that one asks anew.
    pub fn save(&self) -> Saved {
        let keep = |(id, (asked, _)): (&u64, &(Asked, Instant))| match asked {
            Asked::Call(_) | Asked::Events { .. } => (*id, *asked),
            _ => (*id, Asked::Abandoned),
        };
        Saved {
            next: self.next,
            asked: self.asked.iter().map(keep).collect(),
            subscriptions: self.subscriptions.clone(),
        }
    }

    /// Goes on where another instance left off.
    pub fn resume(socket: WebSocket, saved: Saved) -> Self {
        let now = Instant::now();
        Self {
            socket,
            next: saved.next,
            asked: saved
                .asked
                .into_iter()
                .map(|(id, asked)| (id, (asked, now)))
                .collect(),
            subscriptions: saved.subscriptions,
        }
    }
}

fn requests(asked: impl Iterator<Item = Asked>) -> Vec<RequestId> {
    asked
        .filter_map(|asked| match asked {
            Asked::Call(request) => Some(request),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearthgate_plugin::testing;

    #[test]
    fn numbers_rise_over_a_reload_and_calls_are_kept() {
        let mut session = Session::new(WebSocket(7));
        session.subscribe("state_changed", false).expect("sent");
        session
            .ask(Asked::States, json!({"type": "get_states"}))
            .expect("sent");
        session
            .ask(Asked::Call(99), json!({"type": "call_service"}))
            .expect("sent");
        let saved = serde_json::to_string(&session.save()).expect("JSON");
        let saved = serde_json::from_str(&saved).expect("JSON");
        testing::calls();
        let mut next = Session::resume(WebSocket(7), saved);
        next.ask(Asked::Ping, json!({"type": "ping"}))
            .expect("sent");
        assert_eq!(
            testing::calls(),
            [r#"websocket.send 7 [WsMessage::Text("{\"id\":4,\"type\":\"ping\"}")]"#]
        );
        assert!(next.is_subscription(1) && !next.is_subscription(2));
        assert_eq!(next.answered(2), Some(Asked::Abandoned));
        assert_eq!(next.answered(3), Some(Asked::Call(99)));
        assert_eq!(next.answered(3), None, "once");
    }

    #[test]
    fn calls_are_given_up_in_time_and_their_late_answers_are_nobodys() {
        let mut session = Session::new(WebSocket(7));
        session.ask(Asked::Call(5), json!({})).expect("sent");
        session.ask(Asked::Ping, json!({})).expect("sent");
        assert_eq!(session.overdue(Duration::from_secs(60)), [0; 0]);
        assert_eq!(session.calls(), 1);
        assert_eq!(session.overdue(Duration::ZERO), [5]);
        assert_eq!(
            (session.calls(), session.answered(1)),
            (0, Some(Asked::Abandoned))
        );
        for call in 0..2 * MOST_ASKED as u64 {
            session.ask(Asked::Call(call), json!({})).expect("sent");
            assert_eq!(session.overdue(Duration::ZERO), [call]);
        }
        assert_eq!(session.asked.len(), MOST_ASKED, "and no more");
        session.ask(Asked::Call(6), json!({})).expect("sent");
        assert_eq!(session.end(), [6]);
    }
}

//! Answers that are owed: a request has an id, and whoever waits for it is woken by the answer with that id. A guest
//! may answer at once or `later`; the waiting side sees no difference.

use super::api::{Action, HttpReply, Rejection};
use super::input::RequestId;
use parking_lot::Mutex;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::oneshot;

/// An answer, or why there is none.
#[derive(Debug)]
pub enum Answer {
    /// To a message.
    Message(Result<Box<RawValue>, Rejection>),
    /// To an HTTP request.
    Http(HttpReply),
    /// A dialect's actions.
    Actions(Vec<Action>),
    /// A dialect's messages, for each event.
    Messages(Vec<Vec<String>>),
    /// A dialect's heartbeat.
    Heartbeat(Vec<String>),
    /// The guest failed.
    Failed(String),
    /// Something in the gateway itself failed.
    Internal(String),
    /// The guest ran over its time.
    TimedOut(String),
    /// The instance is away.
    Unavailable(String),
}

/// All requests of an instance that wait for an answer.
pub struct Replies {
    next: AtomicU64,
    capacity: usize,
    waiting: Mutex<HashMap<RequestId, oneshot::Sender<Answer>>>,
}

/// A request that waits; forgotten when it is dropped.
pub struct Waiting {
    /// Its id, for the guest.
    pub id: RequestId,
    /// Where the answer arrives.
    pub answer: oneshot::Receiver<Answer>,
    replies: Arc<Replies>,
}

impl Replies {
    /// At most so many requests wait at once.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            next: AtomicU64::new(1),
            capacity: capacity.max(1),
            waiting: Mutex::default(),
        }
    }

    /// Opens a request. `None`: as many as may wait do.
    #[must_use]
    pub fn open(self: &Arc<Self>) -> Option<Waiting> {
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if waiting.len() >= self.capacity {
            return None;
        }
        waiting.insert(id, sender);
        Some(Waiting {
            id,
            answer,
            replies: self.clone(),
        })
    }

    /// Answers a request; one that nobody waits for any more is no error.
    pub fn answer(&self, id: RequestId, answer: Answer) {
        if let Some(sender) = self.waiting.lock().remove(&id) {
            let _ = sender.send(answer);
        }
    }

    /// Whether somebody still waits.
    #[must_use]
    pub fn is_open(&self, id: RequestId) -> bool {
        self.waiting.lock().contains_key(&id)
    }

    /// Tells all who wait for a late answer that the guest is gone.
    pub fn fail_all(&self, reason: &str) {
        for (_, sender) in self.waiting.lock().drain() {
            let _ = sender.send(Answer::Unavailable(reason.to_owned()));
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.replies.waiting.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_bounded_and_forgotten_when_nobody_waits() {
        let replies = Arc::new(Replies::new(1));
        let first = replies.open().expect("room");
        assert!(replies.open().is_none(), "full");
        let id = first.id;
        drop(first);
        assert!(!replies.is_open(id));
        assert!(replies.open().is_some(), "room again");
    }

    #[tokio::test]
    async fn an_answer_reaches_the_one_who_waits() {
        let replies = Arc::new(Replies::new(2));
        let mut waiting = replies.open().expect("room");
        replies.answer(RequestId(999), Answer::Failed("nobody".to_owned()));
        replies.answer(waiting.id, Answer::Failed("boom".to_owned()));
        match (&mut waiting.answer).await.expect("answered") {
            Answer::Failed(reason) => assert_eq!(reason, "boom"),
            other => panic!("{other:?}"),
        }
    }
}

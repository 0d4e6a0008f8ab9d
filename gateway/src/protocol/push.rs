//! What the server says unasked: events, heartbeats, gaps, farewells. Each as a whole frame.

use super::codes::{CloseCode, ReconnectAdvice};
use super::frame::{self, Opcode};
use crate::event::{Event, Labels, Timestamp};
use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// The envelope of everything that is no event and answers nothing.
#[derive(Serialize)]
struct Push<'a, T> {
    r#type: &'a str,
    data: T,
    timestamp: Timestamp,
}

#[derive(Serialize)]
struct EventText<'a> {
    r#type: &'a str,
    topic: &'a str,
    data: &'a RawValue,
    timestamp: Timestamp,
    source: &'a str,
    seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<LabelMap<'a>>,
}

struct LabelMap<'a>(&'a Labels);

impl Serialize for LabelMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pairs = self.0.iter();
        let mut map = serializer.serialize_map(Some(pairs.len()))?;
        for (key, value) in pairs {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Some events were not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// How many.
    pub dropped: u64,
    /// The first of them.
    pub first_seq: u64,
    /// The last of them.
    pub last_seq: u64,
    /// `slow`: the client did not read fast enough. `rate`: more than it may get.
    pub reason: &'static str,
    /// `latest`: every dropped event was replaced by a newer one of its topic, which follows. `all`: they are lost.
    pub policy: &'static str,
}

/// An event's frame: encoded once, whoever asks first, and shared by all who ask later.
pub fn event(event: &Event) -> &Bytes {
    event.native.get_or_init(|| {
        metrics::counter!("hearthgate_events_encoded_total", "dialect" => "native").increment(1);
        let draft = &event.draft;
        let text = EventText {
            r#type: draft.kind.as_str(),
            topic: draft.topic.as_str(),
            data: &draft.data,
            timestamp: event.timestamp(),
            source: event.source.as_str(),
            seq: event.seq,
            labels: (!draft.labels.is_empty()).then_some(LabelMap(&draft.labels)),
        };
        let size = draft.data.get().len() + 256;
        frame::written(Opcode::Text, size, |out| {
            serde_json::to_writer(out, &text).expect("an event can be written as JSON");
        })
    })
}

/// The regular sign of life.
#[must_use]
pub fn heartbeat(clients: usize) -> Bytes {
    #[derive(Serialize)]
    struct Data {
        timestamp: Timestamp,
        clients: usize,
    }
    let timestamp = Timestamp::now();
    push("heartbeat", Data { timestamp, clients })
}

/// Some events were not delivered.
#[must_use]
pub fn gap(gap: &Gap) -> Bytes {
    push("gap", gap)
}

/// A subscription was ended, because the client may not read any of it any more.
#[must_use]
pub fn withdrawn(subscription: u64) -> Bytes {
    #[derive(Serialize)]
    struct Data {
        subscription: u64,
        reason: &'static str,
    }
    let reason = "forbidden";
    push(
        "unsubscribed",
        Data {
            subscription,
            reason,
        },
    )
}

/// The client's token runs out.
#[must_use]
pub fn expiring(expires_at: Timestamp, now: Timestamp) -> Bytes {
    #[derive(Serialize)]
    struct Data {
        expires_at: Timestamp,
        expires_in_ms: u64,
    }
    let left = expires_at.as_millis().saturating_sub(now.as_millis());
    let data = Data {
        expires_at,
        expires_in_ms: left,
    };
    push("authentication_expiring", data)
}

/// What precedes every close by the server.
#[must_use]
pub fn disconnect(code: CloseCode, reconnect: Option<ReconnectAdvice>) -> Bytes {
    farewell(code.number(), code.reason(), reconnect)
}

/// The same with a code and a reason of somebody else's choice.
#[must_use]
pub fn farewell(code: u16, reason: &str, reconnect: Option<ReconnectAdvice>) -> Bytes {
    #[derive(Serialize)]
    struct Data<'a> {
        code: u16,
        reason: &'a str,
        reconnect: Option<ReconnectAdvice>,
    }
    let data = Data {
        code,
        reason,
        reconnect,
    };
    push("disconnect", data)
}

/// Anything else in the envelope.
pub(super) fn push(kind: &str, data: impl Serialize) -> Bytes {
    frame::json(&Push {
        r#type: kind,
        data,
        timestamp: Timestamp::now(),
    })
}

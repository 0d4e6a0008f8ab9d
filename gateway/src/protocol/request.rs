//! What a client says: one JSON document per text frame.

use super::error::{ErrorCode, Refusal};
use super::reply::CommandId;
use crate::event::{Condition, Draft, Filter, Kind, Labels, Topic, TopicFilter};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most topic filters of one subscription.
pub const MAX_TOPICS: usize = 64;
/// Most kinds of one subscription.
pub const MAX_KINDS: usize = 64;
/// Most conditions of one subscription.
pub const MAX_CONDITIONS: usize = 16;
/// Most values of one condition.
pub const MAX_VALUES: usize = 64;
/// Longest `id` of a command, in bytes: it is kept until the answer is written.
pub const MAX_ID_BYTES: usize = 128;

/// A message, and what its answer carries back.
#[derive(Debug)]
pub struct Request {
    /// The command's `id`, where it has one.
    pub id: Option<CommandId>,
    /// What is asked, or why that can't be.
    pub command: Result<Command, Refusal>,
}

/// What a client can ask for.
#[derive(Debug)]
pub enum Command {
    /// `subscribe`
    Subscribe(Subscribe),
    /// `unsubscribe`, with the subscription's number
    Unsubscribe(u64),
    /// `authenticate`, with a token
    Authenticate(String),
    /// `publish`
    Publish(Box<Draft>),
    /// `ack`, up to a sequence number
    Ack(u64),
    /// `ping`, with anything
    Ping(Option<Box<RawValue>>),
    /// A type that a handler may answer
    Handler(String, Box<RawValue>),
}

/// A subscription that is asked for.
#[derive(Debug)]
pub struct Subscribe {
    /// What for.
    pub filter: Filter,
    /// The retained state first.
    pub snapshot: bool,
    /// What a slow client misses.
    pub policy: Policy,
    /// Where the client left off.
    pub since: Option<Since>,
}

/// What a client that reads too slowly misses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The oldest events.
    #[default]
    All,
    /// All but the newest of each topic.
    Latest,
}

/// Where a client left off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Since {
    /// The life of the sequence numbers.
    pub epoch: String,
    /// The last event that it saw.
    pub seq: u64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SubscribeData {
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    r#where: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    snapshot: bool,
    #[serde(default)]
    policy: Policy,
    #[serde(default)]
    since: Option<Since>,
}

#[derive(Deserialize)]
struct PublishData {
    kind: String,
    topic: String,
    data: Box<RawValue>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct UnsubscribeData {
    subscription: u64,
}

#[derive(Deserialize)]
struct AuthenticateData {
    token: String,
}

#[derive(Deserialize)]
struct AckData {
    seq: u64,
}

/// Reads a client's text.
#[must_use]
pub fn parse(text: &str) -> Request {
    let malformed = |message: String| Request {
        id: None,
        command: Err(Refusal::new(ErrorCode::InvalidMessageFormat, message)),
    };
    if !text.trim_start().starts_with('{') {
        return malformed("a message must be a JSON object".to_owned());
    }
    let envelope: Envelope<'_> = match serde_json::from_str(text) {
        Ok(envelope) => envelope,
        Err(error) => return malformed(format!("the message can't be read: {error}")),
    };
    let id = match envelope.id.map(check_id).transpose() {
        Ok(id) => id,
        Err(refusal) => {
            return Request {
                id: None,
                command: Err(refusal),
            };
        }
    };
    let command = match envelope.r#type {
        Some(kind) => command(&kind, envelope.data),
        None => Err(Refusal::new(
            ErrorCode::InvalidMessageFormat,
            "the message has no type",
        )),
    };
    Request { id, command }
}

fn check_id(id: &RawValue) -> Result<CommandId, Refusal> {
    let text = id.get();
    let integer = text
        .strip_prefix('-')
        .unwrap_or(text)
        .bytes()
        .all(|b| b.is_ascii_digit());
    if !integer && !text.starts_with('"') {
        return Err(Refusal::field("id", "must be an integer or a string"));
    }
    if text.len() > MAX_ID_BYTES {
        let message = format!("must not be longer than {MAX_ID_BYTES} bytes");
        return Err(Refusal::field("id", message));
    }
    Ok(id.to_owned())
}

/// The dispatch from a type to its command; what is none of these may be a handler's.
fn command(kind: &str, data: Option<&RawValue>) -> Result<Command, Refusal> {
    Ok(match kind {
        "subscribe" => Command::Subscribe(subscribe(fields(data)?)?),
        "unsubscribe" => Command::Unsubscribe(fields::<UnsubscribeData>(data)?.subscription),
        "authenticate" => Command::Authenticate(fields::<AuthenticateData>(data)?.token),
        "publish" => Command::Publish(Box::new(publish(fields(data)?)?)),
        "ack" => Command::Ack(fields::<AckData>(data)?.seq),
        "ping" => Command::Ping(data.map(ToOwned::to_owned)),
        kind => Command::Handler(kind.to_owned(), data.unwrap_or(RawValue::NULL).to_owned()),
    })
}

fn fields<T: DeserializeOwned>(data: Option<&RawValue>) -> Result<T, Refusal> {
    let text = data.map_or("{}", RawValue::get);
    if !text.starts_with('{') {
        return Err(Refusal::field("data", "must be an object"));
    }
    serde_json::from_str(text).map_err(|error| explain(text, &error))
}

/// Names the field: the one that is missing, or the one in which reading stopped.
fn explain(text: &str, error: &serde_json::Error) -> Refusal {
    let message = error.to_string();
    let message = message
        .split(" at line ")
        .next()
        .unwrap_or(&message)
        .to_owned();
    if let Some(field) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next())
    {
        return Refusal::field(&format!("data.{field}"), "is missing");
    }
    match field_at(text, error.column()) {
        Some(field) => Refusal::field(&format!("data.{field}"), message),
        None => Refusal::field("data", message),
    }
}

/// The top-level key of the object in whose value the column lies.
fn field_at(text: &str, column: usize) -> Option<String> {
    let values: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let beginning = text.as_ptr() as usize;
    values
        .into_iter()
        .filter(|(_, value)| value.get().as_ptr() as usize - beginning < column)
        .max_by_key(|(_, value)| value.get().as_ptr() as usize)
        .map(|(field, _)| field)
}

fn subscribe(data: SubscribeData) -> Result<Subscribe, Refusal> {
    if data.topics.is_empty() && data.kinds.is_empty() {
        return Err(Refusal::field(
            "data.topics",
            "topics or kinds must be given",
        ));
    }
    at_most("data.topics", data.topics.len(), MAX_TOPICS)?;
    at_most("data.kinds", data.kinds.len(), MAX_KINDS)?;
    at_most("data.where", data.r#where.len(), MAX_CONDITIONS)?;
    let topics = data.topics.iter().map(|text| TopicFilter::parse(text));
    let topics = topics.collect::<Result<_, _>>().map_err(|invalid| {
        Refusal::in_field(ErrorCode::InvalidTopicFilter, "data.topics", invalid)
    })?;
    let kinds = data.kinds.iter().map(|text| Kind::parse(text));
    let kinds = kinds
        .collect::<Result<_, _>>()
        .map_err(|invalid| Refusal::field("data.kinds", invalid))?;
    let conditions = data.r#where.into_iter().map(condition);
    Ok(Subscribe {
        filter: Filter {
            topics,
            kinds,
            conditions: conditions.collect::<Result<_, _>>()?,
        },
        snapshot: data.snapshot,
        policy: data.policy,
        since: data.since,
    })
}

fn condition((label, values): (String, Vec<String>)) -> Result<Condition, Refusal> {
    let field = format!("data.where.{label}");
    at_most(&field, values.len(), MAX_VALUES)?;
    if values.is_empty() {
        return Err(Refusal::field(&field, "must name at least one value"));
    }
    Ok(Condition {
        label: label.into(),
        any_of: values.into_iter().map(Arc::from).collect(),
        matches_when_absent: false,
    })
}

fn publish(data: PublishData) -> Result<Draft, Refusal> {
    let kind = Kind::parse(&data.kind).map_err(|e| Refusal::field("data.kind", e))?;
    let topic = Topic::parse(&data.topic).map_err(|e| Refusal::field("data.topic", e))?;
    let labels = Labels::parse(data.labels).map_err(|e| Refusal::field("data.labels", e))?;
    Ok(Draft {
        kind,
        topic,
        labels,
        data: data.data,
        occurred_at: None,
        retain: false,
        audience: Vec::new(),
    })
}

fn at_most(field: &str, count: usize, limit: usize) -> Result<(), Refusal> {
    if count <= limit {
        return Ok(());
    }
    Err(Refusal::field(
        field,
        format!("has {count} entries; at most {limit} are allowed"),
    ))
}

#[cfg(test)]
mod tests;

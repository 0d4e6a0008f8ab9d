//! The error codes, one documented table, and a refusal as the client reads it.

use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// What is wrong: a stable name. The socket stays open unless the table says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// Not JSON, not an object, or without a type.
    InvalidMessageFormat,
    /// Neither a command nor a type that a handler answers.
    UnknownType,
    /// A field of the data does not fit; `details.field` names it.
    InvalidField,
    /// A topic filter is malformed; `details.field` names it.
    InvalidTopicFilter,
    /// The connection has as many subscriptions as it may.
    TooManySubscriptions,
    /// No subscription of that number.
    UnknownSubscription,
    /// This client may not do that.
    Forbidden,
    /// The token is not valid, or none can be checked here.
    AuthenticationFailed,
    /// Too many messages, too many calls under way, or too many connections of the user that one wants to be. Temporary. Who
    /// sends too much for long is closed with 4429.
    RateLimited,
    /// The handler plugin failed at this message.
    HandlerFailed,
    /// The handler plugin is away. Temporary.
    HandlerUnavailable,
    /// Something in the gateway went wrong.
    Internal,
}

impl ErrorCode {
    /// Whether the same message may succeed later.
    #[must_use]
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::RateLimited | Self::HandlerUnavailable)
    }
}

/// A command that was refused: the data of an `error`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// What is wrong.
    pub code: ErrorCode,
    /// A sentence for people.
    pub message: String,
    /// More for programs: `field`, `limit`, ….
    pub details: Value,
    /// Whether the same message may succeed later.
    pub temporary: bool,
    /// When to try again.
    pub retry_after_ms: Option<u64>,
}

impl Refusal {
    /// A refusal with a sentence.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Value::Null,
            temporary: code.is_temporary(),
            retry_after_ms: None,
        }
    }

    /// A field that does not fit.
    #[must_use]
    pub fn field(field: &str, message: impl std::fmt::Display) -> Self {
        Self::in_field(ErrorCode::InvalidField, field, message)
    }

    /// A refusal that names a field.
    #[must_use]
    pub fn in_field(code: ErrorCode, field: &str, message: impl std::fmt::Display) -> Self {
        Self {
            details: serde_json::json!({ "field": field }),
            ..Self::new(code, format!("{field}: {message}"))
        }
    }

    /// The same, with the time after which to try again.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self {
            temporary: true,
            retry_after_ms: Some(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
            ..self
        }
    }
}

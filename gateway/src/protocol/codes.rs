//! The close codes, one documented table, and what a client is told about coming back.

use serde::Serialize;
use std::time::Duration;

/// Why the server closes a connection. 1000 is never the server's; 4000 to 4499 mean "come back", 4500 to 4999 "don't".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The gateway stops.
    GoingAway = 1001,
    /// The client broke RFC 6455.
    ProtocolError = 1002,
    /// A binary message, where the dialect knows text only.
    Unsupported = 1003,
    /// A text message is not UTF-8.
    NotUtf8 = 1007,
    /// A message is longer than the limit.
    TooLarge = 1009,
    /// Something in the gateway went wrong.
    Internal = 1011,
    /// The gateway restarts.
    Restart = 1012,
    /// Too busy.
    TryLater = 1013,
    /// The token ran out.
    TokenExpired = 4401,
    /// The client did not read its control frames in time.
    SlowConsumer = 4408,
    /// The client was silent for too long: not even a pong.
    Unresponsive = 4409,
    /// The client kept sending more than it may.
    RateLimited = 4429,
    /// The token was revoked.
    Revoked = 4501,
    /// The client may not be here.
    Forbidden = 4503,
}

impl CloseCode {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u16 {
        self as u16
    }

    /// A code as a metric's label: clients and plugins may choose theirs freely, so only the server's own are told apart.
    #[must_use]
    pub fn label(number: u16) -> &'static str {
        match number {
            1001 => "1001",
            1002 => "1002",
            1003 => "1003",
            1007 => "1007",
            1009 => "1009",
            1011 => "1011",
            1012 => "1012",
            1013 => "1013",
            4401 => "4401",
            4408 => "4408",
            4409 => "4409",
            4429 => "4429",
            4501 => "4501",
            4503 => "4503",
            _ => "client",
        }
    }

    /// One sentence for the client; at most 123 bytes, the most that a close frame holds (RFC 6455, section 5.5.1).
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "the gateway is going away",
            Self::ProtocolError => "the client broke the WebSocket protocol",
            Self::Unsupported => "binary messages are not understood here",
            Self::NotUtf8 => "a text message must be UTF-8",
            Self::TooLarge => "the message is too large",
            Self::Internal => "internal error",
            Self::Restart => "the gateway restarts",
            Self::TryLater => "the gateway is busy; try again later",
            Self::TokenExpired => "the token expired",
            Self::SlowConsumer => "control frames could not be written in time",
            Self::Unresponsive => "nothing was heard from the client for too long",
            Self::RateLimited => "too many messages for too long",
            Self::Revoked => "the token was revoked",
            Self::Forbidden => "this client may not connect",
        }
    }

    /// Whether the client should come back, and when.
    #[must_use]
    pub fn reconnect(self) -> Option<ReconnectAdvice> {
        match self {
            Self::Revoked
            | Self::Forbidden
            | Self::ProtocolError
            | Self::Unsupported
            | Self::NotUtf8
            | Self::TooLarge => None,
            _ => Some(ReconnectAdvice {
                after_ms_min: 1_000,
                after_ms_max: 10_000,
            }),
        }
    }
}

/// When a client that was disconnected should come back: at a moment of its own choice within the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReconnectAdvice {
    /// Not before so many milliseconds.
    pub after_ms_min: u64,
    /// Not after so many milliseconds.
    pub after_ms_max: u64,
}

impl ReconnectAdvice {
    /// Anywhere within a span from now.
    #[must_use]
    pub fn within(span: Duration) -> Self {
        Self {
            after_ms_min: 0,
            after_ms_max: u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

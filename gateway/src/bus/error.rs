//! Why nothing was published.

use std::time::Duration;

/// Why nothing was published. `index` is that of the first draft that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The data does not fit the schema of its kind.
    #[error("event {index}: {reason}")]
    Invalid {
        /// Which draft.
        index: usize,
        /// The field and what is wrong with it.
        reason: String,
    },
    /// The data is too long.
    #[error("event {index}: its data is longer than {limit} bytes")]
    TooLarge {
        /// Which draft.
        index: usize,
        /// Most bytes of data.
        limit: usize,
    },
    /// The kind or the topic is the gateway's own.
    #[error(
        "event {index}: kinds that start with \"gateway.\" and topics below \"gateway/\" are the gateway's own"
    )]
    Reserved {
        /// Which draft.
        index: usize,
    },
    /// The shards can't keep up.
    #[error("the gateway is busy; try again in {} ms", retry_after.as_millis())]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The gateway is stopping.
    #[error("the gateway is stopping")]
    Closed,
}

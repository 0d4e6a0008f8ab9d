//! Answers, in HomeGuard's forms: JSON, and `{detail}` for what went wrong.

use hearthgate_plugin::{CallError, HttpReply, Rejection};
use serde_json::json;

/// Why a request has no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: u16,
    detail: String,
    retry_after: Option<u64>,
}

impl Problem {
    /// With a status and its detail.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// Too many attempts; again after so many milliseconds.
    #[must_use]
    pub fn throttled(millis: u64) -> Self {
        let retry_after = Some(millis.div_ceil(1000).max(1));
        Self {
            retry_after,
            ..Self::new(429, "Too many attempts")
        }
    }

    /// What a handler's error means here. `failed`: the words for an action that did not work, which is a 500.
    #[must_use]
    pub fn of_call(error: CallError, failed: &str) -> Self {
        match error {
            CallError::Rejected(Rejection::NotFound(detail)) => Self::new(404, detail),
            CallError::Rejected(Rejection::BadRequest(detail)) => Self::new(422, detail),
            CallError::Rejected(Rejection::Forbidden(detail)) => Self::new(403, detail),
            CallError::Rejected(Rejection::Unavailable(detail)) => {
                Self::new(500, format!("{failed}: {detail}"))
            }
            CallError::UnknownType => Self::new(503, "No source of devices and alerts is running"),
            CallError::Failed(detail) | CallError::Unavailable(detail) => Self::new(503, detail),
        }
    }
}

impl From<Problem> for HttpReply {
    fn from(problem: Problem) -> Self {
        let mut reply = Self::json(problem.status, &json!({"detail": problem.detail}));
        if problem.status == 401 {
            reply
                .headers
                .push(("www-authenticate".to_owned(), "Bearer".to_owned()));
        }
        if let Some(seconds) = problem.retry_after {
            reply
                .headers
                .push(("retry-after".to_owned(), seconds.to_string()));
        }
        reply
    }
}

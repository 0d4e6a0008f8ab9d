//! Messages of the types that handler plugins answer.

use super::{Answer, Context};
use crate::plugins::api::{CallError, Rejection};
use crate::protocol::reply::{self, CommandId};
use crate::protocol::{ErrorCode, Refusal};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// When to try again what could not be done for now.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A connection's calls that are under way.
#[derive(Debug, Clone, Default)]
pub struct Calls(Arc<AtomicUsize>);

/// One call that is under way, until it is dropped.
#[derive(Debug)]
pub struct Call(Arc<AtomicUsize>);

impl Calls {
    /// Begins a call, unless there are as many as there may be.
    #[must_use]
    pub fn begin(&self, limit: usize) -> Option<Call> {
        let add = |count| (count < limit).then_some(count + 1);
        self.0.fetch_update(Relaxed, Relaxed, add).ok()?;
        Some(Call(self.0.clone()))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Calls the handler in a task of its own, so that the connection can go on; the answer carries `id` and `of`.
pub(super) fn run(
    context: &Context,
    id: Option<CommandId>,
    kind: String,
    data: Box<RawValue>,
) -> Result<Answer, Refusal> {
    let Some(handler) = context.backend.plugins.handler(&kind) else {
        let shown: String = kind.chars().take(64).collect();
        let message = format!("nobody here answers messages of type {shown:?}");
        return Err(Refusal::new(ErrorCode::UnknownType, message));
    };
    if !context.access().may_call(&kind) {
        let message = "this client may not send messages of this type";
        return Err(Refusal::new(ErrorCode::Forbidden, message));
    }
    let limit = context.terms.load().calls_in_flight;
    let Some(call) = context.calls.begin(limit) else {
        let message = format!("at most {limit} calls may be under way at once");
        return Err(Refusal::new(ErrorCode::RateLimited, message).retry_after(RETRY_AFTER));
    };
    let (link, client) = (context.link.clone(), context.client.clone());
    tokio::spawn(async move {
        let outcome = handler.call((*client).clone(), kind.clone(), data).await;
        let frame = match outcome {
            Ok(data) => reply::of_handler(&kind, id.as_deref(), &data),
            Err(error) => reply::error_of_handler(&kind, id.as_deref(), &refusal(&error)),
        };
        link.control(frame).await;
        drop(call);
    });
    Ok(Answer::Later)
}

/// What a client is told of a call that gave no answer. What happened inside a plugin is the operator's to know: it is
/// in the log and in the plugin's status, not here.
#[must_use]
pub fn refusal(error: &CallError) -> Refusal {
    match error {
        CallError::Rejected(rejection) => {
            let (code, reason) = match rejection {
                Rejection::BadRequest(_) => (ErrorCode::InvalidField, "bad_request"),
                Rejection::Forbidden(_) => (ErrorCode::Forbidden, "forbidden"),
                Rejection::NotFound(_) => (ErrorCode::InvalidField, "not_found"),
                Rejection::Unavailable(_) => (ErrorCode::HandlerUnavailable, "unavailable"),
            };
            let refusal = Refusal {
                details: serde_json::json!({ "reason": reason }),
                ..Refusal::new(code, rejection.to_string())
            };
            if refusal.temporary {
                return refusal.retry_after(RETRY_AFTER);
            }
            refusal
        }
        CallError::Failed { instance, .. } | CallError::TimedOut { instance, .. } => Refusal::new(
            ErrorCode::HandlerFailed,
            format!("the handler {instance} failed at this message"),
        ),
        CallError::Internal { .. } => {
            Refusal::new(ErrorCode::Internal, "something in the gateway failed")
        }
        CallError::Unavailable { instance, .. } => Refusal::new(
            ErrorCode::HandlerUnavailable,
            format!("the handler {instance} is not available"),
        )
        .retry_after(RETRY_AFTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::InstanceName;

    #[test]
    fn each_way_to_fail_has_its_code() {
        let instance = InstanceName::parse("announce").expect("a name");
        let reason = "a secret of the operator".to_owned();
        let (i, r) = (instance.clone(), reason.clone());
        for (error, code, temporary) in [
            (
                Rejection::BadRequest("x".into()).into(),
                ErrorCode::InvalidField,
                false,
            ),
            (
                Rejection::Forbidden("x".into()).into(),
                ErrorCode::Forbidden,
                false,
            ),
            (
                Rejection::NotFound("x".into()).into(),
                ErrorCode::InvalidField,
                false,
            ),
            (
                Rejection::Unavailable("x".into()).into(),
                ErrorCode::HandlerUnavailable,
                true,
            ),
            (
                CallError::Internal {
                    instance: instance.clone(),
                    reason: reason.clone(),
                },
                ErrorCode::Internal,
                false,
            ),
            (
                CallError::Failed { instance, reason },
                ErrorCode::HandlerFailed,
                false,
            ),
            (
                CallError::Unavailable {
                    instance: i,
                    reason: r,
                },
                ErrorCode::HandlerUnavailable,
                true,
            ),
        ] {
            let refusal = refusal(&error);
            assert_eq!(
                (refusal.code, refusal.temporary),
                (code, temporary),
                "{error:?}"
            );
            assert_eq!(refusal.retry_after_ms.is_some(), temporary);
            assert!(!refusal.message.contains("secret"));
        }
    }

    #[test]
    fn calls_end_when_they_are_dropped() {
        let calls = Calls::default();
        let first = calls.begin(1).expect("room");
        assert!(calls.begin(1).is_none());
        drop(first);
        assert!(calls.begin(1).is_some());
    }
}

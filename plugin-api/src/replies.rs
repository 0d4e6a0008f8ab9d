//! Late answers, for what was answered with `later`. Only a plugin with the `source` role can give them.

use crate::{HttpReply, Rejection, RequestId, raw};
use serde::Serialize;

/// Answers a client's message that [`Answer::Later`](crate::Answer) was said to. A client that is gone, or
/// waited too long, is no mistake.
pub fn message(request: RequestId, outcome: Result<&impl Serialize, Rejection>) {
    let outcome = outcome.and_then(|data| {
        serde_json::to_string(data).map_err(|error| Rejection::Unavailable(error.to_string()))
    });
    let outcome = outcome.as_ref().map(String::as_str);
    raw::replies::message(request, outcome);
}

/// Answers an HTTP request that [`HttpAnswer::Later`](crate::HttpAnswer) was said to.
pub fn http(request: RequestId, reply: &HttpReply) {
    raw::replies::http(request, reply);
}

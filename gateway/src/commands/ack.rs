//! `ack`: the client has dealt with everything up to a number.

use super::Answer;
use crate::protocol::{ErrorCode, Refusal};

/// Only connections that asked for acknowledgement may, and there is no durable log yet that could offer it.
pub(super) fn run() -> Result<Answer, Refusal> {
    let message = "this connection did not ask for acknowledgement; the gateway does not offer it";
    Err(Refusal::new(ErrorCode::Forbidden, message))
}

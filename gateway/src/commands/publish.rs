//! `publish`: an event from a client.

use super::Answer;
use crate::protocol::{ErrorCode, Refusal};

/// Only an identity that was granted it may, and every connection is anonymous.
pub(super) fn run() -> Result<Answer, Refusal> {
    let message = "an anonymous connection may not publish";
    Err(Refusal::new(ErrorCode::Forbidden, message))
}

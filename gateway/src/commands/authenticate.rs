//! `authenticate`: a token, to become someone.

use super::Answer;
use crate::protocol::{ErrorCode, Refusal};

/// No token can be checked: none is configured.
pub(super) fn run() -> Result<Answer, Refusal> {
    let message = "no authentication is configured on this gateway; every connection is anonymous";
    Err(Refusal::new(ErrorCode::AuthenticationFailed, message))
}

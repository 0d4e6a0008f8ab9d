//! `ping`: are you there?

use super::Answer;
use crate::protocol::reply;
use serde_json::value::RawValue;

/// The same data, and the gateway's time.
pub(super) fn run(id: Option<&RawValue>, data: Option<Box<RawValue>>) -> Answer {
    Answer::Frame(reply::reply("pong", id, data))
}

//! `replies`: late answers.

use crate::plugins::bindings::host::replies::Host;
use crate::plugins::bindings::host::types::{HttpReply, Rejection};
use crate::plugins::context::Context;
use crate::plugins::convert;
use crate::plugins::input::RequestId;

impl Host for Context {
    fn message(
        &mut self,
        request: u64,
        outcome: Result<String, Rejection>,
    ) -> wasmtime::Result<()> {
        let answer = convert::message_answer(outcome);
        self.place.replies.answer(RequestId(request), answer);
        Ok(())
    }

    fn http(&mut self, request: u64, reply: HttpReply) -> wasmtime::Result<()> {
        let answer = convert::http_answer(reply);
        self.place.replies.answer(RequestId(request), answer);
        Ok(())
    }
}

//! Dialects: how a connection's texts are understood and answered. The native one is built in; others are plugins.

mod complaint;
pub mod encoder;
mod native;
mod plugin;

pub use native::{Native, welcome};
pub use plugin::{HandlerReply, MAX_ACTIONS, MAX_SESSION, Plugin};

use crate::shard::Closing;

/// What becomes of a connection after a message.
#[derive(Debug)]
pub enum Flow {
    /// It goes on.
    Continue,
    /// It ends.
    Close(Closing),
}

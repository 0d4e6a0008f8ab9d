#![doc = include_str!("../README.md")]

mod backoff;
pub mod calls;
pub mod commands;
mod config;
mod event;
#[doc(hidden)]
pub mod export;
mod failure;
pub mod files;
pub mod gateway;
mod host_error;
mod link;
mod logging;
mod message;
pub mod metrics;
pub mod net;
mod net_error;
mod outbox;
mod plugin;
mod raw;
pub mod replies;
pub mod retained;
pub mod secrets;
mod start;
pub mod store;
pub mod system;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod time;
pub mod timers;
#[doc(hidden)]
pub mod wit;

pub use backoff::Backoff;
pub use config::{NoConfig, duration};
pub use event::{Event, PublishError, publish_all};
pub use failure::Failure;
pub use hearthgate_events as events;
pub use host_error::HostError;
pub use link::{Link, LinkEvent};
pub use log;
pub use logging::log_with;
pub use outbox::Outbox;
pub use plugin::Plugin;
pub use start::{Reason, Start, State};
pub use time::rfc3339;

pub use wit::dialect::exports::hearthgate::plugin::dialect::{
    Action, Condition, Filter, GatewayStats, Opened as DialectClient,
};
pub use wit::handler::exports::hearthgate::plugin::message_handler::{Answer, Client, Request};
pub use wit::host::types::{CallError, Caller, HttpReply, Identity, Published, Rejection};
pub use wit::routes::exports::hearthgate::plugin::routes::{Answer as HttpAnswer, HttpCall};
pub use wit::source::exports::hearthgate::plugin::source::{Input, Lines};

/// A socket of this instance; the host's, so it can outlive a reload.
pub type ConnectionId = u64;
/// A timer of this instance; the host's, so it can outlive a reload.
pub type TimerId = u64;
/// A request whose answer comes later.
pub type RequestId = u64;

use std::cell::RefCell;
use std::time::Duration;

thread_local! {
    static INSTANCE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The instance's name, as the operator chose it; empty before `init`.
#[must_use]
pub fn instance_name() -> String {
    INSTANCE.with_borrow(Clone::clone)
}

fn set_instance_name(name: &str) {
    INSTANCE.with_borrow_mut(|instance| name.clone_into(instance));
}

/// Whole milliseconds, as the contract counts them.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

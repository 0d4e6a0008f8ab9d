//! What guests may call, interface by interface: each binding checks the right, asks the service, and translates.

mod bus;
mod calls;
mod commands;
mod files;
mod gateway;
mod http;
mod log;
mod metrics;
mod net;
mod replies;
mod retained;
mod secrets;
mod store;
mod system;
mod timers;

use super::bindings::host;
use super::context::Context;

impl host::types::Host for Context {}

//! The plugin against the SDK's test host.
#![allow(clippy::unwrap_used)]

mod client;
mod events;
mod messages;
mod passes;
mod routes;
mod sets;

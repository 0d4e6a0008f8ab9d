//! What users see: a running gateway from outside, one file per behaviour.

mod admin_api;
mod announce;
mod configuration;
mod crowd;
mod delivery;
mod dialect;
mod egress;
mod folder;
mod frames;
mod handlers;
mod heartbeat;
mod limits;
mod metrics_plugin;
mod misbehave;
mod protocol;
mod reactor;
mod reload;
mod routes;
mod shipped;
mod slow_reader;
mod snapshot;
mod stop;
mod store;

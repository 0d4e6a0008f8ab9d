//! What users see: a running gateway from outside, one file per behaviour.

mod admin_api;
mod configuration;
mod crowd;
mod delivery;
mod folder;
mod frames;
mod handlers;
mod heartbeat;
mod limits;
mod metrics_plugin;
mod protocol;
mod reactor;
mod reload;
mod routes;
mod slow_reader;
mod snapshot;
mod stop;

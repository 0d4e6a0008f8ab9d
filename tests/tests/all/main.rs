//! What users see: a running gateway from outside, one file per behaviour.

mod admin_api;
mod crowd;
mod delivery;
mod frames;
mod heartbeat;
mod limits;
mod protocol;
mod slow_reader;
mod snapshot;
mod stop;

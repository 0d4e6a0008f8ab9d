//! Hearthgate: one real-time gateway for everything that happens in a home.
//!
//! Two paths lead through this crate, both read in one direction.
//!
//! An event: `plugins/life` (guest) → `plugins/admission` (grant, rate) → `bus` (schema, seq, retained state)
//! → `shard` (match, outbox) → socket.
//!
//! A message: `listener` → `http` (upgrade) → `connection` (frames) → `dialects` (native: `protocol` + `commands`; else a plugin)
//! → reply as a value → `shard` (outbox) → socket.

pub mod acme;
pub mod admin;
pub mod auth;
pub mod bus;
pub mod cli;
pub mod commands;
pub mod config;
pub mod connection;
pub mod dialects;
pub mod event;
pub mod gateway;
pub mod http;
pub mod limits;
pub mod listener;
pub mod plugins;
pub mod protocol;
pub mod shard;
pub mod telemetry;

//! The harness of the end-to-end tests: a real gateway (the binary, on free ports, with a folder and a configuration
//! of its own), real clients, and peers for plugins to talk to.
//!
//! It is the binary, not the library, because only a process of its own has its own metrics, log, signals and open
//! files, and can be killed. Nothing here sleeps for a fixed time: everything waits for what it needs, with a bound
//! ([`wait::PATIENCE`]) that only a failing test reaches. It panics instead of returning errors: a test has no other use for them.

pub mod admin;
pub mod canaries;
pub mod client;
pub mod gateway;
pub mod journal;
pub mod peers;
pub mod plugins;
pub mod raw;
pub mod secure;
pub mod setup;
pub mod status;
pub mod tokens;
pub mod transcript;
pub mod wait;
pub mod witness;

pub use admin::Admin;
pub use canaries::Canaries;
pub use client::Client;
pub use gateway::{Gateway, Signal};
pub use setup::Setup;
pub use tokens::Issuer;
pub use witness::Witness;

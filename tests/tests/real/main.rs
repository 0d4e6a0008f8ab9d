//! Against real parts: the Autobahn suite, other people's clients, and the systems that plugins bridge to.
//! `cargo xtask test --real` installs them and says where they are.

mod acme;
mod adb;
mod androidzen;
mod autobahn;
mod clients;
mod home_assistant;
mod homeguard;
mod metrics;
mod mqtt;
mod pma;
mod security;

use std::path::PathBuf;

/// What `cargo xtask test --real` installed.
fn part(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable);
    path.unwrap_or_else(|| panic!("{variable} is not set: run this by `cargo xtask test --real`"))
        .into()
}

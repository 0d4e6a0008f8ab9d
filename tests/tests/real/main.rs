//! Against real parts: the Autobahn suite, and other people's clients. `cargo xtask test --real` installs them and says
//! where they are.

mod autobahn;
mod clients;

use std::path::PathBuf;

/// What `cargo xtask test --real` installed.
fn part(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable);
    path.unwrap_or_else(|| panic!("{variable} is not set: run this by `cargo xtask test --real`"))
        .into()
}

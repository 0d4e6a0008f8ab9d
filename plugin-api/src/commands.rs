//! Commands that the operator wrote down, with their argument templates; never a shell. Grant: `commands.NAME`.

pub use crate::wit::host::commands::Outcome;
use crate::{HostError, raw};

/// Runs a command and waits for its end; later inputs of this plugin wait too. The operator's timeout kills it.
///
/// # Errors
/// Not granted, an argument is missing, it can't be started, or it took too long.
pub fn run(name: &str, arguments: &[(&str, &str)]) -> Result<Outcome, HostError> {
    let arguments: Vec<_> = arguments
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    raw::commands::run(name, &arguments).map_err(|reason| HostError::new("commands.run", reason))
}

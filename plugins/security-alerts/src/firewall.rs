//! Blocking by the operator's commands. The set that they fill is the truth: it is read back after every change.

use crate::blocked::Blocked;
use crate::finding::{Bad, clip};
use hearthgate_plugin::commands;

/// Why the firewall did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The set says so too.
    Seen(Blocked),
    /// No command `list-blocked` is granted: the command's own word counts.
    Told,
}

/// What the set holds; `None` where nobody granted a command that tells.
///
/// # Errors
/// The command failed, or wrote something that is no set.
pub fn read() -> Result<Option<Blocked>, (Bad, String)> {
    match commands::run("list-blocked", &[]) {
        Err(error) if error.to_string().contains("not granted") => Ok(None),
        Err(error) => Err((
            Bad("the command list-blocked can't be run"),
            error.to_string(),
        )),
        Ok(outcome) if outcome.exit_code != 0 => {
            let errors = String::from_utf8_lossy(&outcome.stderr).into_owned();
            Err((Bad("the command list-blocked failed"), errors))
        }
        Ok(outcome) => match Blocked::read(&outcome.stdout) {
            Ok(blocked) => Ok(Some(blocked)),
            Err(bad) => Err((bad, String::from_utf8_lossy(&outcome.stdout).into_owned())),
        },
    }
}

/// Runs `block` or `unblock` for an address, and reads the set back. What is so already is no failure, whatever the
/// command says: nft refuses to take out what is not in.
///
/// # Errors
/// In words for whoever asked; the set is as it was, or nobody knows.
pub fn change(address: &str, block: bool) -> Result<Done, Refusal> {
    let name = if block { "block" } else { "unblock" };
    let outcome = commands::run(name, &[("address", address)]);
    let failure = match &outcome {
        Err(error) => Some(error.to_string()),
        Ok(outcome) if outcome.exit_code != 0 => {
            let errors = String::from_utf8_lossy(&outcome.stderr);
            let first = errors.lines().next().unwrap_or_default();
            Some(format!(
                "{name} ended with {}: {}",
                outcome.exit_code,
                clip(first, 200)
            ))
        }
        Ok(_) => None,
    };
    match (read(), failure) {
        (Ok(Some(set)), failure) if set.holds(address) != block => {
            let word = if block {
                "does not hold"
            } else {
                "still holds"
            };
            Err(Refusal(failure.unwrap_or_else(|| {
                format!("{name} ended well, but the set {word} {address}")
            })))
        }
        (Ok(Some(set)), None) => Ok(Done::Seen(set)),
        // It was so already.
        (Ok(Some(set)), Some(_)) if outcome.is_ok() => Ok(Done::Seen(set)),
        (_, Some(failure)) => Err(Refusal(failure)),
        (Ok(None), None) => Ok(Done::Told),
        (Err((bad, _)), None) => Err(Refusal(format!(
            "{name} ended well, but nobody knows whether it worked: {}",
            bad.0
        ))),
    }
}

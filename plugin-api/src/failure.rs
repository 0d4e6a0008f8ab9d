//! Failures: what a plugin tells its supervisor.

use crate::wit::host::types;
use std::error::Error;
use std::time::Duration;

/// Why a plugin can't go on, and with it the supervisor's next move.
///
/// `?` on any [`std::error::Error`] makes a [`Failure::Fatal`]; the others are said on purpose.
/// (It is not an `Error` itself, as that would rule the conversion out.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The other side is away: start me again after this time. Does not count as a crash.
    NotReady {
        /// What is missing, for the operator.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The credential was refused: park me until the configuration or a secret changes.
    Unauthorized(String),
    /// The configuration can't work: park me, and show each (key, problem) to the operator.
    Misconfigured(Vec<(String, String)>),
    /// Anything else: restart me with backoff.
    Fatal(String),
}

impl Failure {
    /// The other side is away; try again after `retry_after`.
    pub fn not_ready(reason: impl Into<String>, retry_after: Duration) -> Self {
        Self::NotReady {
            reason: reason.into(),
            retry_after,
        }
    }

    /// The credential was refused.
    pub fn unauthorized(reason: impl Into<String>) -> Self {
        Self::Unauthorized(reason.into())
    }

    /// One key of the configuration, as a dotted path, and what is wrong with it.
    pub fn misconfigured(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Misconfigured(vec![(key.into(), problem.into())])
    }

    /// It can't go on, for a reason of no special kind.
    pub fn fatal(reason: impl Into<String>) -> Self {
        Self::Fatal(reason.into())
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            reason = format!("{reason}: {inner}");
            cause = inner.source();
        }
        Self::Fatal(reason)
    }
}

pub(crate) fn to_wit(failure: Failure) -> types::Failure {
    match failure {
        Failure::NotReady {
            reason,
            retry_after,
        } => types::Failure::NotReady((reason, crate::millis(retry_after))),
        Failure::Unauthorized(reason) => types::Failure::Unauthorized(reason),
        Failure::Misconfigured(problems) => types::Failure::Misconfigured(problems),
        Failure::Fatal(reason) => types::Failure::Fatal(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn any_error_becomes_fatal_with_its_causes() {
        fn parse() -> Result<u32, Failure> {
            Ok("x".parse::<u32>()?)
        }
        assert_eq!(
            parse(),
            Err(Failure::fatal("invalid digit found in string"))
        );
    }
}

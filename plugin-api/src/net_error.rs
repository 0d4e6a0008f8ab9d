//! Why a connection or a request failed, in words that an operator can act upon.

use std::fmt;

/// Why a connection or a request failed. `?` makes a [`Failure`](crate::Failure) of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetError {
    /// The operator did not grant it: what is missing.
    NotGranted(String),
    /// The name was not found.
    Dns(String),
    /// Nobody listens there.
    Refused,
    /// It took too long.
    Timeout,
    /// TLS failed: the certificate, mostly.
    Tls(String),
    /// A limit of this instance, or a full queue.
    Quota(String),
    /// The other side does not speak the protocol, or not a URL or header.
    Protocol(String),
    /// The connection is closed.
    Closed,
    /// Anything else.
    Other(String),
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotGranted(reason) => write!(f, "connecting is not granted: {reason}"),
            Self::Dns(reason) => write!(f, "the name was not found: {reason}"),
            Self::Refused => f.write_str("connection refused"),
            Self::Timeout => f.write_str("timed out"),
            Self::Tls(reason) => write!(f, "TLS: {reason}"),
            Self::Quota(reason) => write!(f, "over a limit: {reason}"),
            Self::Protocol(reason) => write!(f, "protocol error: {reason}"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for NetError {}

#[cfg(test)]
mod tests {
    use super::NetError;
    use crate::Failure;

    #[test]
    fn an_operator_reads_words_and_no_rust() {
        let denied = NetError::NotGranted("no connect grant names ws://lamp:80".to_owned());
        for (error, expected) in [
            (
                denied,
                "connecting is not granted: no connect grant names ws://lamp:80",
            ),
            (NetError::Refused, "connection refused"),
            (NetError::Other("no route".to_owned()), "no route"),
        ] {
            assert_eq!(Failure::from(error), Failure::fatal(expected));
        }
    }
}

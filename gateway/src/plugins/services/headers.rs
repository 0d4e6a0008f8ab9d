//! Headers that guests set: checked, with their secrets filled in.

use super::secrets::template::Escape;
use super::secrets::{SecretError, Secrets};
use crate::plugins::input::NetError;
use hyper::header::{HeaderMap, HeaderName, HeaderValue as Value};

/// The value of a header that a guest sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// As it is.
    Plain(String),
    /// Each `${name}` is replaced by that secret.
    Template(String),
}

/// Headers that are the host's: they frame the message or belong to one hop (RFC 9110, section 7.6.1).
const RESERVED: [&str; 11] = [
    "host",
    "connection",
    "content-length",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

/// Most bytes that the templates of one request become: servers take less.
const LONGEST_TEMPLATES: usize = 128 * 1024;

/// Whether a header belongs to one hop, and so is not a guest's.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("sec-websocket-")
}

/// The headers of a request. Their values are marked as sensitive where a secret is in them.
pub(super) fn build(
    secrets: &Secrets,
    headers: &[(String, HeaderValue)],
) -> Result<HeaderMap, NetError> {
    let mut map = HeaderMap::new();
    let mut filling = secrets.filling(LONGEST_TEMPLATES);
    for (name, value) in headers {
        let bad = |what: &str| NetError::Protocol(format!("header {name:?}: {what}"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("bad name"))?;
        if is_reserved(key.as_str()) {
            return Err(bad("it is the host's to set"));
        }
        let value = match value {
            HeaderValue::Plain(text) => Value::from_str(text).map_err(|_| bad("bad value"))?,
            HeaderValue::Template(template) => {
                let text = filling
                    .expand(template, Escape::None)
                    .map_err(|error| refused(&error))?;
                let mut value = Value::from_str(text.expose()).map_err(|_| bad("bad value"))?;
                value.set_sensitive(true);
                value
            }
        };
        map.try_append(key, value)
            .map_err(|_| NetError::Quota("too many headers".to_owned()))?;
    }
    Ok(map)
}

/// A secret's error, in the words of the network.
pub(super) fn refused(error: &SecretError) -> NetError {
    match error {
        SecretError::Unknown(_) | SecretError::NotRevealed(_) => {
            NetError::NotGranted(error.to_string())
        }
        SecretError::Unreadable { .. } => NetError::Other(error.to_string()),
        SecretError::TooLong(_) => NetError::Quota(error.to_string()),
        SecretError::BadTemplate(_) => NetError::Protocol(error.to_string()),
    }
}

//! Secrets. Prefer templates: `"Bearer ${token}"` as a [`HeaderValue::Template`](crate::net::HeaderValue) or
//! with [`WebSocket::send_template`](crate::net::WebSocket::send_template), which the host fills in, so that
//! the plugin never holds the secret.

use crate::{HostError, raw};

/// The secret itself. Grant: `reveal = ["NAME"]`, on top of the secret.
///
/// # Errors
/// Not granted, or there is no such secret.
pub fn reveal(name: &str) -> Result<String, HostError> {
    raw::secrets::reveal(name).map_err(|reason| HostError::new("secrets.reveal", reason))
}

//! Who may use the admin API: whoever reaches it on loopback, unless the configuration asks for a token there too;
//! elsewhere the bearer of a token with the administrators' role.

use super::Reply;
use super::endpoints::Operation;
use crate::auth::{Auth, Presented};
use crate::http::reply;
use hyper::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use std::net::{IpAddr, SocketAddr};

/// Checks who asks.
pub struct Permit {
    auth: Auth,
    required: bool,
    role: String,
}

impl Permit {
    /// For a listener on that address; `always`: on loopback too.
    #[must_use]
    pub fn new(auth: Auth, bound: SocketAddr, always: bool, role: String) -> Self {
        Self {
            auth,
            required: Self::requires_token(bound, always),
            role,
        }
    }

    /// Whether a listener on that address requires a token; `always`: on loopback too.
    #[must_use]
    pub fn requires_token(bound: SocketAddr, always: bool) -> bool {
        always || !bound.ip().to_canonical().is_loopback()
    }

    /// Whether a token is required.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.required
    }

    /// Who asks, where a token says so.
    ///
    /// # Errors
    /// The answer to one who may not: 401 or 403.
    pub async fn check(
        &self,
        operation: Operation,
        headers: &HeaderMap,
        address: IpAddr,
    ) -> Result<Option<String>, Box<Reply>> {
        // Whoever watches over the process has no token; the two say nothing but yes or no, and why not ready.
        let open = matches!(operation, Operation::Live | Operation::Ready);
        if !self.required || open {
            return Ok(None);
        }
        let Some(token) = Presented::from_request(headers, None, false).0 else {
            return Err(Box::new(refused(
                "a token is required here (Authorization: Bearer)",
            )));
        };
        let verified = self.auth.authenticate(&token, &address.to_string()).await;
        let verified = verified.map_err(|error| Box::new(refused(&error.to_string())))?;
        match verified.identity.roles.contains(&self.role) {
            true => Ok(Some(verified.identity.subject.clone())),
            false => {
                let why = format!("the role {:?} is required here", self.role);
                let response = reply::error(StatusCode::FORBIDDEN, "FORBIDDEN", &why);
                Err(Box::new(response))
            }
        }
    }
}

fn refused(why: &str) -> Response<http_body_util::Full<bytes::Bytes>> {
    let mut response = reply::error(StatusCode::UNAUTHORIZED, "AUTHENTICATION_FAILED", why);
    let challenge = HeaderValue::from_static("Bearer realm=\"hearthgate-admin\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

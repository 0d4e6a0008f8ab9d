//! Who asks, and whether they may: before a request becomes a connection or reaches a plugin.

use super::reply;
use crate::auth::{Auth, Caller, Refused};
use crate::config::Authentication;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode};
use std::net::SocketAddr;

/// Who asks, by the path's policy; or the answer to one that is turned away.
///
/// # Errors
/// The answer: 401 or 403.
pub async fn caller<B>(
    auth: &Auth,
    request: &Request<B>,
    policy: &Authentication,
    peer: SocketAddr,
) -> Result<Caller, Box<Response<Full<Bytes>>>> {
    let query = request.uri().query();
    let admitted = auth.admit(request.headers(), query, policy, peer.ip());
    admitted.await.map_err(|why| Box::new(refused(&why)))
}

/// Whether a rule keeps somebody from a plugin's path.
///
/// # Errors
/// The answer: 403.
pub fn path(auth: &Auth, caller: &Caller, path: &str) -> Result<(), Box<Response<Full<Bytes>>>> {
    let identity = caller.identity().map(|identity| &**identity);
    if auth.rules().may_ask(identity, path) {
        return Ok(());
    }
    let why = "no rule lets this client ask for this path";
    let response = reply::error(StatusCode::FORBIDDEN, "FORBIDDEN", why);
    Err(Box::new(response))
}

fn refused(why: &Refused) -> Response<Full<Bytes>> {
    metrics::counter!("hearthgate_requests_unauthenticated_total").increment(1);
    let status = StatusCode::from_u16(why.status).unwrap_or(StatusCode::UNAUTHORIZED);
    let code = match why.presented {
        true => "AUTHENTICATION_FAILED",
        false => "AUTHENTICATION_REQUIRED",
    };
    let mut response = reply::error(status, code, &why.message);
    if status == StatusCode::UNAUTHORIZED {
        // RFC 6750, section 3: a code only where there was a token.
        let challenge = match why.presented {
            true => "Bearer realm=\"hearthgate\", error=\"invalid_token\"",
            false => "Bearer realm=\"hearthgate\"",
        };
        let headers = response.headers_mut();
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

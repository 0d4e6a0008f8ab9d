//! Who asks, and whether they may: before a request becomes a connection or reaches a plugin.

use super::reply;
use crate::auth::{Auth, Caller, Identity, Presented, Refused, Verified};
use crate::config::Authentication;
use crate::event::Timestamp;
use crate::listener::Peer;
use crate::listener::peer::ClientCertificate;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode};
use std::sync::Arc;

/// Who asks, by the path's policy; or the answer to one that is turned away.
///
/// # Errors
/// The answer: 401 or 403.
pub async fn caller<B>(
    auth: &Auth,
    request: &Request<B>,
    policy: &Authentication,
    peer: &Peer,
) -> Result<Caller, Box<Response<Full<Bytes>>>> {
    let (headers, query) = (request.headers(), request.uri().query());
    if let Some(certificate) = &peer.certificate {
        let presented = Presented::from_request(headers, query, policy.query_token);
        // A token says more than the certificate of the machine that brings it.
        if presented.0.is_none() {
            return certified(auth, certificate, policy);
        }
    }
    let admitted = auth.admit(headers, query, policy, peer.address.ip());
    admitted.await.map_err(|why| Box::new(refused(&why)))
}

/// Who a client is by its certificate, which the TLS handshake has verified.
fn certified(
    auth: &Auth,
    certificate: &ClientCertificate,
    policy: &Authentication,
) -> Result<Caller, Box<Response<Full<Bytes>>>> {
    let ends = Timestamp::from_millis(certificate.not_after.saturating_mul(1000));
    let verified = Verified {
        identity: Arc::new(Identity {
            subject: certificate.subject.clone(),
            roles: certificate.roles.clone(),
            claims: serde_json::Map::new(),
        }),
        expires_at: Some(ends),
        warn_at: None,
        honoured_until: Some(ends),
        issued_at: None,
        token_id: Some(format!("certificate:{}", certificate.serial).into()),
    };
    if auth.still_holds(&verified) {
        return Ok(Caller::Identified(verified));
    }
    let why = Refused {
        status: policy.reject_status,
        message: "the certificate was revoked".to_owned(),
        presented: true,
    };
    Err(Box::new(refused(&why)))
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

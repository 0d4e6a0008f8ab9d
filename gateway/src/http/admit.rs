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
use hyper::{Request, Response, StatusCode, Uri};
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

/// Takes the token out of a request's address, where it may stand there: what comes after the gateway's own look at it
/// (plugins and what they log) has no use for it. Everything else in the address stays as it is.
pub fn forget_token<B>(request: &mut Request<B>, policy: &Authentication) {
    let Some(query) = request.uri().query().filter(|_| policy.query_token) else {
        return;
    };
    let is_token = |pair: &&str| {
        let mut decoded = url::form_urlencoded::parse(pair.as_bytes());
        decoded.next().is_some_and(|(name, _)| name == "token")
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_token(pair)).collect();
    let path = request.uri().path();
    let target = match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    };
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(target.parse().expect("it is a part of what was parsed"));
    *request.uri_mut() = Uri::from_parts(parts).expect("its other parts are as they were");
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
        hash: None,
    };
    // A TLS session that is resumed verifies nothing anew.
    let message = match ends <= Timestamp::now() {
        true => "the certificate has ended",
        false if auth.still_holds(&verified) => return Ok(Caller::Identified(verified)),
        false => "the certificate was revoked",
    };
    let why = Refused {
        status: policy.reject_status,
        message: message.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Requirement;

    fn policy(query_token: bool) -> Authentication {
        Authentication {
            requirement: Requirement::Optional,
            reject_status: 401,
            query_token,
        }
    }

    #[test]
    fn a_token_is_taken_out_of_the_address_and_nothing_else() {
        for (address, expected) in [
            ("/a?token=x", "/a"),
            ("/a?b=%20&token=x&c", "/a?b=%20&c"),
            ("/a?%74oken=x&tokens=1&b=token", "/a?tokens=1&b=token"),
            ("/a?token=x&token=y", "/a"),
            ("/a?b=1&&c=2", "/a?b=1&&c=2"),
            ("/a", "/a"),
            (
                "http://gate.example/a?token=x&b=1",
                "http://gate.example/a?b=1",
            ),
        ] {
            let mut request = Request::get(address).body(()).expect("a request");
            forget_token(&mut request, &policy(false));
            assert_eq!(request.uri().to_string(), address, "it means nothing there");
            forget_token(&mut request, &policy(true));
            assert_eq!(request.uri().to_string(), expected, "{address}");
        }
    }

    #[test]
    fn a_certificate_that_has_ended_lets_nobody_in() {
        let now = i64::try_from(Timestamp::now().as_millis() / 1000).expect("in range");
        for (left, taken) in [(600, true), (-1, false)] {
            let certificate = ClientCertificate {
                subject: "device".to_owned(),
                roles: Vec::new(),
                serial: "01".to_owned(),
                not_after: u64::try_from(now + left).expect("in range"),
            };
            let outcome = certified(&Auth::open(), &certificate, &policy(false));
            assert_eq!(outcome.is_ok(), taken, "{left}");
        }
    }
}

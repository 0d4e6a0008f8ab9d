//! What browsers are told about pages of other origins: the CORS protocol of the Fetch standard. The gateway speaks it
//! for all plugins, by the operator's allow-list; what a plugin says about it is not passed on.

use super::origin::Visitor;
use crate::config::policy::Origin;
use crate::config::{Cors, Policy};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

/// What an answer to a preflight depends on.
const PREFLIGHT_VARY: &str =
    "origin, access-control-request-method, access-control-request-headers";

/// The answer to `OPTIONS`: a browser's preflight, or a plain question for the methods.
#[must_use]
pub fn options<B>(cors: &Cors, visitor: &Visitor, request: &Request<B>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    set(
        headers,
        ALLOW,
        &format!("{}, OPTIONS", cors.methods.join(", ")),
    );
    let asked = request.headers();
    if asked.contains_key(ORIGIN) && asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        headers.insert(VARY, HeaderValue::from_static(PREFLIGHT_VARY));
        if admit(headers, cors, visitor) {
            set(
                headers,
                ACCESS_CONTROL_ALLOW_METHODS,
                &cors.methods.join(", "),
            );
            set(
                headers,
                ACCESS_CONTROL_ALLOW_HEADERS,
                &cors.headers.join(", "),
            );
            set(
                headers,
                ACCESS_CONTROL_MAX_AGE,
                &cors.max_age.as_secs().to_string(),
            );
        }
    }
    response
}

/// Whether a request asks which methods there are.
#[must_use]
pub fn asks<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS
}

/// Lets a page read an answer.
pub fn label(
    response: &mut Response<Full<Bytes>>,
    cors: &Cors,
    policy: &Policy,
    visitor: &Visitor,
) {
    let headers = response.headers_mut();
    let theirs: Vec<_> = headers
        .keys()
        .filter(|name| is_cors(name))
        .cloned()
        .collect();
    for name in theirs {
        headers.remove(name);
    }
    // Where the answer's headers depend on the origin, a cache must keep one for each (Fetch, section 3.2.6).
    if !policy.origins.is_empty() && !policy.origins.contains(&Origin::Any) {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    if admit(headers, cors, visitor) && !cors.expose.is_empty() {
        set(
            headers,
            ACCESS_CONTROL_EXPOSE_HEADERS,
            &cors.expose.join(", "),
        );
    }
}

fn admit(headers: &mut HeaderMap, cors: &Cors, visitor: &Visitor) -> bool {
    match visitor {
        Visitor::Own => return false,
        // The configuration refuses credentials together with any origin.
        Visitor::Anyone => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        Visitor::Guest(origin) => {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            if cors.credentials {
                let yes = HeaderValue::from_static("true");
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
            }
        }
    }
    true
}

fn is_cors(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

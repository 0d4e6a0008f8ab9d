//! The opening handshake (RFC 6455, section 4.2).

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CONNECTION, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::{Method, Request, Response, StatusCode};
use hyper_tungstenite::tungstenite::handshake::derive_accept_key;
use std::time::Duration;

/// When to come back, in seconds, when there is no room.
const COME_BACK: &str = "5";

/// Why a request is no handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not ask for WebSocket, or for a version that is not 13.
    UpgradeRequired,
    /// Its key is missing or malformed.
    BadKey,
    /// No room, or not now.
    Unavailable(&'static str),
    /// This client has, or asks for, more than it may; it may come back after that time.
    TooMany(&'static str, Duration),
}

/// Checks a handshake and makes the answer to it, in which this subprotocol is chosen.
pub(super) fn accept<B>(
    request: &Request<B>,
    subprotocol: Option<HeaderValue>,
) -> Result<Response<Full<Bytes>>, Refused> {
    let headers = request.headers();
    let version = headers
        .get(SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes);
    if request.method() != Method::GET
        || !hyper_tungstenite::is_upgrade_request(request)
        || version != Some(b"13")
    {
        return Err(Refused::UpgradeRequired);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
    let key = key.filter(|key| is_key(key)).ok_or(Refused::BadKey)?;
    let accept = derive_accept_key(key);
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::try_from(accept).expect("base64 is a valid header value");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if let Some(subprotocol) = subprotocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    Ok(response)
}

impl Refused {
    /// The answer to the request.
    pub(super) fn response(self) -> Response<Full<Bytes>> {
        let (status, sentence) = match self {
            Self::UpgradeRequired => (
                StatusCode::UPGRADE_REQUIRED,
                "this path speaks WebSocket, version 13",
            ),
            Self::BadKey => (
                StatusCode::BAD_REQUEST,
                "Sec-WebSocket-Key must be 16 bytes in base64",
            ),
            Self::Unavailable(sentence) => (StatusCode::SERVICE_UNAVAILABLE, sentence),
            Self::TooMany(sentence, _) => (StatusCode::TOO_MANY_REQUESTS, sentence),
        };
        let mut response = Response::new(Full::from(format!("{sentence}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        match self {
            Self::UpgradeRequired => {
                headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            Self::Unavailable(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(COME_BACK));
            }
            Self::TooMany(_, after) => {
                let seconds = after.as_millis().div_ceil(1000).max(1);
                let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::BadKey => {}
        }
        response
    }
}

/// Whether it looks like 16 bytes in base64; what they are does not matter (RFC 6455, section 4.2.1).
fn is_key(key: &[u8]) -> bool {
    let base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let basic = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut request = Request::new(());
        for (name, value) in basic.iter().chain(headers) {
            let name = hyper::header::HeaderName::try_from(*name).expect("a name");
            request
                .headers_mut()
                .insert(name, HeaderValue::try_from(*value).expect("a value"));
        }
        request
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        let response = accept(&request(&[]), None).expect("a handshake");
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(
            response.headers()[SEC_WEBSOCKET_ACCEPT],
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        assert!(response.headers().get(SEC_WEBSOCKET_PROTOCOL).is_none());
    }

    #[test]
    fn the_chosen_subprotocol_is_named() {
        let chosen = HeaderValue::from_static("hearthgate.v1");
        let response = accept(&request(&[]), Some(chosen)).expect("a handshake");
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "hearthgate.v1");
    }

    #[test]
    fn what_is_no_handshake_is_told_what_is() {
        for (header, value, status) in [
            ("upgrade", "h2c", 426),
            ("sec-websocket-version", "8", 426),
            ("sec-websocket-key", "short", 400),
        ] {
            let refused = accept(&request(&[(header, value)]), None).expect_err(header);
            assert_eq!(refused.response().status().as_u16(), status, "{header}");
        }
    }
}

//! Bodies of requests: bounded in size and in time.

use super::reply;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::{Response, StatusCode};
use std::time::Duration;

/// Longest time that a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The whole body, or the answer to one that is too long, too slow or broken.
///
/// # Errors
/// That answer.
pub async fn read(body: Incoming, limit: usize) -> Result<Vec<u8>, Box<Response<Full<Bytes>>>> {
    let refuse = |status, code, why: &str| Err(Box::new(reply::error(status, code, why)));
    let too_long = format!("the body is longer than {limit} bytes");
    if body.size_hint().lower() > limit as u64 {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", &too_long);
    }
    let collect = Limited::new(body, limit).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collect).await {
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            refuse(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", &too_long)
        }
        Ok(Err(_)) => refuse(StatusCode::BAD_REQUEST, "BAD_BODY", "the body broke off"),
        Err(_) => {
            let why = "the body took too long";
            refuse(StatusCode::REQUEST_TIMEOUT, "TIMEOUT", why)
        }
    }
}

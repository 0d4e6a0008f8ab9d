//! One request and its answer, over one connection.

use crate::plugins::input::{HttpResponse, NetError};
use crate::plugins::services::egress::Stream;
use crate::plugins::services::egress::dial::net_error;
use crate::plugins::services::headers::is_reserved;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{HeaderMap, HeaderName};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;

/// Most bytes of an answer's head.
const HEAD_BYTES: usize = 64 * 1024;
/// Most headers of an answer.
const MOST_HEADERS: usize = 128;

/// Sends the request and reads the answer, at most `limit` bytes of its body.
pub(super) async fn run(
    stream: Stream,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> Result<HttpResponse, NetError> {
    let mut builder = Builder::new();
    builder.max_buf_size(HEAD_BYTES).max_headers(MOST_HEADERS);
    let handshake = builder.handshake(TokioIo::new(stream.io)).await;
    let (sender, connection) = handshake.map_err(|error| failed(&error))?;
    tokio::pin!(connection);
    let answer = answer(sender, request, limit);
    tokio::pin!(answer);
    tokio::select! {
        biased;
        answered = &mut answer => return answered,
        // The connection ends before the answer is read where the peer closes behind it; what came is buffered.
        _ = &mut connection => {}
    }
    answer.await
}

async fn answer(
    mut sender: SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> Result<HttpResponse, NetError> {
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| failed(&error))?;
    let (head, body) = Response::into_parts(response);
    let (body, truncated) = read(body, limit).await?;
    Ok(HttpResponse {
        status: head.status.as_u16(),
        headers: tell(&head.headers),
        body,
        truncated,
    })
}

async fn read(mut body: Incoming, limit: usize) -> Result<(Bytes, bool), NetError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| failed(&error))?.into_data() else {
            continue;
        };
        let room = limit - bytes.len();
        bytes.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            return Ok((bytes.freeze(), true));
        }
    }
    Ok((bytes.freeze(), false))
}

/// The headers that concern the guest: those of the hop, and what `Connection` names, are dropped.
fn tell(headers: &HeaderMap) -> Vec<(String, String)> {
    let listed = headers.get_all("connection");
    let hop: Vec<HeaderName> = listed
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    headers
        .iter()
        .filter(|(name, _)| *name == "content-length" || !is_reserved(name.as_str()))
        .filter(|(name, _)| !hop.contains(name))
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}

fn failed(error: &hyper::Error) -> NetError {
    if let Some(io) = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
    {
        return net_error(io);
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return NetError::Closed;
    }
    NetError::Protocol(error.to_string())
}

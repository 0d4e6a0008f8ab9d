//! WebSockets: tungstenite over a connection of ours.

use super::link::{Payload, Queue, Written, both};
use crate::plugins::input::{CloseInfo, ConnectionId, Inbox, Input, NetError, WsMessage};
use crate::plugins::services::egress::dial::{Duplex, net_error};
use crate::plugins::services::egress::{Destination, Stream};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use tokio_tungstenite::WebSocketStream;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Error, Message};
use url::Url;

/// Most messages of one input.
const BATCH: usize = 256;
/// tungstenite would reserve 128 KiB each for every socket.
const READ_BUFFER: usize = 8 * 1024;
const PROTOCOL_HEADER: &str = "sec-websocket-protocol";

pub(super) type Socket = WebSocketStream<Box<dyn Duplex>>;

/// The handshake's request.
pub(super) fn request(
    url: &Url,
    destination: &Destination,
    protocols: &[String],
    headers: HeaderMap,
) -> Result<Request, NetError> {
    let bad = |error: String| NetError::Protocol(error);
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| bad(error.to_string()))?;
    request.headers_mut().extend(headers);
    let host =
        HeaderValue::from_str(&destination.authority()).map_err(|error| bad(error.to_string()))?;
    request.headers_mut().insert(HOST, host);
    if !protocols.is_empty() {
        let list = HeaderValue::from_str(&protocols.join(", "))
            .map_err(|_| bad("bad subprotocol".to_owned()))?;
        request.headers_mut().insert(PROTOCOL_HEADER, list);
    }
    Ok(request)
}

/// Shakes hands; returns the subprotocol that the server selected.
pub(super) async fn handshake(
    request: Request,
    stream: Stream,
    limit: usize,
) -> Result<(Socket, Option<String>), NetError> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(READ_BUFFER)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let shaken =
        tokio_tungstenite::client_async_with_config(request, stream.io, Some(config)).await;
    let (socket, response) = shaken.map_err(|error| match error {
        Error::Io(error) => net_error(&error),
        // A redirect is an answer as any other here: nobody follows it.
        Error::Http(response) => {
            NetError::Protocol(format!("the server answered {}", response.status()))
        }
        other => NetError::Protocol(other.to_string()),
    })?;
    let protocol = response.headers().get(PROTOCOL_HEADER);
    let protocol = protocol.and_then(|value| Some(value.to_str().ok()?.to_owned()));
    Ok((socket, protocol))
}

/// Carries messages both ways until either side ends.
pub(super) async fn drive(
    socket: Socket,
    id: ConnectionId,
    inbox: &Inbox,
    queue: Queue,
    limit: usize,
) -> CloseInfo {
    let (sink, stream) = socket.split();
    let reader = Reader {
        stream,
        id,
        inbox,
        limit,
        close: None,
    };
    both(reader.run(), write(sink, queue)).await
}

struct Reader<'a> {
    stream: SplitStream<Socket>,
    id: ConnectionId,
    inbox: &'a Inbox,
    limit: usize,
    /// The peer's close frame, once it came; the stream ends a little later.
    close: Option<CloseInfo>,
}

impl Reader<'_> {
    /// Reads as long as there is room in the inbox; what is ready together is delivered together.
    async fn run(mut self) -> CloseInfo {
        loop {
            let first = self.stream.next().await;
            let (batch, end) = self.collect(first);
            if !batch.is_empty() && !self.inbox.deliver(Input::WsMessages(self.id, batch)).await {
                return CloseInfo {
                    code: 1001,
                    reason: "the plugin is gone".to_owned(),
                };
            }
            if let Some(info) = end {
                return info;
            }
        }
    }

    fn collect(
        &mut self,
        first: Option<Result<Message, Error>>,
    ) -> (Vec<WsMessage>, Option<CloseInfo>) {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Some(Ok(message)) => {
                    bytes += message.len();
                    self.take(message, &mut batch);
                }
                Some(Err(error)) => {
                    return (
                        batch,
                        Some(self.close.take().unwrap_or_else(|| ended(&error))),
                    );
                }
                None => {
                    let lost = CloseInfo {
                        code: 1006,
                        reason: "connection lost".to_owned(),
                    };
                    return (batch, Some(self.close.take().unwrap_or(lost)));
                }
            }
            let room = batch.len() < BATCH && bytes < self.limit;
            next = if room {
                self.stream.next().now_or_never()
            } else {
                None
            };
        }
        (batch, None)
    }

    fn take(&mut self, message: Message, batch: &mut Vec<WsMessage>) {
        match message {
            Message::Text(text) => batch.push(WsMessage::Text(text.as_str().to_owned())),
            Message::Binary(bytes) => batch.push(WsMessage::Binary(bytes)),
            Message::Close(frame) => {
                let info = frame.map(|frame| CloseInfo {
                    code: frame.code.into(),
                    reason: frame.reason.as_str().to_owned(),
                });
                self.close = Some(info.unwrap_or(CloseInfo {
                    code: 1005,
                    reason: String::new(),
                }));
            }
            // tungstenite answers pings itself.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

fn ended(error: &Error) -> CloseInfo {
    let code = match error {
        Error::Capacity(_) => 1009,
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => 1006,
        Error::Protocol(_) => 1002,
        Error::Utf8(_) => 1007,
        _ => 1006,
    };
    CloseInfo {
        code,
        reason: error.to_string(),
    }
}

async fn write(mut sink: SplitSink<Socket, Message>, mut queue: Queue) -> Written {
    while let Some(payload) = queue.next().await {
        let Payload::Messages(messages) = payload else {
            continue;
        };
        for message in messages {
            if let Err(error) = sink.feed(message).await {
                return Written::Failed(ended(&error));
            }
        }
        if queue.is_empty()
            && let Err(error) = sink.flush().await
        {
            return Written::Failed(ended(&error));
        }
    }
    let info = queue.farewell();
    let frame = CloseFrame {
        code: info.code.into(),
        reason: info.reason.clone().into(),
    };
    match sink.send(Message::Close(Some(frame))).await {
        Ok(()) => Written::Closed(info),
        Err(error) => Written::Failed(ended(&error)),
    }
}

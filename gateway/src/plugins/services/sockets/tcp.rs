//! Bytes over TCP or TLS.

use super::link::{Payload, Queue, Written, both};
use crate::plugins::input::{CloseInfo, ConnectionId, Inbox, Input};
use crate::plugins::services::egress::Stream;
use bytes::BytesMut;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Most bytes of one input.
const CHUNK: usize = 16 * 1024;

/// Carries bytes both ways until either side ends.
pub(super) async fn drive(
    stream: Stream,
    id: ConnectionId,
    inbox: &Inbox,
    queue: Queue,
) -> CloseInfo {
    let (reader, writer) = tokio::io::split(stream.io);
    both(read(reader, id, inbox), write(writer, queue)).await
}

async fn read(mut reader: impl AsyncRead + Unpin, id: ConnectionId, inbox: &Inbox) -> CloseInfo {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK);
        match reader.read_buf(&mut buffer).await {
            Ok(0) => {
                return CloseInfo {
                    code: 1000,
                    reason: String::new(),
                };
            }
            Ok(_) => {
                let data = buffer.split().freeze();
                if !inbox.deliver(Input::TcpData(id, data)).await {
                    return CloseInfo {
                        code: 1001,
                        reason: "the plugin is gone".to_owned(),
                    };
                }
            }
            Err(error) => return failed(&error),
        }
    }
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut queue: Queue) -> Written {
    while let Some(payload) = queue.next().await {
        let Payload::Bytes(data) = payload else {
            continue;
        };
        if let Err(error) = writer.write_all(&data).await {
            return Written::Failed(failed(&error));
        }
        if queue.is_empty()
            && let Err(error) = writer.flush().await
        {
            return Written::Failed(failed(&error));
        }
    }
    match writer.shutdown().await {
        Ok(()) => Written::Closed(queue.farewell()),
        Err(error) => Written::Failed(failed(&error)),
    }
}

fn failed(error: &io::Error) -> CloseInfo {
    CloseInfo {
        code: 1006,
        reason: error.to_string(),
    }
}

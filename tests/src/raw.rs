//! A client below WebSocket: for frames that no library would send, and for not reading.

use crate::wait;
use socket2::SockRef;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The key of RFC 6455's example handshake.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A connection whose bytes the test writes itself.
pub struct Raw {
    stream: TcpStream,
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of a close frame.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        let bytes = self.payload.first_chunk::<2>()?;
        (self.opcode == 8).then(|| u16::from_be_bytes(*bytes))
    }

    /// The payload as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

impl Raw {
    /// A bare connection.
    ///
    /// # Panics
    /// It is refused.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = wait::soon("a connection", TcpStream::connect(address))
            .await
            .expect("it listens");
        Self { stream }
    }

    /// A connection whose receive buffer is as small as the system allows, so that not reading is soon felt.
    ///
    /// # Panics
    /// It is refused.
    pub async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        SockRef::from(&socket)
            .set_recv_buffer_size(4096)
            .expect("a new socket takes an option");
        let stream = wait::soon("a connection", socket.connect(address))
            .await
            .expect("it listens");
        Self { stream }
    }

    /// Does the WebSocket handshake.
    ///
    /// # Panics
    /// It is not answered by 101.
    pub async fn upgrade(mut self, path: &str) -> Self {
        self.write(handshake(path).as_bytes()).await;
        let head = self.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        self
    }

    /// Writes bytes.
    ///
    /// # Panics
    /// The connection is gone.
    pub async fn write(&mut self, bytes: &[u8]) {
        wait::soon("a write", self.stream.write_all(bytes))
            .await
            .expect("the connection takes bytes");
    }

    /// Writes a masked frame with this first byte (FIN, RSV and opcode).
    pub async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.write(&masked(first, payload)).await;
    }

    /// Writes a text frame.
    pub async fn text(&mut self, text: &str) {
        self.frame(0x81, text.as_bytes()).await;
    }

    /// Writes a text frame unless the connection is gone or takes nothing for a second.
    pub async fn try_text(&mut self, text: &str) -> bool {
        self.try_write(&masked(0x81, text.as_bytes())).await
    }

    /// Writes bytes unless the connection is gone or takes nothing for a second.
    pub async fn try_write(&mut self, bytes: &[u8]) -> bool {
        let patience = std::time::Duration::from_secs(1);
        let written = tokio::time::timeout(patience, self.stream.write_all(bytes)).await;
        matches!(written, Ok(Ok(())))
    }

    /// Whether the other side has ended the connection; what it wrote before is dropped.
    pub async fn has_ended(&mut self) -> bool {
        let mut buffer = [0; 1024];
        loop {
            match self.stream.try_read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    }

    /// Ends this side of the connection.
    ///
    /// # Errors
    /// It is gone.
    pub async fn shut(&mut self) -> std::io::Result<()> {
        self.stream.shutdown().await
    }

    /// Reads an HTTP head.
    ///
    /// # Panics
    /// None comes.
    pub async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = wait::soon("an HTTP head", self.stream.read_u8())
                .await
                .expect("an HTTP head");
            head.push(byte);
        }
        String::from_utf8(head).expect("a head is text")
    }

    /// Reads bytes.
    ///
    /// # Panics
    /// The connection ends before.
    pub async fn read_exact(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        wait::soon("bytes", self.stream.read_exact(&mut bytes))
            .await
            .expect("the bytes come");
        bytes
    }

    /// Reads a frame; `None`: the connection ended.
    pub async fn next(&mut self) -> Option<Frame> {
        wait::soon("a frame", self.read_frame()).await.ok()
    }

    /// Reads frames until one is wanted; `None`: the connection ended before.
    pub async fn find(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        while let Some(frame) = self.next().await {
            if wanted(&frame) {
                return Some(frame);
            }
        }
        None
    }

    /// Reads until the close frame, and returns its code.
    pub async fn close_code(&mut self) -> Option<u16> {
        self.find(|frame| frame.opcode == 8)
            .await
            .and_then(|frame| frame.close_code())
    }

    /// Reads whatever comes until the other side closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well; what came before it counts.
        let _ = wait::soon("the end", self.stream.read_to_end(&mut rest)).await;
        rest
    }

    async fn read_frame(&mut self) -> std::io::Result<Frame> {
        let first = self.stream.read_u8().await?;
        let length = match self.stream.read_u8().await? {
            126 => u64::from(self.stream.read_u16().await?),
            127 => self.stream.read_u64().await?,
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).map_err(std::io::Error::other)?];
        self.stream.read_exact(&mut payload).await?;
        Ok(Frame {
            opcode: first & 0x0f,
            payload,
        })
    }
}

/// A WebSocket handshake.
#[must_use]
pub fn handshake(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// A client's frame with a mask of zeros, which leaves the payload readable.
#[must_use]
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..=125 => frame.push(0x80 | u8::try_from(short).expect("up to 125")),
        middle @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(middle).expect("up to 65,535").to_be_bytes());
        }
        long => {
            frame.push(0x80 | 127);
            frame.extend((long as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

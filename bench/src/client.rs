//! One WebSocket client: the handshake and the first words, blocking; afterwards it belongs to a swarm.

use crate::frame;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a server may take for each step of the set-up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ports that one source address safely gives towards one server.
const PORTS_PER_ADDRESS: usize = 20_000;

/// A connected client, welcomed by the server.
pub struct Client {
    stream: TcpStream,
    /// Bytes that were read but not yet used.
    pending: Vec<u8>,
}

impl Client {
    /// Connects the `number`th client of this run and reads the server's welcome.
    ///
    /// # Errors
    /// When the server refuses, is silent, or greets with anything else.
    pub fn connect(server: SocketAddr, number: usize) -> Result<Self> {
        let mut client = Self::connect_silently(server, "/ws", "", number)?;
        client.expect("welcome")?;
        Ok(client)
    }

    /// Connects and does the handshake, but reads no message; `headers` are whole lines with their ends.
    ///
    /// # Errors
    /// When the server refuses or is silent.
    pub fn connect_silently(
        server: SocketAddr,
        path: &str,
        headers: &str,
        number: usize,
    ) -> Result<Self> {
        let mut client = Self {
            stream: connect_from(server, number)?,
            pending: Vec::new(),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        client.stream.write_all(request.as_bytes())?;
        let answer = loop {
            if let Some(end) = find(&client.pending, b"\r\n\r\n") {
                break client.pending.drain(..end + 4).collect::<Vec<u8>>();
            }
            client.fill().context("waiting for the handshake")?;
        };
        if !answer.starts_with(b"HTTP/1.1 101") {
            bail!("the server refused: {}", String::from_utf8_lossy(&answer));
        }
        Ok(client)
    }

    /// Subscribes, and waits until the server says so.
    ///
    /// # Errors
    /// When the answer is an error, or none comes.
    pub fn subscribe(&mut self, topics: &[String], snapshot: bool) -> Result<()> {
        let data = serde_json::json!({ "topics": topics, "snapshot": snapshot });
        let command = serde_json::json!({ "id": 1, "type": "subscribe", "data": data });
        self.send(&command.to_string())?;
        self.expect("subscribed").map(drop)
    }

    /// Sends a text frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, text: &str) -> Result<()> {
        self.send_as(frame::TEXT, text.as_bytes())
    }

    /// Sends a frame of another kind.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send_as(&mut self, opcode: u8, payload: &[u8]) -> Result<()> {
        let frame = frame::from_client(opcode, payload);
        self.stream.write_all(&frame).context("sending")
    }

    /// The next message of this type; events and heartbeats before it are passed over.
    ///
    /// # Errors
    /// On an `error` message, a closed connection, or silence.
    pub fn expect(&mut self, wanted: &str) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let text = self
                .next_message()
                .with_context(|| format!("waiting for {wanted:?}"))?;
            let message: Value = serde_json::from_slice(&text)?;
            match message["type"].as_str() {
                Some(kind) if kind == wanted => return Ok(message),
                Some("error") => bail!("waiting for {wanted:?}, the server said {message}"),
                _ => {}
            }
        }
        bail!("no {wanted:?} within {PATIENCE:?}")
    }

    /// The next text or binary frame's payload; pings are answered.
    ///
    /// # Errors
    /// When the connection is closed or silent for too long.
    pub fn next_message(&mut self) -> Result<Vec<u8>> {
        loop {
            while let Some(found) = frame::first(&self.pending)? {
                let payload = self.pending[found.payload.clone()].to_vec();
                self.pending.drain(..found.payload.end);
                match found.opcode {
                    frame::TEXT | frame::BINARY => return Ok(payload),
                    frame::PING => self
                        .stream
                        .write_all(&frame::from_client(frame::PONG, &payload))?,
                    frame::CLOSE => bail!("the server closed the connection"),
                    _ => {}
                }
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer)? {
            0 => bail!("the server ended the connection"),
            count => self.pending.extend_from_slice(&buffer[..count]),
        }
        Ok(())
    }

    /// Gives up the socket, and the bytes that were read but not used.
    pub fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.pending)
    }
}

/// A socket of the `number`th client of this run.
///
/// # Errors
/// When the server does not take it.
pub fn connect_from(server: SocketAddr, number: usize) -> Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(server),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if server.ip().is_loopback() {
        let host = u8::try_from(number / PORTS_PER_ADDRESS + 1).context("too many clients")?;
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket
        .connect_timeout(&server.into(), PATIENCE)
        .with_context(|| format!("connecting client {number} to {server}"))?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Where a byte string first stands in another.
pub fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

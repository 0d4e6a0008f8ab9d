//! A device as a plugin meets it: a WebSocket server that a guest connects to, whose messages become its events.

use crate::child::Server;
use crate::client::find;
use crate::frame;
use crate::pipe::Pipe;
use crate::publisher::{CLOCK_OFFSET_US, Publish};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Where the guest is awaited.
pub struct Dock(TcpListener);

impl Dock {
    /// Listens on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn open() -> Result<Self> {
        Ok(Self(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?))
    }

    /// The address for the guest's configuration and grant.
    ///
    /// # Errors
    /// Never for a socket that listens.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }

    /// Waits for the guest of this gateway and greets it.
    ///
    /// # Errors
    /// When none comes; with what the gateway printed.
    pub fn accept(&self, server: &mut Server) -> Result<Feed> {
        self.0.set_nonblocking(true)?;
        let (stream, _) = server
            .wait_until(|_| self.0.accept().ok())
            .context("waiting for the guest to connect to its feed")?;
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        greet(&stream)?;
        Ok(Feed {
            pipe: Pipe::new(stream, "the guest")?,
            partial: Vec::new(),
            sent: 0,
        })
    }
}

/// Answers a WebSocket handshake.
pub fn greet(mut stream: &TcpStream) -> Result<()> {
    let (mut head, mut buffer) = (Vec::new(), [0; 2048]);
    while find(&head, b"\r\n\r\n").is_none() {
        match stream.read(&mut buffer)? {
            0 => bail!("gone during the handshake"),
            count => head.extend_from_slice(&buffer[..count]),
        }
    }
    let head = String::from_utf8(head)?;
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut keys = lines.filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let (_, key) = keys.next().context("a request without Sec-WebSocket-Key")?;
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Ok(stream.write_all(answer.as_bytes())?)
}

/// A guest's connection: what is published here, it receives and publishes as its own event.
pub struct Feed {
    pipe: Pipe,
    partial: Vec<u8>,
    sent: u64,
}

impl Publish for Feed {
    fn stream(&self) -> &TcpStream {
        self.pipe.stream()
    }

    /// A device is not told what became of its messages: sent is accepted.
    fn accepted(&self) -> u64 {
        self.sent
    }

    fn publish(&mut self, n: u64, micros: u64) -> Result<()> {
        let text = format!("{{\"n\":{n},\"t\":{}}}", CLOCK_OFFSET_US + micros);
        let frame = frame::from_server(frame::TEXT, text.as_bytes());
        self.pipe.unsent().extend_from_slice(&frame);
        self.sent += 1;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.pipe.flush()
    }

    fn read_answers(&mut self) -> Result<()> {
        let mut buffer = [0; 2048];
        self.partial.extend_from_slice(self.pipe.read(&mut buffer)?);
        while let Some(found) = frame::first(&self.partial)? {
            let mut payload = self.partial[found.payload.clone()].to_vec();
            for (byte, mask) in payload.iter_mut().zip(found.mask.iter().cycle()) {
                *byte ^= mask;
            }
            self.partial.drain(..found.payload.end);
            match found.opcode {
                frame::PING => {
                    let pong = frame::from_server(frame::PONG, &payload);
                    self.pipe.unsent().extend_from_slice(&pong);
                }
                frame::CLOSE => bail!("the guest closed its connection"),
                _ => {}
            }
        }
        self.flush()
    }
}

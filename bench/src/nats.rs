//! As much of the NATS protocol as it takes to publish and to subscribe.

use crate::client::Client;
use crate::frame;
use crate::pipe::Pipe;
use crate::publisher::{CLOCK_OFFSET_US, Publish, TOPIC};
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

/// A client of the WebSocket listener, subscribed.
///
/// # Errors
/// When the server refuses or is silent.
pub fn subscribe(server: SocketAddr, number: usize) -> Result<Client> {
    let mut client = Client::connect_silently(server, "/", "", number)?;
    let hello =
        format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {TOPIC} 1\r\nPING\r\n");
    client.send_as(frame::BINARY, hello.as_bytes())?;
    for _ in 0..3 {
        let answer = client.next_message()?;
        if answer.windows(4).any(|part| part == b"PONG") {
            return Ok(client);
        }
    }
    bail!("nats-server did not answer the subscription")
}

/// A connection that publishes.
pub struct Publisher {
    pipe: Pipe,
    sent: u64,
    payload: usize,
}

impl Publisher {
    /// Connects to the server's own port; messages have `payload` bytes.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(server: SocketAddr, payload: usize) -> Result<Self> {
        let mut stream = TcpStream::connect(server).context("connecting to nats-server")?;
        stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
        Ok(Self {
            pipe: Pipe::new(stream, "nats-server")?,
            sent: 0,
            payload,
        })
    }
}

impl Publish for Publisher {
    fn stream(&self) -> &TcpStream {
        self.pipe.stream()
    }

    /// The protocol tells nothing about what it accepts: sent is accepted.
    fn accepted(&self) -> u64 {
        self.sent
    }

    fn publish(&mut self, n: u64, micros: u64) -> Result<()> {
        let text = format!("{{\"n\":{n},\"t\":{}}}", CLOCK_OFFSET_US + micros);
        let size = self.payload;
        write!(
            self.pipe.unsent(),
            "PUB {TOPIC} {size}\r\n{text:<size$}\r\n"
        )?;
        self.sent += 1;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.pipe.flush()
    }

    fn read_answers(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        let answer = self.pipe.read(&mut buffer)?;
        if answer.starts_with(b"-ERR") {
            bail!("nats-server: {}", String::from_utf8_lossy(answer));
        }
        if answer.starts_with(b"PING") {
            self.pipe.unsent().extend_from_slice(b"PONG\r\n");
        }
        self.pipe.flush()
    }
}

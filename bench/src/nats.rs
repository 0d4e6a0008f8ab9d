//! As much of the NATS protocol as it takes to publish and to subscribe.

use crate::client::Client;
use crate::frame;
use crate::publisher::{CLOCK_OFFSET_US, Publish, TOPIC};
use anyhow::{Context, Result, bail};
use std::io::{self, Read, Write};
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
    stream: TcpStream,
    unsent: Vec<u8>,
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
        stream.set_nodelay(true)?;
        stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n")?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            unsent: Vec::new(),
            sent: 0,
            payload,
        })
    }
}

impl Publish for Publisher {
    fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The protocol tells nothing about what it accepts: sent is accepted.
    fn accepted(&self) -> u64 {
        self.sent
    }

    fn publish(&mut self, n: u64, micros: u64) -> Result<()> {
        let text = format!("{{\"n\":{n},\"t\":{}}}", CLOCK_OFFSET_US + micros);
        let size = self.payload;
        write!(self.unsent, "PUB {TOPIC} {size}\r\n{text:<size$}\r\n")?;
        self.sent += 1;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("publishing"),
            }
        }
        Ok(())
    }

    fn read_answers(&mut self) -> Result<()> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => bail!("nats-server ended the connection"),
            Ok(count) if buffer[..count].starts_with(b"PING") => {
                self.unsent.extend_from_slice(b"PONG\r\n");
                self.flush()
            }
            Ok(count) if buffer[..count].starts_with(b"-ERR") => {
                bail!("nats-server: {}", String::from_utf8_lossy(&buffer[..count]))
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error).context("reading from nats-server"),
        }
    }
}

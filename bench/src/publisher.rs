//! Where the load's events go in: over the admin API on one connection, kept alive, requests pipelined.

use crate::client::find;
use crate::pipe::Pipe;
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

/// The kind and the topic of published events: short, so that a whole event fits in 128 bytes.
pub const KIND: &str = "b.t";
/// See [`KIND`].
pub const TOPIC: &str = "b";
/// The first event's number: all have as many digits.
pub const FIRST: u64 = 100_000;
/// What is added to the time stamps: all have as many digits, for 15 minutes.
pub const CLOCK_OFFSET_US: u64 = 100_000_000;

/// A way into the gateway, over a socket that never blocks.
pub trait Publish {
    /// The socket, to be watched.
    fn stream(&self) -> &TcpStream;
    /// How many publications were accepted, as far as that is told.
    fn accepted(&self) -> u64;
    /// Publishes event `n`, sent at `micros` of the run.
    ///
    /// # Errors
    /// When the connection is gone.
    fn publish(&mut self, n: u64, micros: u64) -> Result<()>;
    /// Writes what the socket takes.
    ///
    /// # Errors
    /// When the connection is gone.
    fn flush(&mut self) -> Result<()>;
    /// Reads what has come back.
    ///
    /// # Errors
    /// When a publication was refused (with the reason), or the connection is gone.
    fn read_answers(&mut self) -> Result<()>;
}

/// A connection to the admin API that publishes without waiting for the answers.
pub struct Publisher {
    pipe: Pipe,
    /// What came back and is not a whole answer yet.
    partial: Vec<u8>,
    /// Spaces in the events' data, to reach the wanted size.
    padding: usize,
    host: SocketAddr,
    accepted: u64,
}

impl Publisher {
    /// Connects to a server's admin listener.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn connect(admin: SocketAddr, padding: usize) -> Result<Self> {
        let stream = TcpStream::connect(admin).context("connecting to the admin API")?;
        Ok(Self {
            pipe: Pipe::new(stream, "the admin API")?,
            partial: Vec::new(),
            padding,
            host: admin,
            accepted: 0,
        })
    }
}

impl Publish for Publisher {
    fn stream(&self) -> &TcpStream {
        self.pipe.stream()
    }

    fn accepted(&self) -> u64 {
        self.accepted
    }

    fn publish(&mut self, n: u64, micros: u64) -> Result<()> {
        let mut data = format!("{{\"n\":{n},\"t\":{}", CLOCK_OFFSET_US + micros);
        if let Some(fill) = self.padding.checked_sub(PADDING_KEY) {
            data.push_str(",\"p\":\"");
            data.extend(std::iter::repeat_n('x', fill));
            data.push('"');
        }
        let body = format!("{{\"kind\":\"{KIND}\",\"topic\":\"{TOPIC}\",\"data\":{data}}}}}");
        write!(
            self.pipe.unsent(),
            "POST /api/v1/events HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        )?;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        self.pipe.flush()
    }

    fn read_answers(&mut self) -> Result<()> {
        let mut buffer = [0; 16 * 1024];
        self.partial.extend_from_slice(self.pipe.read(&mut buffer)?);
        let mut used = 0;
        while let Some(answer) = Answer::first(&self.partial[used..])? {
            if !(200..300).contains(&answer.status) {
                let text = String::from_utf8_lossy(&self.partial[used..used + answer.size]);
                bail!("the admin API refused a publication: {text}");
            }
            used += answer.size;
            self.accepted += 1;
        }
        self.partial.drain(..used);
        Ok(())
    }
}

/// Bytes of `,"p":""`.
pub const PADDING_KEY: usize = 7;

/// An HTTP answer at the beginning of a buffer.
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its bytes, head and body.
    pub size: usize,
}

impl Answer {
    /// The first answer of a buffer, or `None` if it is not there in full.
    ///
    /// # Errors
    /// When it is not HTTP, or tells no length.
    pub fn first(buffer: &[u8]) -> Result<Option<Self>> {
        let Some(end) = find(buffer, b"\r\n\r\n") else {
            return Ok(None);
        };
        let head = std::str::from_utf8(&buffer[..end]).context("an answer that is not HTTP")?;
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("an answer that is not HTTP: {head}"))?;
        let size = end + 4 + content_length(head)?;
        Ok((size <= buffer.len()).then_some(Self { status, size }))
    }
}

/// The length that a message's head announces for its body.
///
/// # Errors
/// When it does not, or not as a number.
pub fn content_length(head: &str) -> Result<usize> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = lines
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .with_context(|| format!("no Content-Length in: {head}"))?;
    value.trim().parse().context("Content-Length")
}

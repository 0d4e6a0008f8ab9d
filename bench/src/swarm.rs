//! Many clients in one thread: who is ready is read until empty, every frame is handed to the caller.

use crate::client::Client;
use crate::frame;
use crate::os;
use crate::poll::{Poll, TIMER};
use anyhow::{Context, Result, bail};
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Read at once: enough for many frames, small enough for the cache.
const BUFFER: usize = 64 * 1024;

/// One socket that the swarm reads.
struct Member {
    stream: TcpStream,
    /// The beginning of a frame whose rest has not come yet.
    partial: Vec<u8>,
}

/// Connected clients, read without blocking.
pub struct Swarm {
    members: Vec<Member>,
    buffer: Vec<u8>,
    tokens: Vec<u64>,
}

/// What [`Swarm::turn`] found ready besides its own sockets.
#[derive(Debug, Default)]
pub struct Ready {
    /// The poll's timer.
    pub timer: bool,
    /// A socket that the caller added to the poll, by its token.
    pub foreign: Option<u64>,
}

impl Swarm {
    /// Takes over clients and watches them under the tokens from 0 on.
    ///
    /// # Errors
    /// When a socket can't be watched.
    pub fn new(clients: Vec<Client>, poll: &Poll) -> Result<Self> {
        let mut members = Vec::with_capacity(clients.len());
        for (token, client) in clients.into_iter().enumerate() {
            let (stream, partial) = client.into_parts();
            stream.set_nonblocking(true)?;
            poll.add(&stream, token as u64)?;
            members.push(Member { stream, partial });
        }
        Ok(Self {
            members,
            buffer: vec![0; BUFFER],
            tokens: Vec::new(),
        })
    }

    /// How many clients there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Waits once and reads all that is ready; `sink` gets each text or binary frame: client, payload, moment of the read in nanoseconds.
    ///
    /// # Errors
    /// When the server closes a connection or breaks the protocol.
    pub fn turn(
        &mut self,
        poll: &mut Poll,
        mut sink: impl FnMut(usize, &[u8], u64),
    ) -> Result<Ready> {
        let mut ready = Ready::default();
        self.tokens.clear();
        poll.wait(&mut self.tokens)?;
        for token in &self.tokens {
            let index = usize::try_from(*token).unwrap_or(usize::MAX);
            match self.members.get_mut(index) {
                Some(member) => member
                    .read(&mut self.buffer, |payload, now| sink(index, payload, now))
                    .with_context(|| format!("client {index}"))?,
                None if *token == TIMER => ready.timer = true,
                None => ready.foreign = Some(*token),
            }
        }
        Ok(ready)
    }
}

impl Member {
    /// One read; what is left makes the socket ready again, and others get their turn before.
    fn read(&mut self, buffer: &mut [u8], mut sink: impl FnMut(&[u8], u64)) -> Result<()> {
        let count = match self.stream.read(buffer) {
            Ok(0) => bail!("the server ended the connection"),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let now = os::monotonic_ns();
        if self.partial.is_empty() {
            let used = self.frames(&buffer[..count], now, &mut sink)?;
            self.partial.extend_from_slice(&buffer[used..count]);
        } else {
            let mut joined = std::mem::take(&mut self.partial);
            joined.extend_from_slice(&buffer[..count]);
            let used = self.frames(&joined, now, &mut sink)?;
            joined.drain(..used);
            self.partial = joined;
        }
        Ok(())
    }

    /// Hands on every whole frame; returns how many bytes they took.
    fn frames(
        &mut self,
        bytes: &[u8],
        now: u64,
        sink: &mut impl FnMut(&[u8], u64),
    ) -> Result<usize> {
        let mut used = 0;
        while let Some(found) = frame::first(&bytes[used..])? {
            let payload = &bytes[used..][found.payload.clone()];
            match found.opcode {
                frame::TEXT | frame::BINARY => sink(payload, now),
                frame::PING => self
                    .stream
                    .write_all(&frame::from_client(frame::PONG, payload))?,
                frame::CLOSE => bail!("the server closed: {:?}", String::from_utf8_lossy(payload)),
                _ => {}
            }
            used += found.payload.end;
        }
        Ok(used)
    }
}

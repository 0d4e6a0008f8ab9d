//! A socket that never blocks, and the bytes that it did not take yet.

use anyhow::{Result, anyhow, bail};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// A socket that never blocks, and the bytes that it did not take yet.
pub struct Pipe {
    stream: TcpStream,
    unsent: Vec<u8>,
    peer: &'static str,
}

impl Pipe {
    /// Takes over a connection to `peer`, the name that errors give it.
    ///
    /// # Errors
    /// What the operating system says about a socket that must not block.
    pub fn new(stream: TcpStream, peer: &'static str) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let unsent = Vec::new();
        Ok(Self {
            stream,
            unsent,
            peer,
        })
    }

    /// The socket, to be watched.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Where bytes are added; [`Pipe::flush`] writes them.
    pub fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.unsent
    }

    /// Writes what the socket takes.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn flush(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    return Err(anyhow!(error).context(format!("writing to {}", self.peer)));
                }
            }
        }
        Ok(())
    }

    /// What has come, up to a buffer full; empty where nothing has.
    ///
    /// # Errors
    /// When the connection is gone or ended.
    pub fn read<'a>(&mut self, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
        match self.stream.read(buffer) {
            Ok(0) => bail!("{} ended the connection", self.peer),
            Ok(count) => Ok(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(&[]),
            Err(error) => Err(anyhow!(error).context(format!("reading from {}", self.peer))),
        }
    }
}

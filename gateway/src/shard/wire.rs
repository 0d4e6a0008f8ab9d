//! A client's socket, plain or with TLS, as the two tasks see it that share it: the reader and the shard. Neither waits
//! for the other: what they call never blocks, and the TLS session's lock is held for the length of one call only.

use parking_lot::Mutex;
use rustls::ServerConnection;
use std::io::{self, BufRead, IoSlice, Read, Write};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Most bytes of encrypted data that wait in a session for its socket.
const MAX_ENCRYPTED: usize = 64 * 1024;

/// A client's socket.
#[derive(Debug)]
pub enum Wire {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsWire>),
}

/// TLS over TCP. Reading and writing of the session are short; the socket below is asked without blocking.
#[derive(Debug)]
pub struct TlsWire {
    tcp: TcpStream,
    session: Mutex<ServerConnection>,
    /// Decrypted data waits in the session: there is something to read though the socket has nothing.
    decrypted: AtomicBool,
}

impl From<TcpStream> for Wire {
    fn from(tcp: TcpStream) -> Self {
        Self::Plain(tcp)
    }
}

impl Wire {
    /// TLS whose handshake is complete.
    #[must_use]
    pub fn tls(tcp: TcpStream, mut session: ServerConnection) -> Self {
        session.set_buffer_limit(Some(MAX_ENCRYPTED));
        // The client's first data may have come with the end of its handshake.
        let decrypted = has_decrypted(&mut session);
        Self::Tls(Box::new(TlsWire {
            tcp,
            session: Mutex::new(session),
            decrypted: AtomicBool::new(decrypted),
        }))
    }

    /// The socket below.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &tls.tcp,
        }
    }

    /// Writes what the socket takes at once.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`], or the socket's.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_write(bytes),
            Self::Tls(tls) => tls.try_write(&[IoSlice::new(bytes)]),
        }
    }

    /// Writes what the socket takes at once, of several pieces.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`], or the socket's.
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_write_vectored(slices),
            Self::Tls(tls) => tls.try_write(slices),
        }
    }

    /// Has the socket take what was written and encrypted but not taken yet.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`]: some of it still waits; or the socket's.
    pub fn try_flush(&self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.push_out(&mut tls.session.lock()),
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`], or the socket's.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_read(buffer),
            Self::Tls(tls) => tls.try_read(buffer),
        }
    }

    /// Whether there may be something to read.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => tcp.poll_read_ready(context),
            Self::Tls(tls) if tls.decrypted.load(Relaxed) => Poll::Ready(Ok(())),
            Self::Tls(tls) => tls.tcp.poll_read_ready(context),
        }
    }

    /// Whether the socket may take something.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tcp().poll_write_ready(context)
    }

    /// Ends our side: TLS says goodbye (RFC 8446, section 6.1), and then TCP does.
    pub fn finish(&self) {
        if let Self::Tls(tls) = self {
            let mut session = tls.session.lock();
            session.send_close_notify();
            let _gone = tls.push_out(&mut session);
        }
        let _gone = socket2::SockRef::from(self.tcp()).shutdown(Shutdown::Write);
    }
}

impl TlsWire {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut session = self.session.lock();
        // What waits goes first, so that no more than one write's worth ever waits.
        self.push_out(&mut session)?;
        let count = session.writer().write_vectored(slices)?;
        match self.push_out(&mut session) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            // It is taken, if not by the socket yet: `try_flush` and the next write go on with it.
            _ => Ok(count),
        }
    }

    fn push_out(&self, session: &mut ServerConnection) -> io::Result<()> {
        while session.wants_write() {
            if session.write_tls(&mut Direct(&self.tcp))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut session = self.session.lock();
        let read = loop {
            match session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => break read,
            }
            if let Err(error) = session.read_tls(&mut Direct(&self.tcp)) {
                break Err(error);
            }
            let processed = session.process_new_packets();
            // Answers of TLS itself, to a key update for one. What the socket does not take now goes out with the next
            // frame or ping.
            let _later = self.push_out(&mut session);
            if let Err(error) = processed {
                break Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
        };
        self.decrypted.store(has_decrypted(&mut session), Relaxed);
        read
    }
}

fn has_decrypted(session: &mut ServerConnection) -> bool {
    session
        .reader()
        .fill_buf()
        .is_ok_and(|data| !data.is_empty())
}

/// The socket below, asked without blocking.
struct Direct<'a>(&'a TcpStream);

impl Read for Direct<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Direct<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// For the HTTP that comes before WebSocket.
impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Self::Plain(tcp) = this {
            return Pin::new(tcp).poll_read(context, buffer);
        }
        loop {
            match this.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(this.poll_read_ready(context))?;
                }
                // Without a goodbye: what came is whole or it is not, as HTTP says itself.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Self::Plain(tcp) = this {
            return Pin::new(tcp).poll_write(context, bytes);
        }
        loop {
            match this.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(this.poll_write_ready(context))?;
                }
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Self::Plain(tcp) = this {
            return Pin::new(tcp).poll_write_vectored(context, slices);
        }
        loop {
            match this.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(this.poll_write_ready(context))?;
                }
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_write_ready(context))?;
                }
                flushed => return Poll::Ready(flushed),
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Self::Plain(tcp) = this {
            return Pin::new(tcp).poll_shutdown(context);
        }
        ready!(Pin::new(&mut *this).poll_flush(context))?;
        this.finish();
        Poll::Ready(Ok(()))
    }
}

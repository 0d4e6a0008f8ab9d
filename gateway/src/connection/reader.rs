//! The reading side of a connection: one small task that owns the socket's reading end. It waits for the socket to be
//! readable without a buffer, reads into one that all connections of a thread share, and hands messages on, one at a
//! time. It never writes: answers go through the link to the shard.

use super::decoder::{Decoder, Message, Violation};
use crate::dialects::Flow;
use crate::protocol::CloseCode;
use crate::protocol::frame::{self, Opcode};
use crate::shard::{Closing, Link, Population, Status, Wire};
use bytes::Bytes;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// Most bytes of one read.
const READ: usize = 16 * 1024;

thread_local! {
    /// Read into by all connections of a thread, one at a time and never across a wait.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// What understands a connection's messages.
pub trait Handler: Send {
    /// What reaches the connection from inside the gateway.
    type Pushed: Send;

    /// A text.
    fn on_text(&mut self, text: String) -> impl Future<Output = Flow> + Send;

    /// A binary message.
    fn on_binary(&mut self, payload: Vec<u8>) -> impl Future<Output = Flow> + Send;

    /// A ping or a pong came. Whether a ping is answered.
    ///
    /// # Errors
    /// How to close a client that floods us.
    fn on_control(&mut self) -> Result<bool, Closing> {
        Ok(true)
    }

    /// Takes note of bytes that were read. How long to wait before more are.
    fn pace(&mut self, _bytes: usize) -> Option<Duration> {
        None
    }

    /// Most bytes of a message from now on. `None`: as the decoder was made.
    fn max_message(&self) -> Option<usize> {
        None
    }

    /// Whether something reached the connection from inside.
    fn poll_pushed(&mut self, _context: &mut Context<'_>) -> Poll<Self::Pushed> {
        Poll::Pending
    }

    /// Handles what did.
    fn on_pushed(&mut self, pushed: Self::Pushed) -> impl Future<Output = Flow> + Send;

    /// Whether a close by the server is told with a native `disconnect`.
    fn is_native(&self) -> bool;
}

/// A connection's reading side.
pub struct Reader<H> {
    /// The socket; the shard holds it too, and writes.
    pub socket: Arc<Wire>,
    /// Reads frames.
    pub decoder: Decoder,
    /// The way to the shard.
    pub link: Link,
    /// The connection's figures.
    pub status: Arc<Status>,
    /// The shards' clock.
    pub population: Arc<Population>,
    /// What understands the messages.
    pub handler: H,
    /// Nothing is read until then: the client sent more than it may.
    pub pause: Option<Pin<Box<Sleep>>>,
}

enum Woken<P> {
    Readable(io::Result<()>),
    Pushed(P),
}

/// How a connection ends, seen from here.
enum End {
    /// The socket ended, or is broken.
    Gone,
    /// The last words are still to be said.
    Close(Closing),
}

impl<H: Handler> Reader<H> {
    /// Reads until the end, beginning with what came behind the handshake; then lets the shard know.
    pub async fn run(mut self, early: Bytes) {
        let end = self.converse(early).await;
        if let End::Close(closing) = end {
            self.link.close(closing).await;
            self.read_out().await;
        }
        self.link.gone().await;
    }

    async fn converse(&mut self, early: Bytes) -> End {
        if !early.is_empty()
            && let Some(end) = Box::pin(self.take_early(early)).await
        {
            return end;
        }
        loop {
            let handled = match self.woken().await {
                Woken::Readable(Err(_)) => return End::Gone,
                Woken::Readable(Ok(())) => {
                    let mut messages = Vec::new();
                    let outcome = self.read(&mut messages);
                    if messages.is_empty() && matches!(outcome, Ok(true)) {
                        continue;
                    }
                    Box::pin(self.handle(messages, outcome)).await
                }
                Woken::Pushed(_) if self.status.is_closing() => Some(End::Close(echo(None))),
                Woken::Pushed(pushed) => {
                    let flow = Box::pin(self.handler.on_pushed(pushed)).await;
                    self.flow(flow)
                }
            };
            if let Some(end) = handled {
                return end;
            }
        }
    }

    async fn woken(&mut self) -> Woken<H::Pushed> {
        poll_fn(|context| {
            if let Poll::Ready(pushed) = self.handler.poll_pushed(context) {
                return Poll::Ready(Woken::Pushed(pushed));
            }
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            self.socket.poll_read_ready(context).map(Woken::Readable)
        })
        .await
    }

    /// Reads once. `true`: there may be more later; `false`: the end.
    fn read(&mut self, messages: &mut Vec<Message>) -> Result<bool, Violation> {
        if let Some(most) = self.handler.max_message() {
            self.decoder.set_max_message(most);
        }
        SCRATCH.with_borrow_mut(|scratch| match self.socket.try_read(scratch) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.status.read_at(self.population.millis(Instant::now()));
                self.status.add_bytes_received(count as u64);
                if let Some(wait) = self.handler.pace(count) {
                    self.pause = Some(Box::pin(sleep(wait)));
                }
                self.decoder.feed(&mut scratch[..count], messages)?;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(_) => Ok(false),
        })
    }

    async fn take_early(&mut self, early: Bytes) -> Option<End> {
        let mut messages = Vec::new();
        let outcome = self.decoder.feed(&mut early.to_vec(), &mut messages);
        self.handle(messages, outcome.map(|()| true)).await
    }

    /// Handles what was read, then what came of reading. `None`: the connection goes on. Once the shard closes the
    /// connection (its token was revoked, say), the client has no more say: the shard has the last words already.
    async fn handle(
        &mut self,
        messages: Vec<Message>,
        outcome: Result<bool, Violation>,
    ) -> Option<End> {
        self.status.add_received(messages.len() as u64);
        for message in messages {
            if self.status.is_closing() {
                return Some(End::Close(echo(None)));
            }
            let flow = match message {
                Message::Text(text) => self.handler.on_text(text).await,
                Message::Binary(payload) => self.handler.on_binary(payload).await,
                Message::Ping(payload) => match self.handler.on_control() {
                    Ok(true) => {
                        let pong = frame::frame(Opcode::Pong, &payload);
                        self.link.control(pong).await;
                        Flow::Continue
                    }
                    Ok(false) => Flow::Continue,
                    Err(closing) => Flow::Close(closing),
                },
                Message::Pong => match self.handler.on_control() {
                    Ok(_) => Flow::Continue,
                    Err(closing) => Flow::Close(closing),
                },
                Message::Close(said) => Flow::Close(echo(said)),
            };
            if let Some(end) = self.flow(flow) {
                return Some(end);
            }
        }
        match outcome {
            Ok(true) => None,
            Ok(false) => Some(End::Gone),
            Err(violation) => {
                let native = self.handler.is_native();
                Some(End::Close(Closing::by_server(violation.code(), native)))
            }
        }
    }

    fn flow(&self, flow: Flow) -> Option<End> {
        match flow {
            Flow::Continue => None,
            Flow::Close(closing) => Some(End::Close(closing)),
        }
    }

    /// Reads on without a look until the client's end: closing a socket with unread bytes would reset it, and the last
    /// words would be lost. The shard cuts it off when that takes too long.
    async fn read_out(&mut self) {
        loop {
            if poll_fn(|context| self.socket.poll_read_ready(context))
                .await
                .is_err()
            {
                return;
            }
            let read = SCRATCH.with_borrow_mut(|scratch| self.socket.try_read(scratch));
            match read {
                Ok(0) => return,
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }
}

/// The answer to a client's close: its own code (RFC 6455, section 5.5.1).
fn echo(said: Option<(u16, String)>) -> Closing {
    let frame = match said {
        Some((code, _)) => frame::close(code, ""),
        None => frame::close_without_code(),
    };
    Closing {
        // The client's own choice is no figure of ours.
        code: 1000,
        frames: vec![frame],
        at_once: true,
    }
}

/// A message of a kind that a dialect does not know.
#[must_use]
pub fn unsupported(native: bool) -> Flow {
    Flow::Close(Closing::by_server(CloseCode::Unsupported, native))
}

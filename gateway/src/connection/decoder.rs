//! Reads a client's frames (RFC 6455, section 5) as they come in, in pieces of any size.
//!
//! Between messages it holds no buffer, so that an idle connection costs nothing.

use super::utf8::Utf8;
use crate::protocol::CloseCode;
use crate::protocol::frame::{MAX_CONTROL_PAYLOAD, Opcode};
use bytes::Bytes;

/// Longest header of a masked frame.
const MAX_HEADER: usize = 14;

/// A message may always have so many fragments,
const MANY_FRAGMENTS: usize = 1024;
/// and as many more as the largest one has pieces of this size.
const SMALL_FRAGMENT: usize = 16;

/// What a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message, all its frames together.
    Text(String),
    /// A binary message, all its frames together.
    Binary(Vec<u8>),
    /// A ping with its payload.
    Ping(Bytes),
    /// A pong.
    Pong,
    /// The end: its code and reason, where it gave them.
    Close(Option<(u16, String)>),
}

/// Why a client's bytes can't be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// RFC 6455 forbids it.
    #[error("{0}")]
    Protocol(&'static str),
    /// A text that is not UTF-8.
    #[error("a text that is not UTF-8")]
    NotUtf8,
    /// A message that is longer than allowed.
    #[error("a message that is too large")]
    TooLarge,
    /// A message in more pieces than any client has use for: each costs us more than it costs the client.
    #[error("a message in too many fragments")]
    Fragments,
}

impl Violation {
    /// The code to close with.
    #[must_use]
    pub fn code(self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::ProtocolError,
            Self::NotUtf8 => CloseCode::NotUtf8,
            Self::TooLarge | Self::Fragments => CloseCode::TooLarge,
        }
    }
}

/// Reads frames. One for each connection.
#[derive(Debug)]
pub struct Decoder {
    max_message: usize,
    header: [u8; MAX_HEADER],
    header_len: u8,
    frame: Option<Frame>,
    /// The message whose frames are coming in, and what has come.
    message: Option<Box<Partial>>,
    control: Vec<u8>,
    closed: bool,
}

/// A frame whose payload is coming in.
#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    mask: [u8; 4],
    read: usize,
    length: usize,
}

#[derive(Debug)]
struct Partial {
    opcode: Opcode,
    fragments: usize,
    payload: Vec<u8>,
    utf8: Utf8,
}

impl Decoder {
    /// A reader that takes messages of at most so many bytes.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Self {
            max_message,
            header: [0; MAX_HEADER],
            header_len: 0,
            frame: None,
            message: None,
            control: Vec::new(),
            closed: false,
        }
    }

    /// Takes messages of at most so many bytes from the next frame on.
    pub fn set_max_message(&mut self, max_message: usize) {
        self.max_message = max_message;
    }

    /// Reads on; adds each message that is complete. The bytes are unmasked in place. After a close nothing more is read.
    ///
    /// # Errors
    /// Says what the client did wrong; nothing can be read after it.
    pub fn feed(&mut self, mut bytes: &mut [u8], out: &mut Vec<Message>) -> Result<(), Violation> {
        while !self.closed {
            let Some(frame) = self.frame else {
                let Some(used) = self.read_header(bytes)? else {
                    return Ok(());
                };
                bytes = &mut bytes[used..];
                continue;
            };
            let count = bytes.len().min(frame.length - frame.read);
            let (payload, rest) = bytes.split_at_mut(count);
            unmask(payload, frame.mask, frame.read);
            self.take(frame, payload, out)?;
            bytes = rest;
            if self.frame.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads a header as far as it is there. `None`: more bytes are needed; else how many it took.
    fn read_header(&mut self, bytes: &[u8]) -> Result<Option<usize>, Violation> {
        let mut used = 0;
        loop {
            let have = usize::from(self.header_len);
            let need = header_len(&self.header[..have]);
            if have >= 2 && have == need {
                break;
            }
            let Some(byte) = bytes.get(used) else {
                return Ok(None);
            };
            self.header[have] = *byte;
            self.header_len += 1;
            used += 1;
            if have < 2 {
                self.check_early(have)?;
            }
        }
        let header = self.header;
        self.header_len = 0;
        self.begin(&header)?;
        Ok(Some(used))
    }

    /// Refuses what the first two bytes already show to be wrong.
    fn check_early(&self, at: usize) -> Result<(), Violation> {
        let byte = self.header[at];
        if at == 1 {
            let masked = byte & 0x80 != 0;
            return masked
                .then_some(())
                .ok_or(Violation::Protocol("a client's frame without a mask"));
        }
        if byte & 0x70 != 0 {
            return Err(Violation::Protocol("reserved bits are set"));
        }
        let opcode = Opcode::from_bits(byte & 0x0f);
        let opcode = opcode.ok_or(Violation::Protocol("a reserved opcode"))?;
        match (opcode, self.message.is_some()) {
            (Opcode::Continuation, false) => Err(Violation::Protocol("a continuation of nothing")),
            (Opcode::Text | Opcode::Binary, true) => {
                Err(Violation::Protocol("a new message inside another"))
            }
            _ if opcode.is_control() && byte & 0x80 == 0 => {
                Err(Violation::Protocol("a fragmented control frame"))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, header: &[u8; MAX_HEADER]) -> Result<(), Violation> {
        let opcode = Opcode::from_bits(header[0] & 0x0f).expect("was checked with the first byte");
        let (length, mask_at) = payload_len(header);
        if opcode.is_control() && length > MAX_CONTROL_PAYLOAD as u64 {
            return Err(Violation::Protocol("a control frame that is too long"));
        }
        if length >> 63 != 0 {
            return Err(Violation::Protocol("a length with its highest bit set"));
        }
        let before = self.message.as_ref().map_or(0, |m| m.payload.len());
        let length = usize::try_from(length).map_err(|_| Violation::TooLarge)?;
        if !opcode.is_control() && length > self.max_message.saturating_sub(before) {
            return Err(Violation::TooLarge);
        }
        if let (Opcode::Continuation, Some(message)) = (opcode, &mut self.message) {
            message.fragments += 1;
            if message.fragments > MANY_FRAGMENTS + self.max_message / SMALL_FRAGMENT {
                return Err(Violation::Fragments);
            }
        }
        if matches!(opcode, Opcode::Text | Opcode::Binary) {
            self.message = Some(Box::new(Partial {
                opcode,
                fragments: 0,
                payload: Vec::new(),
                utf8: Utf8::default(),
            }));
        }
        let mut mask = [0; 4];
        mask.copy_from_slice(&header[mask_at..mask_at + 4]);
        self.frame = Some(Frame {
            opcode,
            fin: header[0] & 0x80 != 0,
            mask,
            read: 0,
            length,
        });
        Ok(())
    }

    /// Takes a part of a frame's payload, and what the frame completes.
    fn take(
        &mut self,
        mut frame: Frame,
        payload: &[u8],
        out: &mut Vec<Message>,
    ) -> Result<(), Violation> {
        frame.read += payload.len();
        let ends = frame.read == frame.length;
        self.frame = (!ends).then_some(frame);
        if frame.opcode.is_control() {
            self.control.extend_from_slice(payload);
            if ends {
                let payload = std::mem::take(&mut self.control);
                out.push(self.control_frame(frame.opcode, payload)?);
            }
            return Ok(());
        }
        let message = self
            .message
            .as_mut()
            .expect("a data frame belongs to a message");
        if message.opcode == Opcode::Text && !message.utf8.feed(payload) {
            return Err(Violation::NotUtf8);
        }
        message.payload.extend_from_slice(payload);
        if !(ends && frame.fin) {
            return Ok(());
        }
        let Some(message) = self.message.take() else {
            return Ok(());
        };
        out.push(message.complete()?);
        Ok(())
    }

    fn control_frame(&mut self, opcode: Opcode, payload: Vec<u8>) -> Result<Message, Violation> {
        Ok(match opcode {
            Opcode::Ping => Message::Ping(payload.into()),
            Opcode::Pong => Message::Pong,
            _ => {
                let close = read_close(&payload)?;
                self.closed = true;
                Message::Close(close)
            }
        })
    }
}

impl Partial {
    fn complete(self) -> Result<Message, Violation> {
        if self.opcode == Opcode::Binary {
            return Ok(Message::Binary(self.payload));
        }
        // What was fed is checked up to a last character that may be cut off.
        if !self.utf8.is_complete() {
            return Err(Violation::NotUtf8);
        }
        String::from_utf8(self.payload)
            .map(Message::Text)
            .map_err(|_| Violation::NotUtf8)
    }
}

/// How long a header is of which these bytes are known.
fn header_len(known: &[u8]) -> usize {
    match known.get(1).map(|byte| byte & 0x7f) {
        None => 2,
        Some(126) => 8,
        Some(127) => MAX_HEADER,
        Some(_) => 6,
    }
}

/// The payload's length, and where the mask stands.
fn payload_len(header: &[u8; MAX_HEADER]) -> (u64, usize) {
    match header[1] & 0x7f {
        126 => (u64::from(u16::from_be_bytes([header[2], header[3]])), 4),
        127 => {
            let mut length = [0; 8];
            length.copy_from_slice(&header[2..10]);
            (u64::from_be_bytes(length), 10)
        }
        short => (u64::from(short), 2),
    }
}

/// Applies the mask (RFC 6455, section 5.3), eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4], offset: usize) {
    let turned: [u8; 8] = std::array::from_fn(|i| mask[(offset + i) % 4]);
    let wide = u64::from_ne_bytes(turned);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        let plain = u64::from_ne_bytes(eight) ^ wide;
        chunk.copy_from_slice(&plain.to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(turned) {
        *byte ^= mask;
    }
}

/// Reads a close frame's payload (RFC 6455, sections 5.5.1 and 7.4).
fn read_close(payload: &[u8]) -> Result<Option<(u16, String)>, Violation> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(Violation::Protocol("a close frame with half a code")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol("a close code that may not be sent"));
    }
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::NotUtf8)?;
    Ok(Some((code, reason.to_owned())))
}

#[cfg(test)]
mod tests;

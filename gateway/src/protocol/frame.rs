//! WebSocket frames as a server writes them (RFC 6455, section 5.2): unmasked, never fragmented.

use bytes::Bytes;

/// Longest payload of a control frame (RFC 6455, section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;
/// Longest header of an unmasked frame.
const MAX_HEADER: usize = 10;

/// What a frame is (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next part of a fragmented message.
    Continuation = 0x0,
    /// A text message, or its first part.
    Text = 0x1,
    /// A binary message, or its first part.
    Binary = 0x2,
    /// The end of the conversation.
    Close = 0x8,
    /// Are you there?
    Ping = 0x9,
    /// Yes.
    Pong = 0xA,
}

impl Opcode {
    /// Reads the four bits of a header. `None`: reserved.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// Whether it may come between the parts of a message.
    #[must_use]
    pub fn is_control(self) -> bool {
        self as u8 >= Self::Close as u8
    }
}

/// A whole frame around a payload.
#[must_use]
pub fn frame(opcode: Opcode, payload: &[u8]) -> Bytes {
    written(opcode, payload.len(), |out| out.extend_from_slice(payload))
}

/// A text frame whose payload is written straight behind its header; `size` is a guess at its length.
pub fn written(opcode: Opcode, size: usize, write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut out = Vec::with_capacity(MAX_HEADER + size);
    out.resize(MAX_HEADER, 0);
    write(&mut out);
    let length = out.len() - MAX_HEADER;
    let (header, used) = header(opcode, length);
    let start = MAX_HEADER - used;
    out[start..MAX_HEADER].copy_from_slice(&header[..used]);
    let mut whole = Bytes::from(out);
    let _unused = whole.split_to(start);
    whole
}

/// A frame of JSON text.
#[must_use]
pub fn json(value: &impl serde::Serialize) -> Bytes {
    written(Opcode::Text, 256, |out| {
        serde_json::to_writer(out, value).expect("the protocol's types can be written as JSON");
    })
}

/// A text frame.
#[must_use]
pub fn text(payload: &str) -> Bytes {
    frame(Opcode::Text, payload.as_bytes())
}

/// A ping without a payload.
#[must_use]
pub fn ping() -> Bytes {
    Bytes::from_static(&[0x89, 0])
}

/// A close frame; a reason that is too long is cut at a character's end.
#[must_use]
pub fn close(code: u16, reason: &str) -> Bytes {
    let mut end = reason.len().min(MAX_CONTROL_PAYLOAD - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    frame(Opcode::Close, &payload)
}

/// A close frame that echoes one without a code (RFC 6455, section 7.1.5).
#[must_use]
pub fn close_without_code() -> Bytes {
    Bytes::from_static(&[0x88, 0])
}

fn header(opcode: Opcode, length: usize) -> ([u8; MAX_HEADER], usize) {
    let mut header = [0; MAX_HEADER];
    header[0] = 0x80 | opcode as u8;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if length <= 125 => {
            header[1] = short;
            (header, 2)
        }
        (_, Ok(medium)) => {
            header[1] = 126;
            header[2..4].copy_from_slice(&medium.to_be_bytes());
            (header, 4)
        }
        _ => {
            header[1] = 127;
            header[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            (header, 10)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_length_in_the_shortest_form() {
        for (length, expected) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xff, 0xff]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            let whole = frame(Opcode::Text, &payload);
            assert_eq!(&whole[..expected.len()], expected, "length {length}");
            assert_eq!(&whole[expected.len()..], &payload[..]);
        }
    }

    #[test]
    fn a_close_reason_is_cut_at_a_characters_end() {
        let whole = close(4408, &"ä".repeat(100));
        assert_eq!(whole[1] as usize, whole.len() - 2);
        assert!(whole[1] <= 125);
        assert!(std::str::from_utf8(&whole[4..]).is_ok());
    }
}

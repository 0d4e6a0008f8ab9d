//! Just enough of WebSocket framing (RFC 6455, section 5.2): whole, unfragmented frames.

use anyhow::{Result, bail};
use std::ops::Range;

/// A text frame's opcode.
pub const TEXT: u8 = 1;
/// A binary frame's opcode.
pub const BINARY: u8 = 2;
/// A close frame's opcode.
pub const CLOSE: u8 = 8;
/// A ping frame's opcode.
pub const PING: u8 = 9;
/// A pong frame's opcode.
pub const PONG: u8 = 10;

/// A frame found in a buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub opcode: u8,
    /// Where its payload stands in the buffer, still masked if it came so.
    pub payload: Range<usize>,
    /// The client's mask; all zero in a server's frame.
    pub mask: [u8; 4],
}

/// The first frame of a buffer, or `None` if it is not there in full yet.
///
/// # Errors
/// On a fragment or a compressed frame: nothing here asks for either.
pub fn first(buffer: &[u8]) -> Result<Option<Frame>> {
    let [head, length, ..] = *buffer else {
        return Ok(None);
    };
    if head & 0xf0 != 0x80 {
        bail!("a fragmented or extended frame (first byte {head:#04x})");
    }
    let (mut start, size) = match length & 0x7f {
        126 => match buffer.get(2..4) {
            Some(bytes) => (4, usize::from(bytes[0]) << 8 | usize::from(bytes[1])),
            None => return Ok(None),
        },
        127 => match buffer.get(2..10) {
            Some(bytes) => (
                10,
                bytes.iter().fold(0, |sum, b| sum << 8 | usize::from(*b)),
            ),
            None => return Ok(None),
        },
        small => (2, usize::from(small)),
    };
    let mut mask = [0; 4];
    if length & 0x80 != 0 {
        let Some(bytes) = buffer.get(start..start + 4) else {
            return Ok(None);
        };
        mask.copy_from_slice(bytes);
        start += 4;
    }
    let payload = start..start + size;
    Ok((payload.end <= buffer.len()).then_some(Frame {
        opcode: head & 0x0f,
        payload,
        mask,
    }))
}

/// A server's frame.
pub fn from_server(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, payload.len(), 0);
    frame.extend_from_slice(payload);
    frame
}

/// A client's frame. Its mask is all zero, so that the payload stands as it is; the standard asks for an
/// unforeseeable one only to protect proxies, and there is none here.
pub fn from_client(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(opcode, payload.len(), 0x80);
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

fn head(opcode: u8, size: usize, masked: u8) -> Vec<u8> {
    let mut frame = Vec::with_capacity(size + 14);
    frame.push(0x80 | opcode);
    match size {
        0..126 => frame.push(masked | u8::try_from(size).expect("less than 126")),
        126..65_536 => {
            frame.push(masked | 126);
            frame.extend_from_slice(&u16::try_from(size).expect("less than 65536").to_be_bytes());
        }
        _ => {
            frame.push(masked | 127);
            frame.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_whole_and_only_then() {
        for size in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; size];
            for frame in [from_server(TEXT, &payload), from_client(TEXT, &payload)] {
                for cut in 0..frame.len().min(16) {
                    assert_eq!(first(&frame[..cut]).expect("a prefix"), None);
                }
                assert_eq!(first(&frame[..frame.len() - 1]).expect("a prefix"), None);
                let found = first(&frame).expect("valid").expect("whole");
                assert_eq!(&frame[found.payload.clone()], payload);
                assert_eq!(found.payload.end, frame.len());
            }
        }
    }

    #[test]
    fn fragments_are_refused() {
        assert!(first(&[0x01, 0x00]).is_err());
        assert!(first(&[0xc1, 0x00]).is_err());
    }
}

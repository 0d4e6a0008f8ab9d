//! From bytes to packets: where one ends and the next begins (MQTT 5, section 2.1).

use serde::{Deserialize, Serialize};

/// Of a packet that is too large so much is kept: a topic of the greatest length and a packet id.
const HEAD: usize = 2 + 65_535 + 2;

/// One packet, not yet understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A whole one: its first byte and what follows the length.
    Whole(u8, Vec<u8>),
    /// One that is larger than what is taken; only its beginning was kept.
    Oversized {
        /// Its first byte.
        first: u8,
        /// Its beginning.
        head: Vec<u8>,
        /// Its whole length.
        length: usize,
    },
}

/// The length of a packet can't be read: nobody knows where the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadLength;

/// Cuts a stream into packets. Holds no more than one call's data and one packet: the plugin bounds the first.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Frames {
    buffer: Vec<u8>,
    start: usize,
    limit: usize,
    skip: Option<Skip>,
}

/// A packet whose rest is thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    first: u8,
    head: Vec<u8>,
    length: usize,
    left: usize,
}

impl Frames {
    /// Packets of at most `limit` bytes after their length are taken whole.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Goes on where another left off.
    pub fn resume(limit: usize, pending: &[u8], skip: Option<Skip>) -> Self {
        Self {
            buffer: pending.to_vec(),
            start: 0,
            limit,
            skip,
        }
    }

    /// Adds what was received.
    pub fn feed(&mut self, data: &[u8]) {
        if self.start > 0 && self.start >= self.buffer.len() / 2 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(data);
    }

    /// What is not cut yet.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// A packet whose rest is being thrown away.
    pub fn skipping(&self) -> Option<&Skip> {
        self.skip.as_ref()
    }

    /// The next packet, if it is there as a whole.
    ///
    /// # Errors
    /// The length can't be read; the connection must end.
    pub fn next(&mut self) -> Result<Option<Frame>, BadLength> {
        if self.skip.is_some() {
            return Ok(self.skipped());
        }
        let pending = self.pending();
        let Some((first, rest)) = pending.split_first() else {
            return Ok(None);
        };
        let Some((length, used)) = read_length(rest)? else {
            return Ok(None);
        };
        let body = 1 + used;
        if length > self.limit {
            self.skip = Some(Skip {
                first: *first,
                head: Vec::new(),
                length,
                left: length,
            });
            self.start += body;
            return Ok(self.skipped());
        }
        if pending.len() < body + length {
            return Ok(None);
        }
        let frame = Frame::Whole(*first, pending[body..body + length].to_vec());
        self.start += body + length;
        Ok(Some(frame))
    }

    /// Throws away what has come of the packet that is too large.
    fn skipped(&mut self) -> Option<Frame> {
        let skip = self.skip.as_mut()?;
        let here = &self.buffer[self.start..];
        let gone = skip.left.min(here.len());
        let kept = HEAD.saturating_sub(skip.head.len()).min(gone);
        skip.head.extend_from_slice(&here[..kept]);
        skip.left -= gone;
        self.start += gone;
        if skip.left > 0 {
            return None;
        }
        let skip = self.skip.take()?;
        Some(Frame::Oversized {
            first: skip.first,
            head: skip.head,
            length: skip.length,
        })
    }
}

/// The length that follows a packet's first byte, and how many bytes it takes: seven bits each, at most four
/// (section 1.5.5).
fn read_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, BadLength> {
    let mut length = 0;
    for (i, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok(Some((length, i + 1)));
        }
    }
    match bytes.len() {
        0..4 => Ok(None),
        _ => Err(BadLength),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_however_they_arrive() {
        let stream = [0xD0, 0, 0x30, 3, 0, 1, b'a', 0xD0, 0];
        for size in 1..=stream.len() {
            let mut frames = Frames::new(100);
            let mut out = Vec::new();
            for part in stream.chunks(size) {
                frames.feed(part);
                while let Ok(Some(frame)) = frames.next() {
                    out.push(frame);
                }
            }
            let ping = || Frame::Whole(0xD0, vec![]);
            let expected = [ping(), Frame::Whole(0x30, vec![0, 1, b'a']), ping()];
            assert_eq!(out, expected, "in pieces of {size}");
            assert!(frames.pending().is_empty());
        }
    }

    #[test]
    fn lengths_are_read_as_documented() {
        let check = |bytes: &[u8], expected| assert_eq!(read_length(bytes), expected, "{bytes:?}");
        check(&[], Ok(None));
        check(&[0], Ok(Some((0, 1))));
        check(&[127, 9], Ok(Some((127, 1))));
        check(&[0x80], Ok(None));
        check(&[0x80, 1], Ok(Some((128, 2))));
        check(&[0xFF, 0xFF, 0xFF, 0x7F], Ok(Some((268_435_455, 4))));
        check(&[0xFF, 0xFF, 0xFF], Ok(None));
        check(&[0xFF, 0xFF, 0xFF, 0xFF], Err(BadLength));
    }

    #[test]
    fn what_is_too_large_is_thrown_away_and_the_next_packet_is_found() {
        let mut frames = Frames::new(10);
        let body = vec![7; 200_000];
        let mut stream = vec![0x30, 0xC0, 0x9A, 0x0C];
        stream.extend(&body);
        stream.extend([0xD0, 0]);
        let mut out = Vec::new();
        for part in stream.chunks(16_384) {
            frames.feed(part);
            assert!(frames.pending().len() <= 16_384);
            while let Some(frame) = frames.next().expect("the lengths are fine") {
                out.push(frame);
            }
        }
        let oversized = Frame::Oversized {
            first: 0x30,
            head: vec![7; HEAD],
            length: 200_000,
        };
        assert_eq!(out, [oversized, Frame::Whole(0xD0, vec![])]);
    }

    #[test]
    fn another_goes_on_in_the_middle_of_a_packet() {
        let mut first = Frames::new(10);
        first.feed(&[0x30, 20, 1, 2, 3]);
        assert_eq!(first.next(), Ok(None));
        let mut second = Frames::resume(10, first.pending(), first.skipping().cloned());
        second.feed(&[4; 17]);
        let head = [vec![1, 2, 3], vec![4; 17]].concat();
        let expected = Frame::Oversized {
            first: 0x30,
            head,
            length: 20,
        };
        assert_eq!(second.next(), Ok(Some(expected)));
    }
}

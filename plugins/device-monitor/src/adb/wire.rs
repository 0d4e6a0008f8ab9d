//! What goes over a connection to the adb server: requests with their length in four hexadecimal digits, answered by `OKAY` or
//! `FAIL` (AOSP, packages/modules/adb/OVERVIEW.TXT, "CLIENT <-> SERVER protocol", and SERVICES.TXT).

/// The longest request that every adb server and device takes: the least `MAX_PAYLOAD` of all versions (protocol.txt).
pub const LONGEST_REQUEST: usize = 4096;

/// The server broke its protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WireError {
    /// Neither `OKAY` nor `FAIL`.
    NoStatus(String),
    /// A length that is no four hexadecimal digits.
    NoLength(String),
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoStatus(found) => write!(f, "the adb server said {found:?}, not OKAY or FAIL"),
            Self::NoLength(found) => write!(f, "the adb server gave {found:?} for a length"),
        }
    }
}

impl std::error::Error for WireError {}

/// What a request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It is done, or begins.
    Okay,
    /// It is not, and why.
    Fail(String),
}

/// A request as it is sent.
#[must_use]
pub fn request(service: &str) -> Vec<u8> {
    format!("{:04x}{service}", service.len()).into_bytes()
}

/// Takes apart what arrives, in whatever pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// What an earlier reader had not taken apart yet.
    #[must_use]
    pub fn resume(buffer: Vec<u8>) -> Self {
        Self { buffer }
    }

    /// What is not taken apart yet.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.buffer
    }

    /// More has arrived.
    pub fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The answer to a request, once it is whole.
    ///
    /// # Errors
    /// It is none.
    pub fn status(&mut self) -> Result<Option<Status>, WireError> {
        let Some(word) = self.buffer.first_chunk::<4>() else {
            return Ok(None);
        };
        match word {
            b"OKAY" => {
                self.buffer.drain(..4);
                Ok(Some(Status::Okay))
            }
            b"FAIL" => Ok(self.block_at(4)?.map(Status::Fail)),
            other => Err(WireError::NoStatus(
                String::from_utf8_lossy(other).into_owned(),
            )),
        }
    }

    /// A text with its length before it, once it is whole.
    ///
    /// # Errors
    /// The length is none.
    pub fn block(&mut self) -> Result<Option<String>, WireError> {
        self.block_at(0)
    }

    /// All that has arrived and is not taken.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.buffer)
    }

    fn block_at(&mut self, start: usize) -> Result<Option<String>, WireError> {
        let Some(digits) = self.buffer.get(start..start + 4) else {
            return Ok(None);
        };
        let bad = || WireError::NoLength(String::from_utf8_lossy(digits).into_owned());
        let text = std::str::from_utf8(digits).map_err(|_| bad())?;
        // `from_str_radix` would take a sign.
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad());
        }
        let length = usize::from_str_radix(text, 16).map_err(|_| bad())?;
        let end = start + 4 + length;
        let Some(body) = self.buffer.get(start + 4..end) else {
            return Ok(None);
        };
        let body = String::from_utf8_lossy(body).into_owned();
        self.buffer.drain(..end);
        Ok(Some(body))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_carries_its_length() {
        // As captured in openatx/adbutils docs/PROTOCOL.md.
        assert_eq!(request("host:version"), b"000chost:version");
        assert_eq!(request("host:track-devices-l"), b"0014host:track-devices-l");
    }

    #[test]
    fn answers_are_the_same_in_whatever_pieces_they_come() {
        // A `host:version`, and a `host:tport:serial:…` of a device that is not there, as captured in the same place.
        let stream = b"OKAY00040029FAIL0027device 'GBG5T197110027690014' not found";
        for size in [1, 2, 3, 5, 7, stream.len()] {
            let mut reader = Reader::default();
            let mut seen = Vec::new();
            let mut version = false;
            for piece in stream.chunks(size) {
                reader.push(piece);
                loop {
                    if version {
                        let Some(block) = reader.block().unwrap() else {
                            break;
                        };
                        seen.push(block);
                        version = false;
                        continue;
                    }
                    match reader.status().unwrap() {
                        Some(Status::Okay) => version = true,
                        Some(Status::Fail(reason)) => seen.push(reason),
                        None => break,
                    }
                }
            }
            let expected = ["0029", "device 'GBG5T197110027690014' not found"];
            assert_eq!(seen, expected, "in pieces of {size}");
            assert!(reader.pending().is_empty());
        }
    }

    #[test]
    fn nonsense_is_named() {
        let check = |data: &[u8], expected: WireError| {
            let mut reader = Reader::default();
            reader.push(data);
            assert_eq!(reader.status(), Err(expected));
        };
        check(b"HTTP/1.1 400", WireError::NoStatus("HTTP".to_owned()));
        check(b"FAILzz10", WireError::NoLength("zz10".to_owned()));
        check(b"FAIL+010", WireError::NoLength("+010".to_owned()));
        check(
            b"FAIL\xff\xff\xff\xff",
            WireError::NoLength("\u{fffd}".repeat(4)),
        );
    }
}

//! Cutting a stream of bytes into its JSON objects: an array's elements, a single object, JSON lines, pretty-printed or
//! not. It knows strings and braces only; whether an object is valid is seen when it is read.

/// Longest object, in bytes; a longer one is skipped and counted.
pub const LONGEST_OBJECT: usize = 64 * 1024;

/// The objects of a stream that comes in pieces.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    kept: Vec<u8>,
    depth: u32,
    in_string: bool,
    escaped: bool,
    oversized: bool,
    /// Objects that were too long.
    pub skipped: u64,
    /// Whether something stood between objects that belongs to no JSON of objects.
    pub stray: bool,
}

impl Objects {
    /// Takes bytes, and calls `found` with each object that ends in them.
    pub fn push(&mut self, bytes: &[u8], mut found: impl FnMut(&[u8])) {
        for byte in bytes {
            if self.depth == 0 {
                self.between(*byte);
                continue;
            }
            self.keep(*byte);
            if self.within(*byte) {
                continue;
            }
            if self.oversized {
                self.skipped += 1;
            } else {
                found(&self.kept);
            }
            self.kept.clear();
            self.oversized = false;
        }
    }

    /// Whether an object has begun and not ended.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.depth > 0
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b'{' => {
                self.depth = 1;
                self.keep(byte);
            }
            b'[' | b']' | b',' => {}
            byte if byte.is_ascii_whitespace() => {}
            // A byte order mark at the beginning is none of the content.
            0xEF | 0xBB | 0xBF => {}
            _ => self.stray = true,
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.kept.len() < LONGEST_OBJECT {
            self.kept.push(byte);
        } else {
            self.oversized = true;
        }
    }

    /// Takes a byte within an object; false: it ends here.
    fn within(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return true;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' => self.depth += 1,
            b'}' => self.depth -= 1,
            _ => {}
        }
        self.depth > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_cut_from_every_form_however_the_bytes_come() {
        let expected = [r#"{"a":"}{\"["}"#, r#"{"b":{"c":[{}]}}"#];
        let [one, two] = expected;
        for text in [
            format!("[{one},{two}]"),
            format!("[\n  {one},\n  {two}\n]\n"),
            format!("{one}\n{two}\n"),
            format!("\u{feff}{one}{two}"),
            format!("[]{one}[{two}"),
        ] {
            for size in 1..=text.len() {
                let (mut objects, mut found) = (Objects::default(), Vec::new());
                for piece in text.as_bytes().chunks(size) {
                    objects.push(piece, |object| found.push(object.to_vec()));
                }
                let found: Vec<_> = found.iter().map(|o| String::from_utf8_lossy(o)).collect();
                assert_eq!(found, expected, "{text} in pieces of {size}");
                assert!(!objects.is_open() && !objects.stray);
            }
        }
    }

    #[test]
    fn too_long_ones_are_skipped_and_the_next_one_is_found() {
        let (mut objects, mut found) = (Objects::default(), 0);
        objects.push(b"{\"a\":\"", |_| found += 1);
        for _ in 0..100 {
            objects.push(&[b'x'; 1024], |_| found += 1);
        }
        objects.push(b"\"}{\"b\":1}", |_| found += 1);
        assert_eq!((found, objects.skipped), (1, 1));
        objects.push(b"nonsense {", |_| found += 1);
        assert!(objects.stray && objects.is_open());
    }
}

//! Cutting bytes into lines.

/// Longest line, in bytes; the rest of a longer one is dropped.
pub(super) const LONGEST_LINE: usize = 64 * 1024;

/// The beginning of a line whose end has not come yet.
#[derive(Debug, Default)]
pub(super) struct Partial {
    kept: Vec<u8>,
    dropped: u64,
}

impl Partial {
    /// Takes bytes; returns the lines that end in them, and how many bytes those lines had, breaks included.
    pub(super) fn push(&mut self, bytes: &[u8]) -> (Vec<String>, u64) {
        let (mut lines, mut consumed) = (Vec::new(), 0);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = LONGEST_LINE - self.kept.len();
            self.kept.extend_from_slice(&text[..text.len().min(room)]);
            self.dropped += text.len().saturating_sub(room) as u64;
            if ends {
                consumed += self.len() + 1;
                lines.push(self.take());
            }
        }
        (lines, consumed)
    }

    /// The bytes since the last line break.
    pub(super) fn len(&self) -> u64 {
        self.kept.len() as u64 + self.dropped
    }

    /// The line as it is, for a file that will not go on.
    pub(super) fn take(&mut self) -> String {
        let cut = std::mem::take(&mut self.dropped) > 0;
        let mut kept = std::mem::take(&mut self.kept);
        if !cut && kept.last() == Some(&b'\r') {
            kept.pop();
        }
        let mut line = String::from_utf8_lossy(&kept).into_owned();
        if cut {
            line.push('…');
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_breaks_however_the_bytes_come() {
        let text = b"one\r\n\ntw\xffo\nrest";
        for size in 1..text.len() {
            let mut partial = Partial::default();
            let (mut lines, mut consumed) = (Vec::new(), 0);
            for bytes in text.chunks(size) {
                let (more, count) = partial.push(bytes);
                lines.extend(more);
                consumed += count;
            }
            assert_eq!(lines, ["one", "", "tw\u{fffd}o"], "{size}");
            assert_eq!((consumed, partial.len()), (11, 4), "{size}");
        }
    }

    #[test]
    fn long_lines_are_cut_and_counted_whole() {
        let mut partial = Partial::default();
        assert_eq!(partial.push(&vec![b'a'; LONGEST_LINE]).1, 0);
        assert_eq!(partial.push(&[b'a'; 500]).1, 0);
        let (lines, consumed) = partial.push(b"a\nb\n");
        assert_eq!(consumed, LONGEST_LINE as u64 + 502 + 2);
        assert_eq!(lines[0].len(), LONGEST_LINE + "…".len());
        assert_eq!(lines[1], "b");
    }
}

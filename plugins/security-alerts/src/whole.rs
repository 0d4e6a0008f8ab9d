//! The detector's file where it is rewritten as a whole: read in pieces whenever it changes, and compared with what was
//! in it before.

use crate::detector::hash;
use crate::finding::Bad;
use crate::objects::Objects;
use hearthgate_plugin::files::{self, FileError};
use std::collections::BTreeSet;

/// Bytes of one piece: read and taken apart within one call.
const PIECE: u32 = 64 * 1024;
/// Largest file; what comes behind is not read.
const LARGEST: u64 = 16 * 1024 * 1024;
/// Objects of a file that are told apart.
const MOST_OBJECTS: usize = 16_384;

/// What the file's form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// There is nothing in it yet.
    Empty,
    /// An array, or a single object: rewritten as a whole.
    Whole,
    /// One object per line: appended to.
    Lines,
}

/// Tells the form by the file's first bytes.
#[must_use]
pub fn form(head: &[u8]) -> Form {
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let head = head.trim_ascii_start();
    match head.first() {
        None => return Form::Empty,
        Some(b'{') => {}
        Some(_) => return Form::Whole,
    }
    let (mut objects, mut end) = (Objects::default(), None);
    for (at, byte) in head.iter().enumerate() {
        objects.push(std::slice::from_ref(byte), |_| end = Some(at + 1));
        if end.is_some() {
            break;
        }
    }
    // A line that is longer than the head is one still; an object over several lines is none.
    let first = &head[..end.unwrap_or(head.len())];
    let in_lines = !first.contains(&b'\n') && end.is_none_or(|end| head[end..].contains(&b'\n'));
    if in_lines { Form::Lines } else { Form::Whole }
}

/// A file that is read as a whole.
#[derive(Debug, Default)]
pub struct Whole {
    /// The objects that it held at the last reading.
    known: BTreeSet<u64>,
    pass: Option<Pass>,
    /// It changed while it was read.
    again: bool,
}

#[derive(Debug, Default)]
struct Pass {
    offset: u64,
    objects: Objects,
    seen: BTreeSet<u64>,
    ends_well: bool,
}

/// How a piece went.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more.
    More,
    /// The file was read to its end.
    Done,
    /// It is not there, or can't be read.
    Failed(Bad),
}

impl Whole {
    /// With what is stored of the last reading.
    #[must_use]
    pub fn new(stored: &[u8]) -> Self {
        let known = stored
            .chunks_exact(8)
            .filter_map(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        Self {
            known: known.collect(),
            ..Self::default()
        }
    }

    /// What to store: the objects that were seen.
    #[must_use]
    pub fn stored(&self) -> Vec<u8> {
        self.known
            .iter()
            .flat_map(|hash| hash.to_le_bytes())
            .collect()
    }

    /// It changed: it is to be read (again).
    pub fn changed(&mut self) {
        match self.pass {
            None => self.pass = Some(Pass::default()),
            Some(_) => self.again = true,
        }
    }

    /// Whether an object was there at the last reading.
    #[must_use]
    pub fn knows(&self, object: &[u8]) -> bool {
        self.known.contains(&of_object(object))
    }

    /// Whether there is something to read.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.pass.is_some()
    }

    /// Reads a piece; `found` gets each object that was not there the last time.
    pub fn step(&mut self, path: &str, found: impl FnMut(&[u8])) -> Step {
        let Some(offset) = self.pass.as_ref().map(|pass| pass.offset) else {
            return Step::Done;
        };
        match files::read(path, offset, PIECE) {
            Ok(piece) if piece.is_empty() || offset >= LARGEST => self.end(offset),
            Ok(piece) => {
                self.take(&piece, found);
                Step::More
            }
            Err(FileError::Missing) => {
                self.pass = None;
                Step::Failed(Bad("the file is not there"))
            }
            Err(_) => {
                self.pass = None;
                Step::Failed(Bad("the file can't be read"))
            }
        }
    }

    fn take(&mut self, piece: &[u8], mut found: impl FnMut(&[u8])) {
        let Some(pass) = &mut self.pass else { return };
        let (known, seen) = (&self.known, &mut pass.seen);
        pass.objects.push(piece, |object| {
            let hash = of_object(object);
            if seen.len() < MOST_OBJECTS && seen.insert(hash) && !known.contains(&hash) {
                found(object);
            }
        });
        pass.offset += piece.len() as u64;
        let last = piece.trim_ascii_end().last();
        pass.ends_well = last.map_or(pass.ends_well, |last| matches!(last, b']' | b'}'));
    }

    fn end(&mut self, offset: u64) -> Step {
        let Some(pass) = self.pass.take() else {
            return Step::Done;
        };
        // A file that is just being written has lost nothing: what it held is known still.
        if pass.ends_well && !pass.objects.is_open() {
            self.known = pass.seen;
        } else {
            self.known.extend(pass.seen);
            while self.known.len() > 2 * MOST_OBJECTS {
                self.known.pop_first();
            }
        }
        if std::mem::take(&mut self.again) {
            self.pass = Some(Pass::default());
            return Step::More;
        }
        if pass.objects.stray {
            return Step::Failed(Bad("the file holds something that is no JSON object"));
        }
        if pass.objects.skipped > 0 {
            return Step::Failed(Bad("an alert is longer than 64 KiB"));
        }
        if offset >= LARGEST {
            return Step::Failed(Bad("the file is larger than 16 MiB"));
        }
        Step::Done
    }
}

fn of_object(object: &[u8]) -> u64 {
    hash(&[&String::from_utf8_lossy(object)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_told_by_the_first_bytes() {
        for (head, expected) in [
            ("", Form::Empty),
            (" \n", Form::Empty),
            ("[{}]", Form::Whole),
            ("\u{feff}[\n{}]", Form::Whole),
            ("{\"a\":1}", Form::Whole),
            ("{\n \"a\":1\n}\n", Form::Whole),
            ("{\"a\":1}\n", Form::Lines),
            ("{\"a\":\"}\"}\n{\"b\":2}\n", Form::Lines),
            ("{\"a\":\"a long line that does not end", Form::Lines),
            ("nonsense", Form::Whole),
        ] {
            assert_eq!(form(head.as_bytes()), expected, "{head}");
        }
    }

    /// Reads a file's content as the host would give it.
    fn read(whole: &mut Whole, content: &str) -> (Vec<String>, Step) {
        whole.changed();
        let mut found = Vec::new();
        whole.take(content.as_bytes(), |object| {
            found.push(String::from_utf8_lossy(object).into_owned())
        });
        (found, whole.end(content.len() as u64))
    }

    #[test]
    fn only_what_is_new_is_found_and_a_half_written_file_forgets_nothing() {
        let mut whole = Whole::default();
        assert_eq!(
            read(&mut whole, "[{\"a\":1},{\"b\":2}]").0,
            ["{\"a\":1}", "{\"b\":2}"]
        );
        assert_eq!(
            read(&mut whole, "[{\"a\":1},{\"b\":2},{\"c\":3}]").0,
            ["{\"c\":3}"]
        );
        assert_eq!(read(&mut whole, "").0, [""; 0]);
        assert_eq!(read(&mut whole, "[{\"a\":1},{\"b\"").0, [""; 0]);
        assert_eq!(
            read(&mut whole, "[{\"a\":1},{\"b\":2},{\"c\":4}]").0,
            ["{\"c\":4}"]
        );
        let mut next = Whole::new(&whole.stored());
        assert_eq!(
            read(&mut next, "[{\"a\":1},{\"b\":2},{\"c\":4},{\"d\":5}]").0,
            ["{\"d\":5}"]
        );
        assert_eq!(
            read(&mut next, "[] oops").1,
            Step::Failed(Bad("the file holds something that is no JSON object"))
        );
    }
}

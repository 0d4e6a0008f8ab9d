//! Following a file: one step reads what there is, or finds that the file was rotated.

use super::StartAt;
use super::cursor::{Cursor, FINGERPRINTED, Stamp};
use super::lines::Partial;
use super::rotated::{Behind, History, Moved};
use crate::plugins::services::Current;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Most bytes of one step, and so of one input, but for a long line. Small, because a guest takes or fails an input as a whole.
const CHUNK: usize = 16 * 1024;
/// How long a renamed file is still read while its successor is empty: its writer goes on until it is told to reopen.
const GRACE: Duration = Duration::from_secs(10);

/// What a step found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Whole lines, and where the next one begins.
    Lines { lines: Vec<String>, cursor: String },
    /// Rotated files with lines that were not read, and can't be read any more.
    Unreadable(Vec<PathBuf>),
    /// Nothing for now.
    Idle,
}

/// Where the following stands.
#[derive(Debug)]
enum Place {
    /// Not begun: there may be no file yet.
    Before(StartAt),
    /// In a file.
    In(Open),
    /// The file ended and its successor is not there yet. The successor was changed after this time, where it is known.
    Between(Option<u64>),
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Where the next line begins.
    offset: u64,
    partial: Partial,
    /// The file's first bytes, as they were when they were read.
    head: Vec<u8>,
    /// The place as it was last seen, to notice that the file was cut and written anew.
    cursor: Cursor,
    /// Whether this is the predecessor of what the path names, and since when.
    replaced: Option<Instant>,
    /// Whether it can't grow: a copy that was made at a rotation.
    copy: bool,
}

/// A followed file.
#[derive(Debug)]
pub(super) struct Follower {
    path: String,
    rights: Current,
    place: Place,
    /// Not told yet.
    unreadable: Vec<PathBuf>,
}

impl Follower {
    pub(super) fn new(path: &str, start: StartAt, rights: Current) -> Self {
        let mut follower = Self {
            path: path.to_owned(),
            rights,
            place: Place::Before(start.clone()),
            unreadable: Vec::new(),
        };
        // The end is the end now, not when the task first runs.
        if start == StartAt::End {
            follower.place = match follower.open_current() {
                Some(file) => {
                    let end = file.metadata().map_or(0, |metadata| metadata.len());
                    Open::at(file, end).map_or(Place::Between(None), Place::In)
                }
                None => Place::Between(None),
            };
        }
        follower
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Reads what there is.
    pub(super) fn step(&mut self) -> Step {
        // More turns than one rotation needs are a sign of somebody who plays with the file: later, then.
        for _ in 0..4 {
            self.place = self.enter();
            if !self.unreadable.is_empty() {
                return Step::Unreadable(std::mem::take(&mut self.unreadable));
            }
            let Place::In(mut open) = self.take_place() else {
                return Step::Idle;
            };
            if !open.is_intact() {
                let start = StartAt::Cursor(open.cursor.to_string());
                self.place = Place::Before(start);
                continue;
            }
            let lines = open.read();
            if !lines.is_empty() {
                let cursor = open.cursor.to_string();
                self.place = Place::In(open);
                return Step::Lines { lines, cursor };
            }
            let Some(next) = self.successor(&mut open) else {
                self.place = Place::In(open);
                return Step::Idle;
            };
            if let Some(step) = self.leave(open, next) {
                return step;
            }
        }
        Step::Idle
    }

    /// The place, for a moment in which there is none unless it is not in a file.
    fn take_place(&mut self) -> Place {
        match &self.place {
            Place::In(_) => std::mem::replace(&mut self.place, Place::Between(None)),
            Place::Before(start) => Place::Before(start.clone()),
            Place::Between(since) => Place::Between(*since),
        }
    }

    /// Into a file, where there is one.
    fn enter(&mut self) -> Place {
        let place = self.take_place();
        if matches!(place, Place::In(_)) {
            return place;
        }
        // Opened before the rotated files are listed: what has the name now is one of both, whatever happens meanwhile.
        let current = self.open_current();
        let entered = match &place {
            Place::Before(StartAt::Cursor(text)) => match Cursor::parse(text) {
                Some(cursor) => self.resume(cursor, current),
                None => Ok(current.and_then(|file| Open::at(file, 0))),
            },
            Place::Between(Some(since)) => self.enter_since(*since, current),
            _ => Ok(current.and_then(|file| Open::at(file, 0))),
        };
        match (entered, place) {
            (Ok(Some(open)), _) => Place::In(open),
            (Ok(None), Place::Between(since)) => Place::Between(since),
            (Ok(None), Place::Before(StartAt::Cursor(text))) => {
                Place::Between(Cursor::parse(&text).and_then(|cursor| cursor.read_until))
            }
            (Ok(None), _) => Place::Between(None),
            (Err(Moved), place) => place,
        }
    }

    /// Goes on at a cursor: in the file itself, under whatever name, in a copy of it, or else behind it.
    fn resume(&mut self, cursor: Cursor, current: Option<File>) -> Result<Option<Open>, Moved> {
        if let Some(file) = current.as_ref().filter(|file| cursor.fits(file)) {
            let again = file.try_clone().ok();
            return Ok(again.and_then(|file| Open::at(file, cursor.offset)));
        }
        let history = self.history();
        let itself = history.find(|file| cursor.fits(file))?;
        let copy = itself.is_none();
        let found = match itself {
            // A cursor at a file's very beginning says nothing that could tell one copy from another.
            None if cursor.offset > 0 => history.find(|file| cursor.fits_copy(file))?,
            itself => itself,
        };
        if let Some(mut open) = found.and_then(|file| Open::at(file, cursor.offset)) {
            open.copy = copy;
            return Ok(Some(open));
        }
        match cursor.read_until {
            Some(since) => self.enter_since(since, current),
            None => Ok(current.and_then(|file| Open::at(file, 0))),
        }
    }

    /// The oldest rotated file that was changed since, or the present one.
    fn enter_since(&mut self, since: u64, current: Option<File>) -> Result<Option<Open>, Moved> {
        let Behind {
            next, unreadable, ..
        } = self.history().since(since)?;
        let open = next.or(current).and_then(|file| Open::at(file, 0));
        // Told once: with the file that comes after them.
        if open.is_some() {
            self.unreadable = unreadable;
        }
        Ok(open)
    }

    fn history(&self) -> History {
        History::of(&self.path, &self.rights.load().files)
    }

    /// What comes after an open file that has no more to read; `None` while its writer may go on, or nothing is there yet.
    fn successor(&self, open: &mut Open) -> Option<Behind> {
        let own = open.file.metadata().ok()?;
        let stamp = Stamp::of(&own);
        let current = self.open_current();
        let is_own = |file: &File| {
            file.metadata()
                .is_ok_and(|metadata| Stamp::of(&metadata).is_same_file(&stamp))
        };
        let is_written = |file: &File| file.metadata().is_ok_and(|metadata| metadata.len() > 0);
        if !open.copy && current.as_ref().is_some_and(is_own) {
            open.replaced = None;
            return None;
        }
        let mut behind = self.history().behind(&stamp).ok()?;
        behind.written |= current.as_ref().is_some_and(is_written);
        behind.next = behind.next.or(current);
        if open.copy {
            return Some(behind);
        }
        behind.next.as_ref()?;
        let since = *open.replaced.get_or_insert_with(Instant::now);
        // A line may have come between the last reading and the look at the successor.
        let quiet = open
            .file
            .metadata()
            .is_ok_and(|own| own.len() <= open.position());
        (quiet && (behind.written || since.elapsed() >= GRACE)).then_some(behind)
    }

    /// Goes over to the successor. A last line without a break is a line now.
    fn leave(&mut self, mut open: Open, next: Behind) -> Option<Step> {
        self.unreadable = next.unreadable;
        let successor = next.next.and_then(|file| Open::at(file, 0));
        let own = open.file.metadata().ok();
        let end = open.cursor.moved(open.position(), &open.head);
        let end = own.map_or(end, |own| end.after(&own));
        let cursor = successor.as_ref().map_or(end, |next| next.cursor);
        self.place = successor.map_or(Place::Between(end.read_until), Place::In);
        (open.partial.len() > 0).then(|| Step::Lines {
            lines: vec![open.partial.take()],
            cursor: cursor.to_string(),
        })
    }

    /// The file that the path names now, where it may be read.
    fn open_current(&self) -> Option<File> {
        self.rights.load().files.open(&self.path).ok()
    }
}

impl Open {
    fn at(file: File, offset: u64) -> Option<Self> {
        let cursor = Cursor::of(&file, offset)?;
        let mut head = vec![0; usize::try_from(offset.min(FINGERPRINTED)).ok()?];
        file.read_exact_at(&mut head, 0).ok()?;
        Some(Self {
            file,
            offset,
            partial: Partial::default(),
            head,
            cursor,
            replaced: None,
            copy: false,
        })
    }

    /// How far the file was read.
    fn position(&self) -> u64 {
        self.offset + self.partial.len()
    }

    /// Whether the file still has what was read of it. One that was cut has not, also where it has grown again since.
    fn is_intact(&self) -> bool {
        let grown = self
            .file
            .metadata()
            .is_ok_and(|metadata| metadata.len() >= self.position());
        grown && self.cursor.fits_copy(&self.file)
    }

    /// Reads until a line is whole or there is no more.
    fn read(&mut self) -> Vec<String> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let Ok(before) = self.file.metadata() else {
                return Vec::new();
            };
            let Ok(count @ 1..) = self.file.read_at(&mut chunk, self.position()) else {
                return Vec::new();
            };
            // Cut between the look and the reading: these may be bytes of something else.
            if !self.is_intact() {
                return Vec::new();
            }
            let room = (FINGERPRINTED as usize).saturating_sub(self.head.len());
            self.head.extend_from_slice(&chunk[..count.min(room)]);
            let (lines, consumed) = self.partial.push(&chunk[..count]);
            self.offset += consumed;
            if !lines.is_empty() {
                self.cursor = self.cursor.moved(self.offset, &self.head).after(&before);
                return lines;
            }
        }
    }
}

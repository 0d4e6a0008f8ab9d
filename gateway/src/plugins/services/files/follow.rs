//! Following a file: one step reads what there is, or finds that the file was rotated.

use super::StartAt;
use super::cursor::{Cursor, FINGERPRINTED};
use super::lines::Partial;
use crate::plugins::services::Current;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, Instant};

/// Most bytes of one step.
const CHUNK: usize = 64 * 1024;
/// How long a renamed file is still read while its successor is empty: its writer goes on until it is told to reopen.
const GRACE: Duration = Duration::from_secs(10);

/// What a step found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Whole lines, and where the next one begins.
    Lines { lines: Vec<String>, cursor: String },
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
    /// The file ended and its successor is not there yet.
    Between,
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
}

impl Follower {
    pub(super) fn new(path: &str, start: StartAt, rights: Current) -> Self {
        let mut follower = Self {
            path: path.to_owned(),
            rights,
            place: Place::Before(start.clone()),
        };
        // The end is the end now, not when the task first runs.
        if start == StartAt::End {
            follower.place = match follower.open_current() {
                Some(file) => {
                    let end = file.metadata().map_or(0, |metadata| metadata.len());
                    Open::at(file, end).map_or(Place::Between, Place::In)
                }
                None => Place::Between,
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
            let place = std::mem::replace(&mut self.place, Place::Between);
            let open = match place {
                Place::Before(start) => self.begin(start),
                Place::Between => self
                    .open_current()
                    .and_then(|file| Open::at(file, 0))
                    .map_or(Place::Between, Place::In),
                open @ Place::In(_) => open,
            };
            let Place::In(mut open) = open else {
                self.place = open;
                return Step::Idle;
            };
            if !open.is_intact() {
                self.place = self.resume(open.cursor);
                continue;
            }
            let lines = open.read();
            if !lines.is_empty() {
                let cursor = open.cursor.to_string();
                self.place = Place::In(open);
                return Step::Lines { lines, cursor };
            }
            if !self.is_over(&mut open) {
                self.place = Place::In(open);
                return Step::Idle;
            }
            if let Some(step) = self.leave(open) {
                return step;
            }
        }
        Step::Idle
    }

    fn begin(&self, start: StartAt) -> Place {
        match start {
            StartAt::Cursor(text) => match Cursor::parse(&text) {
                Some(cursor) => self.resume(cursor),
                None => self.begin(StartAt::Beginning),
            },
            StartAt::Beginning | StartAt::End => self
                .open_current()
                .and_then(|file| Open::at(file, 0))
                .map_or(Place::Between, Place::In),
        }
    }

    /// Goes on at a cursor: in the file itself, in its rotated predecessor, or else at the beginning.
    fn resume(&self, cursor: Cursor) -> Place {
        let current = self.open_current();
        if let Some(file) = current.as_ref().filter(|file| cursor.fits(file)) {
            let again = file
                .try_clone()
                .ok()
                .and_then(|file| Open::at(file, cursor.offset));
            return again.map_or(Place::Between, Place::In);
        }
        let predecessor = self.rights.load().files.open_predecessor(&self.path);
        // A cursor at a file's very beginning says nothing that could tell one copy from another.
        let fits = |file: &File| cursor.fits(file) || (cursor.offset > 0 && cursor.fits_copy(file));
        if let Some(file) = predecessor.filter(fits) {
            let copy = !cursor.fits(&file);
            if let Some(mut open) = Open::at(file, cursor.offset) {
                open.copy = copy;
                return Place::In(open);
            }
        }
        current
            .and_then(|file| Open::at(file, 0))
            .map_or(Place::Between, Place::In)
    }

    /// Whether an open file that has no more to read was left by its writer.
    fn is_over(&self, open: &mut Open) -> bool {
        if open.copy {
            return true;
        }
        let Some(current) = self.open_current().and_then(|file| file.metadata().ok()) else {
            return false;
        };
        if open
            .file
            .metadata()
            .is_ok_and(|own| (own.ino(), own.dev()) == (current.ino(), current.dev()))
        {
            open.replaced = None;
            return false;
        }
        let since = *open.replaced.get_or_insert_with(Instant::now);
        // A line may have come between the last reading and the look at the successor.
        let quiet = open
            .file
            .metadata()
            .is_ok_and(|own| own.len() <= open.position());
        quiet && (current.len() > 0 || since.elapsed() >= GRACE)
    }

    /// Goes over to the successor. A last line without a break is a line now.
    fn leave(&mut self, mut open: Open) -> Option<Step> {
        let successor = self.open_current().and_then(|file| Open::at(file, 0));
        let cursor = successor
            .as_ref()
            .map_or(open.cursor, |next| next.cursor)
            .to_string();
        self.place = successor.map_or(Place::Between, Place::In);
        (open.partial.len() > 0).then(|| Step::Lines {
            lines: vec![open.partial.take()],
            cursor,
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
                self.cursor = self.cursor.moved(self.offset, &self.head);
                return lines;
            }
        }
    }
}

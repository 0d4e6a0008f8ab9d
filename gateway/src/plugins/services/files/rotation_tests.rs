//! Rotations that nobody saw: several at once, while the gateway was away or its guest was busy.

use super::follow::{Follower, Step};
use super::*;
use crate::plugins::services::Rights;
use proptest::prelude::*;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A log, and somebody who reads it step by step.
struct Log {
    folder: tempfile::TempDir,
    follower: Option<Follower>,
    cursor: StartAt,
    written: Vec<String>,
    read: Vec<String>,
    unreadable: Vec<String>,
}

impl Log {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            follower: None,
            cursor: StartAt::Beginning,
            written: Vec::new(),
            read: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    fn path(&self, end: &str) -> PathBuf {
        self.folder.path().join(format!("app.log{end}"))
    }

    /// Writes so many more lines to the present file.
    fn write(&mut self, lines: usize) {
        for _ in 0..lines {
            let line = format!("line {}", self.written.len());
            append(&self.path(""), &format!("{line}\n"));
            self.written.push(line);
        }
    }

    /// What logrotate does with its older files.
    fn shift(&self) {
        let exists = |n: &u32| self.path(&format!(".{n}")).exists();
        let last = (1..).take_while(exists).count();
        for n in (1..=last).rev() {
            let (from, to) = (
                self.path(&format!(".{n}")),
                self.path(&format!(".{}", n + 1)),
            );
            fs::rename(from, to).expect("renamed");
        }
    }

    fn rotate(&self) {
        self.shift();
        fs::rename(self.path(""), self.path(".1")).expect("renamed");
        append(&self.path(""), "");
    }

    fn copy_and_cut(&self) {
        self.shift();
        fs::copy(self.path(""), self.path(".1")).expect("copied");
        fs::write(self.path(""), "").expect("cut");
    }

    /// One step; true: it found something.
    fn step(&mut self) -> bool {
        let path = self.path("");
        let start = self.cursor.clone();
        let follower = self.follower.get_or_insert_with(|| {
            let grant = [path.clone()];
            let files = FileRights::new(&grant, &grant).expect("rights");
            let rights = Rights {
                files,
                ..Rights::default()
            };
            let rights = Current::new(arc_swap::ArcSwap::from_pointee(rights));
            Follower::new(path.to_str().expect("a path"), start, rights)
        });
        match follower.step() {
            Step::Lines { lines, cursor } => {
                self.read.extend(lines);
                self.cursor = StartAt::Cursor(cursor);
                true
            }
            Step::Unreadable(files) => {
                let names = files.iter().filter_map(|file| file.file_name());
                self.unreadable
                    .extend(names.map(|name| name.to_string_lossy().into_owned()));
                true
            }
            Step::Idle => false,
        }
    }

    fn drain(&mut self) {
        // Four empty files can end a step early.
        for _ in 0..10 {
            while self.step() {}
        }
    }

    /// The gateway starts again and goes on where its guest was.
    fn restart(&mut self) {
        self.follower = None;
    }

    #[track_caller]
    fn assert_each_once(&self, what: &str) {
        assert_eq!(self.read, self.written, "{what}");
        assert_eq!(self.unreadable, [""; 0], "{what}");
    }
}

fn append(path: &Path, text: &str) {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).open(path);
    file.expect("a file")
        .write_all(text.as_bytes())
        .expect("written");
}

#[test]
fn several_rotations_at_once_lose_and_double_nothing() {
    for restarted in [false, true] {
        let mut log = Log::new();
        log.write(2);
        log.drain();
        for _ in 0..5 {
            log.write(3);
            log.rotate();
        }
        log.write(1);
        if restarted {
            log.restart();
        }
        log.drain();
        log.assert_each_once(if restarted { "restarted" } else { "busy" });
    }
}

#[test]
fn several_copies_at_once_lose_and_double_nothing() {
    for restarted in [false, true] {
        let mut log = Log::new();
        log.write(2);
        log.drain();
        for _ in 0..5 {
            log.write(3);
            log.copy_and_cut();
        }
        log.write(7);
        if restarted {
            log.restart();
        }
        log.drain();
        log.assert_each_once(if restarted { "restarted" } else { "busy" });
    }
}

#[test]
fn a_copy_is_not_read_again_while_the_file_is_away() {
    let mut log = Log::new();
    log.write(2);
    log.drain();
    log.write(2);
    log.copy_and_cut();
    fs::remove_file(log.path("")).expect("removed");
    log.drain();
    log.drain();
    log.assert_each_once("while it is away");
    log.shift();
    log.write(2);
    log.drain();
    log.assert_each_once("when it is back");
}

#[test]
fn dates_are_numbers_too() {
    let mut log = Log::new();
    log.write(1);
    log.drain();
    log.restart();
    for day in ["-20261118", "-20261119", "-20261120"] {
        log.write(1);
        fs::rename(log.path(""), log.path(day)).expect("renamed");
    }
    log.write(1);
    log.drain();
    log.assert_each_once("dates");
}

#[test]
fn what_was_packed_meanwhile_is_told_and_the_rest_is_read() {
    for restarted in [false, true] {
        let mut log = Log::new();
        log.write(2);
        log.drain();
        log.rotate();
        log.write(2);
        log.rotate();
        log.write(2);
        log.rotate();
        log.write(1);
        // The second oldest: two files can be read, before and behind it.
        let lost = fs::read_to_string(log.path(".2")).expect("read");
        fs::write(log.path(".2.gz"), "packed").expect("written");
        fs::remove_file(log.path(".2")).expect("removed");
        log.written.retain(|line| !lost.contains(line.as_str()));
        if restarted {
            log.restart();
        }
        log.drain();
        assert_eq!(log.read, log.written);
        assert_eq!(log.unreadable, ["app.log.2.gz"], "told once");
    }
}

#[test]
fn a_file_that_was_packed_itself_is_told_where_something_of_it_was_not_read() {
    for (unread, expected) in [(0, Vec::new()), (2, vec!["app.log.2.gz"])] {
        let mut log = Log::new();
        log.write(2);
        log.drain();
        log.restart();
        log.write(unread);
        log.written.truncate(2);
        log.rotate();
        // Packers keep the time of the last change.
        let modified = fs::metadata(log.path(".1")).and_then(|m| m.modified());
        let packed = fs::File::create(log.path(".2.gz")).expect("created");
        packed.set_modified(modified.expect("a time")).expect("set");
        fs::remove_file(log.path(".1")).expect("removed");
        log.write(1);
        log.drain();
        assert_eq!(log.unreadable, expected, "{unread} not read");
        let last = log.written.last().expect("a line");
        assert_eq!(log.read.last(), Some(last));
    }
}

#[test]
fn older_files_are_never_read_again() {
    let mut log = Log::new();
    for _ in 0..3 {
        log.write(2);
        log.drain();
        log.rotate();
    }
    log.write(2);
    log.drain();
    // Not rotated but removed, or cut: what is beside it was read before it.
    fs::remove_file(log.path("")).expect("removed");
    log.write(2);
    log.drain();
    log.assert_each_once("removed, busy");
    log.restart();
    fs::remove_file(log.path("")).expect("removed");
    log.write(2);
    log.drain();
    log.assert_each_once("removed, restarted");
    fs::write(log.path(""), "").expect("cut");
    log.drain();
    log.write(1);
    log.drain();
    log.assert_each_once("cut");
}

#[test]
fn others_with_such_names_are_left_alone() {
    let mut log = Log::new();
    log.write(1);
    log.drain();
    log.restart();
    log.write(1);
    log.rotate();
    log.write(1);
    std::os::unix::fs::symlink("/etc/passwd", log.path(".0")).expect("linked");
    fs::create_dir(log.path(".00")).expect("created");
    fs::write(log.path(".1.bak"), "backup\n").expect("written");
    fs::write(log.path("-old"), "old\n").expect("written");
    log.drain();
    log.assert_each_once("others");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_the_order_each_line_comes_once(deeds in prop::collection::vec(0..10u8, 0..60)) {
        let mut log = Log::new();
        log.write(1);
        log.drain();
        for deed in deeds {
            match deed {
                0..4 => log.write(deed.into()),
                4..6 => log.rotate(),
                6 => log.restart(),
                _ => _ = log.step(),
            }
        }
        log.write(1);
        log.drain();
        log.assert_each_once("any order");
    }
}

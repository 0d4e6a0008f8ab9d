//! Real files: what may be read, and following through rotations and restarts.

use super::*;
use crate::plugins::input::Inputs;
use crate::plugins::services::Rights;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

struct Scene {
    directory: tempfile::TempDir,
    log: PathBuf,
    files: Files,
    inputs: Inputs,
    cursor: String,
}

fn start(directory: &Path) -> (Files, Inputs) {
    let grant = [directory.join("app.log"), directory.join("data-*.txt")];
    let files = FileRights::new(&grant, &grant).expect("rights");
    let mut rights = Rights {
        files,
        ..Rights::default()
    };
    rights.limits.files = 3;
    let (inbox, inputs) = Inbox::new(2);
    (
        Files::new(
            &InstanceName::gateway(),
            &Current::new(arc_swap::ArcSwap::from_pointee(rights)),
            &inbox,
        ),
        inputs,
    )
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (files, inputs) = start(directory.path());
        Self {
            log: directory.path().join("app.log"),
            directory,
            files,
            inputs,
            cursor: String::new(),
        }
    }

    fn path(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .expect("a path")
            .to_owned()
    }

    fn follow(&self, start: StartAt) {
        self.files
            .follow(self.log.to_str().expect("a path"), start)
            .expect("followed");
    }

    fn append(&self, text: &str) {
        append(&self.log, text);
    }

    /// The gateway stops and starts again, and the guest follows from where it was.
    fn restart(&mut self, meanwhile: impl FnOnce(&Self)) {
        let (files, inputs) = start(self.directory.path());
        self.files = files;
        self.inputs = inputs;
        meanwhile(self);
        self.follow(StartAt::Cursor(self.cursor.clone()));
    }

    /// The next lines, exactly these.
    async fn expect(&mut self, expected: &[&str]) {
        let mut seen: Vec<String> = Vec::new();
        while seen.len() < expected.len() {
            let next = tokio::time::timeout(Duration::from_secs(20), self.inputs.recv()).await;
            let Ok(Some(Input::FileLines(path, lines, cursor))) = next else {
                panic!("{expected:?} expected, {seen:?} seen, then {next:?}")
            };
            assert_eq!(Path::new(&path), self.log);
            seen.extend(lines);
            self.cursor = cursor;
        }
        assert_eq!(seen, expected);
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("a file");
    file.write_all(text.as_bytes()).expect("written");
}

#[tokio::test]
async fn a_file_is_followed_as_it_grows_and_partial_lines_wait() {
    let mut scene = Scene::new();
    scene.append("one\ntwo\nthr");
    scene.follow(StartAt::Beginning);
    scene.expect(&["one", "two"]).await;
    scene.append("ee\r\nfour\n");
    scene.expect(&["three", "four"]).await;
}

#[tokio::test]
async fn the_end_is_where_it_was_when_it_was_asked_for() {
    let mut scene = Scene::new();
    scene.append("old\n");
    scene.follow(StartAt::End);
    scene.append("new\n");
    scene.expect(&["new"]).await;
}

#[tokio::test]
async fn a_missing_file_is_waited_for() {
    let mut scene = Scene::new();
    scene.follow(StartAt::End);
    tokio::task::yield_now().await;
    scene.append("first\n");
    scene.expect(&["first"]).await;
}

#[tokio::test]
async fn renaming_loses_and_doubles_nothing() {
    let mut scene = Scene::new();
    let rotated = scene.directory.path().join("app.log.1");
    scene.append("a\n");
    scene.follow(StartAt::Beginning);
    scene.expect(&["a"]).await;
    for round in 0..5 {
        fs::rename(&scene.log, &rotated).expect("renamed");
        // The writer has the old file open still, and ends it without a line break.
        append(&rotated, &format!("late {round}\nlast {round}"));
        scene.append(&format!("new {round}\n"));
        let expected = ["late", "last", "new"].map(|word| format!("{word} {round}"));
        scene.expect(&expected.each_ref().map(String::as_str)).await;
    }
}

#[tokio::test]
async fn copying_and_truncating_loses_and_doubles_nothing() {
    let mut scene = Scene::new();
    let rotated = scene.directory.path().join("app.log.1");
    scene.append("one\n");
    scene.follow(StartAt::Beginning);
    scene.expect(&["one"]).await;
    scene.append("two\n");
    fs::copy(&scene.log, &rotated).expect("copied");
    fs::write(&scene.log, "").expect("cut");
    scene.append("three, which is longer than all before\n");
    scene
        .expect(&["two", "three, which is longer than all before"])
        .await;
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let mut scene = Scene::new();
    let rotated = scene.directory.path().join("app.log.1");
    scene.append("one\ntw");
    scene.follow(StartAt::Beginning);
    scene.expect(&["one"]).await;
    scene.restart(|scene| scene.append("o\nthree\n"));
    scene.expect(&["two", "three"]).await;
    scene.restart(|scene| {
        scene.append("four\n");
        fs::rename(&scene.log, &rotated).expect("renamed");
        scene.append("five\n");
    });
    scene.expect(&["four", "five"]).await;
    scene.restart(|scene| {
        scene.append("six\n");
        fs::copy(&scene.log, &rotated).expect("copied");
        fs::write(&scene.log, "seven\n").expect("cut");
    });
    scene.expect(&["six", "seven"]).await;
    scene.restart(|scene| fs::write(&scene.log, "another file altogether\n").expect("written"));
    scene.expect(&["another file altogether"]).await;
    scene.cursor = "no cursor".to_owned();
    scene.restart(|_| {});
    scene.expect(&["another file altogether"]).await;
}

#[tokio::test]
async fn a_slow_guest_gets_every_line_once_and_a_new_one_takes_over() {
    let mut scene = Scene::new();
    let lines: Vec<String> = (0..40_000).map(|n| format!("line {n}")).collect();
    scene.append(&(lines.join("\n") + "\n"));
    scene.follow(StartAt::Beginning);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let Some(Input::FileLines(_, first, cursor)) = scene.inputs.recv().await else {
        panic!("no lines")
    };
    assert_eq!(first, lines[..first.len()]);
    // A new guest's `init`: what waits in the inbox, and what comes behind it, is for it.
    scene.follow(StartAt::Cursor(cursor));
    scene.expect(&lines[first.len()..]).await;
}

#[tokio::test]
async fn changes_of_a_watched_file_are_told() {
    let mut scene = Scene::new();
    let path = scene.path("data-1.txt");
    scene.files.watch(&path).expect("watched");
    tokio::task::yield_now().await;
    fs::write(&path, "1").expect("written");
    assert_eq!(
        scene.inputs.recv().await,
        Some(Input::FileChanged(path.clone()))
    );
    fs::remove_file(&path).expect("removed");
    assert_eq!(scene.inputs.recv().await, Some(Input::FileChanged(path)));
}

#[tokio::test]
async fn parts_are_read() {
    let scene = Scene::new();
    let path = scene.path("data-1.txt");
    assert_eq!(
        scene.files.read(&path, 0, 10).await,
        Err(FileError::Missing)
    );
    fs::write(&path, "0123456789").expect("written");
    for (offset, limit, expected) in [(0, 4, "0123"), (4, 100, "456789"), (10, 5, ""), (99, 5, "")]
    {
        assert_eq!(
            scene.files.read(&path, offset, limit).await,
            Ok(Bytes::from(expected))
        );
    }
}

#[tokio::test]
async fn nothing_but_granted_plain_files_is_read() {
    let scene = Scene::new();
    let secret = scene.path("secret.txt");
    fs::write(&secret, "secret").expect("written");
    fs::write(scene.path("data-ok.txt"), "ok").expect("written");
    fs::create_dir(scene.path("data-folder.txt")).expect("created");
    std::os::unix::fs::symlink(&secret, scene.path("data-out.txt")).expect("linked");
    std::os::unix::fs::symlink(scene.path("data-ok.txt"), scene.path("data-in.txt"))
        .expect("linked");
    let fifo = std::process::Command::new("/usr/bin/mkfifo")
        .arg(scene.path("data-fifo.txt"))
        .status();
    assert!(fifo.expect("mkfifo").success());
    for (name, allowed) in [
        ("data-ok.txt", true),
        ("data-in.txt", true),
        ("data-out.txt", false),
        ("data-fifo.txt", false),
        ("data-folder.txt", false),
        ("secret.txt", false),
        ("data-x/../secret.txt", false),
        ("data-x/../data-ok.txt", false),
        ("sub/data-ok.txt", false),
    ] {
        let read = scene.files.read(&scene.path(name), 0, 10).await;
        let expected = if allowed {
            read.is_ok()
        } else {
            matches!(read, Err(FileError::NotGranted(_)))
        };
        assert!(expected, "{name}: {read:?}");
    }
    assert!(matches!(
        scene.files.read("app.log", 0, 1).await,
        Err(FileError::NotGranted(_))
    ));
}

#[tokio::test]
async fn files_have_a_limit() {
    let scene = Scene::new();
    for name in ["data-1.txt", "data-2.txt", "data-3.txt", "data-1.txt"] {
        scene.files.watch(&scene.path(name)).expect("watched");
    }
    let refused = scene.files.watch(&scene.path("data-4.txt"));
    assert_eq!(refused, Err(FileError::Limit(3)));
    assert!(matches!(
        scene.files.watch("/etc/passwd"),
        Err(FileError::NotGranted(_))
    ));
}

#[test]
fn patterns_are_checked_and_compared() {
    for (path, expected) in [
        ("var/log", "not absolute"),
        ("/var/../etc/passwd", "without it"),
        ("/var/**", "does not exist"),
        ("/", "names no file"),
    ] {
        let error = FilePattern::parse(Path::new(path)).expect_err(path);
        assert!(error.contains(expected), "{path}: {error}");
    }
    let pattern = |path: &str| FilePattern::parse(Path::new(path)).expect(path);
    for (a, b, overlaps) in [
        ("/var/log/a", "/var/log/a", true),
        ("/var/log/*", "/var/log/a", true),
        ("/var/log/*.log", "/var/log/a", false),
        ("/var/*/a", "/var/log/a", true),
        ("/var/log/*", "/var/log/a/b", false),
        ("/a/x*", "/a/*y", true),
    ] {
        assert_eq!(pattern(a).overlaps(&pattern(b)), overlaps, "{a} {b}");
        assert_eq!(pattern(b).overlaps(&pattern(a)), overlaps, "{b} {a}");
    }
}

/// The paths of the lines that wait, after everything that runs had its turn.
async fn lines_of(scene: &mut Scene, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        match scene.inputs.recv().await {
            Some(Input::FileLines(_, lines, _)) => all.extend(lines),
            other => panic!("{other:?}"),
        }
    }
    all
}

#[tokio::test]
async fn behind_a_closed_gate_nothing_arrives() {
    for _ in 0..50 {
        let scene = Scene::new();
        fs::write(&scene.log, "a\nb\n").expect("written");
        scene.follow(StartAt::Beginning);
        tokio::task::yield_now().await;
        scene.files.close();
        let waiting = scene.inputs.len();
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(scene.inputs.len(), waiting);
    }
}

#[tokio::test]
async fn a_new_guests_files_begin_when_it_runs_and_the_others_end() {
    let mut scene = Scene::new();
    let [one, two] = ["data-1.txt", "data-2.txt"].map(|name| scene.path(name));
    fs::write(&one, "1\n").expect("written");
    fs::write(&two, "2\n").expect("written");
    scene
        .files
        .follow(&one, StartAt::Beginning)
        .expect("followed");
    assert_eq!(lines_of(&mut scene, 1).await, ["1"]);

    // One that fails changes nothing for the one that runs.
    scene.files.prepare();
    scene
        .files
        .follow(&one, StartAt::Beginning)
        .expect("followed");
    scene
        .files
        .follow(&two, StartAt::Beginning)
        .expect("followed");
    scene.files.discard();
    append(Path::new(&one), "1b\n");
    assert_eq!(
        lines_of(&mut scene, 1).await,
        ["1b"],
        "on from where it was"
    );

    // One that runs gets what it asked for, and nothing else.
    scene.files.prepare();
    scene
        .files
        .follow(&two, StartAt::Beginning)
        .expect("followed");
    scene.files.commit();
    assert_eq!(lines_of(&mut scene, 1).await, ["2"]);
    append(Path::new(&one), "1c\n");
    append(Path::new(&two), "2b\n");
    assert_eq!(lines_of(&mut scene, 1).await, ["2b"], "the first one ended");

    // And what it takes over by a cursor goes on without a break.
    scene.files.prepare();
    let cursor = StartAt::Cursor("any".to_owned());
    scene.files.follow(&two, cursor).expect("followed");
    scene.files.commit();
    append(Path::new(&two), "2c\n");
    assert_eq!(lines_of(&mut scene, 1).await, ["2c"]);
}

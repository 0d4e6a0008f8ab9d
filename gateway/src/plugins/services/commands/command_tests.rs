//! Real processes.

use super::*;
use crate::config::CommandGrant;
use crate::plugins::services::Rights;
use std::collections::BTreeMap;
use std::time::Instant;

fn commands(program: &str, arguments: &[&str], timeout: Duration) -> Commands {
    let grant = CommandGrant {
        program: program.into(),
        arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
        timeout,
    };
    let mut rights = Rights {
        commands: BTreeMap::from([("it".to_owned(), grant)]),
        ..Rights::default()
    };
    rights.limits.receive_bytes = 1000;
    Commands::new(&Current::new(arc_swap::ArcSwap::from_pointee(rights)))
}

fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn arguments_stay_whole_and_no_shell_reads_them() {
    let commands = commands(
        "/usr/bin/printf",
        &["%s|", "{a}", "x{b}y", "{not a name}"],
        MINUTE,
    );
    let given = given(&[("a", "$(id) `id`; {b}"), ("b", "two words\n")]);
    let outcome = commands.run("it", &given).await.expect("an outcome");
    assert_eq!(
        outcome.stdout,
        "$(id) `id`; {b}|xtwo words\ny|{not a name}|"
    );
    assert_eq!((outcome.exit_code, outcome.stderr.len()), (0, 0));
}

#[tokio::test]
async fn only_the_declared_names_and_no_smuggled_options() {
    let plain = commands("/usr/bin/printf", &["%s", "{a}"], MINUTE);
    let ended = commands("/usr/bin/printf", &["--", "%s", "{a}"], MINUTE);
    for (arguments, expected) in [
        (given(&[]), "argument \"a\" is missing"),
        (
            given(&[("a", "1"), ("b", "2")]),
            "the command has no argument \"b\"",
        ),
        (
            given(&[("a", "1"), ("a", "2")]),
            "argument \"a\" is given twice",
        ),
        (
            given(&[("a", "-rf")]),
            "argument {a} may not begin with \"-\": it would be read as an option",
        ),
        (given(&[("a", "\0")]), "argument \"a\" has a NUL character"),
    ] {
        assert_eq!(
            plain.run("it", &arguments).await,
            Err(CommandError::Arguments(expected.to_owned()))
        );
    }
    let outcome = ended
        .run("it", &given(&[("a", "-rf")]))
        .await
        .expect("an outcome");
    assert_eq!(outcome.stdout, "-rf");
    assert_eq!(
        plain.run("other", &[]).await,
        Err(CommandError::NotGranted("other".to_owned()))
    );
}

#[tokio::test]
async fn the_environment_is_empty_but_for_two() {
    let outcome = commands("/usr/bin/env", &[], MINUTE)
        .run("it", &[])
        .await
        .expect("an outcome");
    let text = String::from_utf8(outcome.stdout.to_vec()).expect("text");
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["LC_ALL", "PATH"]);
}

#[tokio::test]
async fn exit_codes_signals_and_long_outputs_are_told() {
    let script = "head -c 5000 /dev/zero; echo e >&2; exit 3";
    let outcome = commands("/bin/sh", &["-c", script], MINUTE)
        .run("it", &[])
        .await
        .expect("an outcome");
    assert_eq!(
        (outcome.exit_code, outcome.stdout.len(), &outcome.stderr[..]),
        (3, 1000, &b"e\n"[..])
    );
    let outcome = commands("/bin/sh", &["-c", "kill -TERM $$"], MINUTE)
        .run("it", &[])
        .await;
    assert_eq!(outcome.map(|outcome| outcome.exit_code), Ok(-15));
    let missing = commands("/nonexistent/program", &[], MINUTE)
        .run("it", &[])
        .await;
    assert!(
        matches!(missing, Err(CommandError::Start(_))),
        "{missing:?}"
    );
}

#[tokio::test]
async fn the_whole_group_ends_with_the_timeout_or_the_leader() {
    // The child holds the output open: waiting for its end would take ten minutes.
    let left = commands("/bin/sh", &["-c", "sleep 600 & echo $!"], MINUTE)
        .run("it", &[])
        .await;
    let child = left.expect("an outcome").stdout;
    let child = String::from_utf8_lossy(&child).trim().to_owned();
    until_dead(&child);

    let directory = tempfile::tempdir().expect("a directory");
    let note = directory.path().join("child");
    let script = "sleep 600 & echo $! > \"$0\"; wait";
    let name = note.to_str().expect("a name");
    let commands = commands("/bin/sh", &["-c", script, name], Duration::from_millis(500));
    let outcome = commands.run("it", &[]).await;
    assert_eq!(
        outcome,
        Err(CommandError::Timeout(Duration::from_millis(500)))
    );
    until_dead(std::fs::read_to_string(&note).expect("a note").trim());
}

/// Waits until a process is gone, or has ended and is only not collected yet.
fn until_dead(process: &str) {
    assert!(process.parse::<u32>().is_ok(), "{process:?}");
    let begin = Instant::now();
    while std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z "))
    {
        assert!(begin.elapsed() < MINUTE, "process {process} lives on");
        std::thread::yield_now();
    }
}

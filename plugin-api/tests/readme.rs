//! The README's example is the guest that the tests build, word for word, and no longer than promised.

const README: &str = include_str!("../README.md");
const SOURCE: &str = include_str!("../../tests/guests/clock/src/lib.rs");
const MANIFEST: &str = include_str!("../../tests/guests/clock/plugin.toml");

#[test]
fn the_example_is_the_guest_that_is_built() {
    assert!(
        README.contains(SOURCE),
        "copy tests/guests/clock/src/lib.rs into the README"
    );
    assert!(
        README.contains(MANIFEST),
        "copy tests/guests/clock/plugin.toml into the README"
    );
}

#[test]
fn a_complete_event_source_is_at_most_thirty_lines() {
    // The first line is a comment that says what it is.
    assert!(
        SOURCE.lines().count() <= 31,
        "{} lines",
        SOURCE.lines().count()
    );
}

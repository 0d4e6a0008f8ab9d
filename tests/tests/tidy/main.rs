//! Tidy: what must be true of the source text. Each rule is one file here, with a sample that breaks it, and each
//! complaint says what to do.

mod banned;
mod edges;
mod links;
mod names;
mod places;
mod shown;
mod size;
mod source;

use source::Source;

/// Fails with every complaint at once.
fn report(rule: &str, complaints: &[String]) {
    assert!(
        complaints.is_empty(),
        "{rule}\n  {}",
        complaints.join("\n  ")
    );
}

/// The workspace's Rust files.
fn rust() -> Vec<Source> {
    let sources = Source::all();
    assert!(
        sources.len() > 40,
        "only {} Rust files were found: the listing is broken",
        sources.len()
    );
    sources
}

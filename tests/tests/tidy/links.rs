//! Links between documents lead somewhere.

use crate::report;
use crate::source::{files, root};
use std::path::Path;

#[test]
fn links_lead_to_files() {
    let documents: Vec<String> = files()
        .into_iter()
        .filter(|path| path.ends_with(".md"))
        .collect();
    let mut links = 0;
    let mut complaints = Vec::new();
    for path in &documents {
        // One that is deleted but not committed yet is still listed.
        let Ok(text) = std::fs::read_to_string(root().join(path)) else {
            continue;
        };
        links += targets(&text).len();
        complaints.extend(dead(&root(), path, &text));
    }
    assert!(
        links > 10,
        "only {links} links were found: the search is broken"
    );
    report("Links lead to files", &complaints);
}

#[test]
fn a_dead_link_is_found() {
    let found = |text: &str| dead(&root(), "docs/a.md", text).len();
    assert_eq!(found("[a](nowhere.md)"), 1);
    assert_eq!(
        found("see [a `b`](../nowhere.md#part \"title\"), [b](../README.md)"),
        1
    );
    assert_eq!(
        found("[a](../README.md#part), [b](#part), [c](https://example.org/x.md)"),
        0
    );
    assert_eq!(found("```\n[a](nowhere.md)\n```\n`[b](nowhere.md)`\n"), 0);
    assert_eq!(found("[name]: ../nowhere.md\n[other]: ../README.md\n"), 1);
}

fn dead(root: &Path, path: &str, text: &str) -> Vec<String> {
    let document = root.join(path);
    let folder = document.parent().unwrap_or(root);
    let complaint = |(target, line): (String, usize)| {
        let file = target.split('#').next().unwrap_or_default();
        let elsewhere = file.is_empty() || file.contains("://") || file.starts_with("mailto:");
        let lost = !elsewhere && !folder.join(file).exists();
        lost.then(|| {
            format!(
                "{path}:{line}: `{target}` does not exist; correct the link, or the file's name"
            )
        })
    };
    targets(text).into_iter().filter_map(complaint).collect()
}

/// The targets of `[text](target)` and `[name]: target` outside of code, with their lines, counted from 1.
fn targets(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Every second part between backticks is code; a link's text may contain some, its target does not.
        let prose: String = line.split('`').step_by(2).collect();
        let inline = prose.split("](").skip(1);
        let inline = inline.filter_map(|rest| rest.split([')', ' ']).next());
        let named = prose
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "));
        let named = named.and_then(|(_, target)| target.split_whitespace().next());
        let all = inline.chain(named);
        found.extend(all.map(|target| (target.to_owned(), index + 1)));
    }
    found
}

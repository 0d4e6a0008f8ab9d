//! SECURITY.md names a test for each threat that it says is met: each of them is there.

use crate::report;
use crate::source::root;

#[test]
fn every_test_that_the_security_document_names_is_there() {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).expect("the document");
    let named: Vec<_> = named(&text).collect();
    assert!(
        named.len() > 40,
        "only {}: the listing is broken",
        named.len()
    );
    let sources = crate::rust();
    let is_there = |name: &str| {
        let (places, test) = name.rsplit_once("::").unwrap_or(("", name));
        sources.iter().any(|source| {
            let path = source.path.replace(['/', '.'], "::");
            places
                .split("::")
                .all(|place| path.split("::").any(|part| part == place))
                && source.text.contains(&format!("fn {test}("))
        })
    };
    let missing = named.into_iter().filter(|name| !is_there(name));
    let complaints: Vec<_> = missing
        .map(|name| format!("SECURITY.md: there is no test {name}: name the one that shows it"))
        .collect();
    report("Every threat's test is there", &complaints);
}

#[test]
fn names_are_found_in_tables_alone() {
    let text =
        "`a::b` is\n| threat | answer `c::d` | `e::f_g`, and `h::i::j` |\n| x | y | [bench](z) |";
    assert_eq!(named(text).collect::<Vec<_>>(), ["e::f_g", "h::i::j"]);
}

/// What stands between backticks in the last column of a table and has `::` in it.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    quoted.filter(|name| name.contains("::"))
}

//! Names of files: a name says what is inside.

use crate::report;
use crate::source::files;

/// Names that anything fits into, so that everything ends up there.
const EMPTY_NAMES: &[&str] = &[
    "util",
    "utils",
    "helper",
    "helpers",
    "common",
    "misc",
    "shared_stuff",
    "stuff",
];

#[test]
fn names_say_what_is_inside() {
    report(
        "Names say what is inside",
        &files()
            .iter()
            .filter_map(|path| complaint(path))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_bad_name_is_found() {
    assert!(complaint("gateway/src/bus/util.rs").is_some());
    assert!(complaint("gateway/src/helpers/a.rs").is_some());
    assert!(complaint("gateway/src/bus/mod.rs").is_some());
    assert!(complaint("gateway/src/bus/tap.rs").is_none());
}

fn complaint(path: &str) -> Option<String> {
    if !path.ends_with(".rs") {
        return None;
    }
    if path.ends_with("/mod.rs") {
        return Some(format!(
            "{path}: call it by its module's name, one folder up, so that editors and errors name it"
        ));
    }
    let empty = path
        .trim_end_matches(".rs")
        .split('/')
        .find(|part| EMPTY_NAMES.contains(part))?;
    Some(format!(
        "{path}: `{empty}` says nothing; name it after what is inside, or move that to where it is used"
    ))
}

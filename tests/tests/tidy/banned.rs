//! What no file may contain: left-over work, panics in passing, the machine it was written on.

use crate::source::{Source, files, root};
use crate::{report, rust};
use syn::visit::Visit;

/// Marks of unfinished work, written in two halves so that this file passes.
const UNFINISHED: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("XX", "X:"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
];

/// Folders of the machines that this was written on.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/tmp/", "wt"),
    concat!("/tmp/", "bash"),
];

#[test]
fn nothing_is_left_unfinished() {
    report(
        "Nothing is left unfinished",
        &rust().iter().flat_map(unfinished).collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_is_unwrapped() {
    report(
        "Nothing is unwrapped",
        &rust().iter().flat_map(unwrapped).collect::<Vec<_>>(),
    );
}

#[test]
fn no_machine_is_named() {
    let mut complaints = Vec::new();
    for path in files() {
        let Ok(bytes) = std::fs::read(root().join(&path)) else {
            continue;
        };
        complaints.extend(machine(&path, &bytes));
    }
    report("No file names the machine it was written on", &complaints);
}

#[test]
fn each_is_found() {
    let bad = concat!(
        "// FIX",
        "ME\nfn a() {\n    b().unwrap();\n}\n#[cfg(test)]\nmod tests {\n    fn c() { b().unwrap(); }\n}\n"
    );
    let source = Source::parse("gateway/src/a.rs", bad);
    assert_eq!(unfinished(&source).len(), 1);
    assert_eq!(unwrapped(&source).len(), 1);
    assert!(machine("a.toml", concat!("path = \"/ro", "ot/a\"").as_bytes()).is_some());
}

fn unfinished(source: &Source) -> Vec<String> {
    let marked = |line: &str| UNFINISHED.iter().copied().find(|mark| line.contains(mark));
    let lines = source.text.lines().enumerate();
    let found = lines.filter_map(|(index, line)| marked(line).map(|mark| (index + 1, mark)));
    found
        .map(|(line, mark)| {
            format!(
                "{}:{line}: `{mark}`; finish it, or write an issue and take it out",
                source.path
            )
        })
        .collect()
}

fn machine(path: &str, bytes: &[u8]) -> Option<String> {
    let named = MACHINE.iter().find(|folder| {
        bytes
            .windows(folder.len())
            .any(|window| window == folder.as_bytes())
    })?;
    Some(format!(
        "{path}: names `{named}`; use a relative path (in a .wasm: build it with --remap-path-prefix)"
    ))
}

fn unwrapped(source: &Source) -> Vec<String> {
    let mut finder = UnwrapFinder(Vec::new());
    finder.visit_file(&source.syntax);
    let outside = finder.0.into_iter().filter(|line| !source.in_test(*line));
    outside
        .map(|line| {
            format!(
                "{}:{line}: unwrap(); return the error, or say in expect(\"…\") why it can't fail",
                source.path
            )
        })
        .collect()
}

struct UnwrapFinder(Vec<usize>);

impl<'ast> Visit<'ast> for UnwrapFinder {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "unwrap" && call.args.is_empty() {
            self.0.push(call.method.span().start().line);
        }
        syn::visit::visit_expr_method_call(self, call);
    }
}

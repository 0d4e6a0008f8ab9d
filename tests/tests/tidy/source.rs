//! The files of the checkout, and what of a Rust file is test code.

use std::path::{Path, PathBuf};
use std::process::Command;
use syn::spanned::Spanned;
use syn::visit::Visit;

/// A Rust file.
pub struct Source {
    /// Its path below the checkout, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its syntax.
    pub syntax: syn::File,
    /// The lines of `#[cfg(test)]` items and `#[test]` functions, both ends included, counted from 1.
    tests: Vec<(usize, usize)>,
}

impl Source {
    /// Every Rust file of the checkout.
    pub fn all() -> Vec<Self> {
        let root = root();
        let rust = files().into_iter().filter(|path| path.ends_with(".rs"));
        rust.filter_map(|path| {
            std::fs::read_to_string(root.join(&path))
                .ok()
                .map(|text| Self::parse(&path, text))
        })
        .collect()
    }

    /// A file from its text.
    pub fn parse(path: &str, text: impl Into<String>) -> Self {
        let text = text.into();
        let syntax =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{path} is no Rust: {error}"));
        let mut finder = TestFinder(Vec::new());
        finder.visit_file(&syntax);
        Self {
            path: path.into(),
            text,
            syntax,
            tests: finder.0,
        }
    }

    /// Whether the whole file is test code: an integration test, or a module that only `#[cfg(test)]` declares.
    pub fn is_test(&self) -> bool {
        let within = ["tests/tests/", "tests/guests/"];
        within.iter().any(|folder| self.path.starts_with(folder))
            || self.path.ends_with("/tests.rs")
            || !self.path.starts_with("tests/") && self.path.contains("/tests/")
    }

    /// Whether a line, counted from 1, is test code.
    pub fn in_test(&self, line: usize) -> bool {
        self.is_test()
            || self
                .tests
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&line))
    }

    /// Lines that are not test code.
    pub fn product_lines(&self) -> usize {
        (1..=self.text.lines().count())
            .filter(|line| !self.in_test(*line))
            .count()
    }
}

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ is below the checkout")
        .to_path_buf()
}

/// Every file that git knows or would add, or all but build results where there is no git.
pub fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    match listed {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(str::to_string)
            .collect(),
        _ => walk(&root(), ""),
    }
}

fn walk(folder: &Path, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)
        .expect("the checkout can be read")
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            if name != "target" && name != ".git" {
                found.extend(walk(&entry.path(), &format!("{prefix}{name}/")));
            }
        } else {
            found.push(format!("{prefix}{name}"));
        }
    }
    found
}

struct TestFinder(Vec<(usize, usize)>);

impl TestFinder {
    fn note(&mut self, attributes: &[syn::Attribute], span: proc_macro2::Span) -> bool {
        let test = attributes.iter().any(is_test_attribute);
        if test {
            self.0.push((span.start().line, span.end().line));
        }
        test
    }
}

impl<'ast> Visit<'ast> for TestFinder {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !self.note(&item.attrs, item.span()) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note(&item.attrs, item.span());
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.note(&item.attrs, item.span());
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.note(&item.attrs, item.span());
    }
}

/// `#[test]`, `#[tokio::test]`, `#[cfg(test)]`.
fn is_test_attribute(attribute: &syn::Attribute) -> bool {
    let named_test = attribute
        .path()
        .segments
        .last()
        .is_some_and(|segment| segment.ident == "test");
    let cfg_test = attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Ident>()
            .is_ok_and(|word| word == "test");
    named_test || cfg_test
}

#[test]
fn test_code_is_told_from_the_rest() {
    let source = Source::parse(
        "gateway/src/a.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n",
    );
    assert_eq!(source.product_lines(), 1);
    assert!(!source.in_test(1) && source.in_test(4));
}

//! Sizes of files and functions. Small ones are read, large ones are searched.

use crate::source::Source;
use crate::{report, rust};
use syn::spanned::Spanned;
use syn::visit::Visit;

const FILE: usize = 400;
const FUNCTION: usize = 70;

#[test]
fn files_are_short() {
    let sources = rust();
    let mut sizes: Vec<usize> = sources
        .iter()
        .filter(|source| !source.is_test())
        .map(Source::product_lines)
        .collect();
    println!("files: {}", summary(&mut sizes));
    report(
        "Files are short",
        &sources.iter().filter_map(long_file).collect::<Vec<_>>(),
    );
}

#[test]
fn functions_are_short() {
    let sources = rust();
    let functions: Vec<Function> = sources.iter().flat_map(functions_of).collect();
    let mut sizes: Vec<usize> = functions.iter().map(|function| function.lines).collect();
    println!("functions: {}", summary(&mut sizes));
    report(
        "Functions are short",
        &functions
            .iter()
            .filter_map(long_function)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_long_one_is_found() {
    let body = "    let _ = 1;\n".repeat(FILE);
    let source = Source::parse("gateway/src/a.rs", format!("fn long() {{\n{body}}}\n"));
    assert!(long_file(&source).is_some());
    assert!(long_function(&functions_of(&source)[0]).is_some());
}

fn long_file(source: &Source) -> Option<String> {
    let lines = source.product_lines();
    (lines > FILE).then(|| {
        format!(
            "{}: {lines} lines, the limit is {FILE}; split it by what its parts are for",
            source.path
        )
    })
}

fn long_function(function: &Function) -> Option<String> {
    let Function { place, name, lines } = function;
    (*lines > FUNCTION).then(|| format!("{place}: `{name}` has {lines} lines, the limit is {FUNCTION}; name its steps and give each a function"))
}

fn summary(sizes: &mut [usize]) -> String {
    sizes.sort_unstable();
    let at = |share: usize| {
        sizes
            .get((sizes.len() * share / 100).min(sizes.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    };
    format!(
        "{} of them, median {} lines, 90th percentile {}, largest {}",
        sizes.len(),
        at(50),
        at(90),
        at(100)
    )
}

struct Function {
    place: String,
    name: String,
    lines: usize,
}

fn functions_of(source: &Source) -> Vec<Function> {
    let mut finder = FunctionFinder {
        source,
        found: Vec::new(),
    };
    finder.visit_file(&source.syntax);
    finder.found
}

struct FunctionFinder<'a> {
    source: &'a Source,
    found: Vec<Function>,
}

impl FunctionFinder<'_> {
    /// From the signature to the closing brace: attributes and documentation don't count.
    fn note(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (first, last) = (signature.span().start().line, block.span().end().line);
        if !self.source.in_test(first) {
            self.found.push(Function {
                place: format!("{}:{first}", self.source.path),
                name: signature.ident.to_string(),
                lines: last - first + 1,
            });
        }
    }
}

impl<'ast> Visit<'ast> for FunctionFinder<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.note(&item.sig, &item.block);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&item.sig, &item.block);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.note(&item.sig, block);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }
}

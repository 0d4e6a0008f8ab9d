//! Which module of the gateway may use which: rows that use only themselves and the rows below, without circles.

use crate::source::Source;
use crate::{report, rust};
use std::collections::{BTreeMap, BTreeSet};
use syn::visit::Visit;

/// From the top; a module uses its own row and the rows below.
const ROWS: &[&[&str]] = &[
    &["main", "cli"],
    &["gateway"],
    &["listener", "http", "admin"],
    &["connection"],
    &["dialects"],
    &["commands", "plugins"],
    &["bus"],
    &["shard", "log", "limits"],
    &["protocol", "auth", "acme", "config", "telemetry", "event"],
];

/// Edges that the rows would allow and the design does not: plugins reach clients through the bus alone.
const FORBIDDEN: &[(&str, &str)] = &[
    ("plugins", "shard"),
    ("plugins", "commands"),
    ("plugins", "protocol"),
];

/// An edge with the place where it is seen first.
type Edges = BTreeMap<(String, String), String>;

#[test]
fn rows_use_only_rows_below() {
    let edges = edges(&rust());
    assert!(
        edges.len() > 2,
        "hardly an edge was found: the listing is broken"
    );
    report(
        "A module uses only its own row and those below",
        &complaints(&edges),
    );
}

#[test]
fn each_wrong_edge_is_found() {
    let upwards = Source::parse(
        "gateway/src/event/topic.rs",
        "use crate::{bus::Bus, event::Kind};",
    );
    let circle = [
        Source::parse("gateway/src/auth.rs", "fn a() { crate::config::load(); }"),
        Source::parse("gateway/src/config.rs", "use crate::auth::Identity;"),
    ];
    let unknown = Source::parse("gateway/src/bus.rs", "use crate::stray::Thing;");
    let forbidden = Source::parse("gateway/src/plugins/host.rs", "use crate::shard::Shards;");
    let test = Source::parse(
        "gateway/src/event.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::bus::Bus;\n}",
    );
    assert_eq!(complaints(&edges(&[upwards])).len(), 1);
    assert_eq!(complaints(&edges(&circle)).len(), 1);
    assert_eq!(complaints(&edges(&[unknown])).len(), 1);
    assert_eq!(complaints(&edges(&[forbidden])).len(), 1);
    assert_eq!(complaints(&edges(&[test])).len(), 0);
}

fn complaints(edges: &Edges) -> Vec<String> {
    edges
        .iter()
        .filter_map(|((from, to), place)| {
            complaint(edges, from, to).map(|what| format!("{place}: {what}"))
        })
        .collect()
}

fn complaint(edges: &Edges, from: &str, to: &str) -> Option<String> {
    let (Some(upper), Some(lower)) = (row(from), row(to)) else {
        return Some(format!(
            "`{from}` or `{to}` is in no row; give it its place in ROWS (tests/tests/tidy/edges.rs) and in ARCHITECTURE.md"
        ));
    };
    if FORBIDDEN.contains(&(from, to)) {
        return Some(format!(
            "`{from}` must not use `{to}`; go through the bus, or move the type to `event`"
        ));
    }
    if lower < upper {
        return Some(format!(
            "`{from}` uses `{to}`, which is above it; move what they share below both, or hand it in (a value, a trait)"
        ));
    }
    let circle =
        lower == upper && from < to && edges.contains_key(&(to.to_string(), from.to_string()));
    circle.then(|| {
        format!("`{from}` and `{to}` use each other; one of them should not know the other")
    })
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

fn edges(sources: &[Source]) -> Edges {
    let mut edges = Edges::new();
    for source in sources {
        let Some(from) = module_of(&source.path) else {
            continue;
        };
        for (to, line) in used_modules(source) {
            if to != from && !source.in_test(line) {
                edges
                    .entry((from.clone(), to))
                    .or_insert_with(|| format!("{}:{line}", source.path));
            }
        }
    }
    edges
}

/// The gateway's top module that a file belongs to; `lib.rs` only lists them.
pub fn module_of(path: &str) -> Option<String> {
    let inner = path.strip_prefix("gateway/src/")?;
    let first = inner.split('/').next()?.trim_end_matches(".rs");
    (first != "lib").then(|| first.to_string())
}

/// The top modules that a file names, by `crate::…` or, in main, `hearthgate::…`.
fn used_modules(source: &Source) -> BTreeSet<(String, usize)> {
    let mut finder = PathFinder {
        found: BTreeSet::new(),
        from_outside: source.path == "gateway/src/main.rs",
    };
    finder.visit_file(&source.syntax);
    finder.found
}

struct PathFinder {
    found: BTreeSet<(String, usize)>,
    /// Whether the library is a crate of another name here.
    from_outside: bool,
}

impl PathFinder {
    fn tree(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.name(&path.ident),
            syn::UseTree::Name(name) => self.name(&name.ident),
            syn::UseTree::Rename(rename) => self.name(&rename.ident),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree)),
            syn::UseTree::Glob(_) => {}
        }
    }

    /// Modules are lower case; what is re-exported from the crate's root has no module of its own.
    fn name(&mut self, ident: &syn::Ident) {
        let name = ident.to_string();
        if name.starts_with(|first: char| first.is_ascii_lowercase()) && name != "self" {
            self.found.insert((name, ident.span().start().line));
        }
    }
}

impl<'ast> Visit<'ast> for PathFinder {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(path) = &item.tree
            && (path.ident == "crate" || self.from_outside && path.ident == "hearthgate")
        {
            self.tree(&path.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if let (Some(first), Some(second)) = (segments.next(), segments.next())
            && first.ident == "crate"
        {
            self.name(&second.ident);
        }
        syn::visit::visit_path(self, path);
    }
}

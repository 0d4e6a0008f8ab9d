//! Overrides from the environment: `HEARTHGATE_ADMIN__ADDRESS=127.0.0.1:4002` stands for `[admin] address = …`.
//!
//! After the prefix, `__` separates the names of tables and keys, `_` stands for `-`, and a number picks an
//! element of a list that the file has. The value is TOML, or plain text where the key takes a text.
//! A variable whose first name is no table of the file is ours only if it has a `__`; so a secret may be
//! kept in a variable called `HEARTHGATE_TOKEN`.

use super::keys::{Key, Shape};
use super::reference::TOP;
use super::section::{Report, join, unknown_key};
use super::tree::{Entry, Node, Place, Value};

/// What every override begins with.
pub const PREFIX: &str = "HEARTHGATE_";

/// Puts the overrides into the tree; what is wrong with them goes into the report.
pub fn apply(root: &mut Node, variables: &[(String, String)], report: &Report) {
    let mut ours: Vec<_> = variables
        .iter()
        .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)))
        .filter(|(_, rest, _)| {
            rest.contains("__") || TOP.iter().any(|k| k.name == rest.to_lowercase())
        })
        .collect();
    ours.sort();
    for (name, rest, value) in ours {
        let place = Place::Environment(name.clone());
        let parts: Vec<_> = rest.split("__").collect();
        if let Err((key, why)) = set(root, Shape::Section(TOP), "", &parts, value, &place) {
            report.add(&place, key, why);
        }
    }
}

type Wrong = (String, String);

/// Walks down to the key and sets it.
fn set(
    node: &mut Node,
    shape: Shape,
    path: &str,
    parts: &[&str],
    value: &str,
    place: &Place,
) -> Result<(), Wrong> {
    let Some((part, rest)) = parts.split_first() else {
        *node = read(shape, value, place).map_err(|why| (path.to_owned(), why))?;
        return Ok(());
    };
    if let Shape::Sections(keys) = shape {
        let found = part.parse::<usize>().ok();
        let Value::List(items) = &mut node.value else {
            return Err((
                path.to_owned(),
                "there is no list in the file to pick from".into(),
            ));
        };
        let count = items.len();
        let item = found.and_then(|i| items.get_mut(i)).ok_or_else(|| {
            let why =
                format!("there are {count} of them; {part:?} is not the number of one, from 0");
            (path.to_owned(), why)
        })?;
        let path = format!("{path}[{part}]");
        return set(item, Shape::Section(keys), &path, rest, value, place);
    }
    let (name, shape) = child(node, shape, path, part)?;
    let path = join(path, &name);
    let Value::Table(entries) = &mut node.value else {
        return Err((path, "is below something that is no table".into()));
    };
    if let Some(entry) = entries.iter_mut().find(|e| e.key == name) {
        return set(&mut entry.node, shape, &path, rest, value, place);
    }
    let mut node = Node {
        place: place.clone(),
        value: empty(shape),
    };
    // Where the file has no listener the default one holds, and it is that which is changed.
    if let Some(default) = default_list(shape, &path) {
        node = default;
    }
    set(&mut node, shape, &path, rest, value, place)?;
    entries.push(Entry {
        key: name,
        place: place.clone(),
        node,
    });
    Ok(())
}

/// The key that a part of a variable's name stands for, and its shape.
fn child(node: &Node, shape: Shape, path: &str, part: &str) -> Result<(String, Shape), Wrong> {
    let kebab = part.to_lowercase().replace('_', "-");
    match shape {
        Shape::Section(keys) => match keys.iter().find(|k| k.name == kebab) {
            Some(Key { name, shape, .. }) => Ok(((*name).to_owned(), *shape)),
            None => {
                let names: Vec<_> = keys.iter().map(|k| k.name).collect();
                Err((join(path, &kebab), unknown_key(&kebab, &names)))
            }
        },
        Shape::Named(keys) => Ok((existing(node, &kebab), Shape::Section(keys))),
        // The names are the plugin's: one that the file has, however it is written, else with underscores.
        Shape::Free => Ok((existing(node, &part.to_lowercase()), Shape::Free)),
        _ => Err((join(path, &kebab), "is below a key that is no table".into())),
    }
}

fn existing(node: &Node, name: &str) -> String {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let found = node.entries().iter().find(|e| plain(&e.key) == plain(name));
    found.map_or_else(|| name.to_owned(), |e| e.key.clone())
}

/// The default of a list of tables at the top of the file.
fn default_list(shape: Shape, path: &str) -> Option<Node> {
    let Shape::Sections(_) = shape else {
        return None;
    };
    let key = TOP.iter().find(|key| key.name == path)?;
    Node::parse_value(key.default, &Place::Nowhere).ok()
}

fn empty(shape: Shape) -> Value {
    match shape {
        Shape::Sections(_) | Shape::Texts => Value::List(Vec::new()),
        _ => Value::Table(Vec::new()),
    }
}

fn read(shape: Shape, value: &str, place: &Place) -> Result<Node, String> {
    let text = || Node {
        place: place.clone(),
        value: Value::Text(value.to_owned()),
    };
    match shape {
        Shape::Size(..) | Shape::Span(..) | Shape::Period(..) | Shape::Address => Ok(text()),
        Shape::Path | Shape::Choice(_) | Shape::Text => Ok(text()),
        Shape::Free => Ok(Node::parse_value(value, place).unwrap_or_else(|_| text())),
        _ => Node::parse_value(value, place)
            .map_err(|why| format!("expected {}: {why}", shape.expected())),
    }
}

//! Golden files: what users read, compared as text. `UPDATE_GOLDEN=1 cargo xtask test` writes them anew.

use serde_json::Value;
use std::path::Path;

/// Compares a text with `tests/golden/NAME`.
///
/// # Panics
/// They differ.
pub fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a file is in a folder"))
            .expect("the folder can be made");
        std::fs::write(&path, text).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{} differs (UPDATE_GOLDEN=1 writes it anew):\n{}",
        path.display(),
        difference(&expected, text)
    );
}

/// A frame with what differs from run to run replaced: ids, times, epochs, addresses.
#[must_use]
pub fn masked(frame: &Value) -> Value {
    match frame {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), mask(key, value)))
            .collect(),
        Value::Array(list) => list.iter().map(masked).collect(),
        other => other.clone(),
    }
}

fn mask(key: &str, value: &Value) -> Value {
    match key {
        "timestamp" | "server_time" | "client_id" | "epoch" | "retry_after_ms"
            if !value.is_null() =>
        {
            Value::from(format!("<{key}>"))
        }
        _ => masked(value),
    }
}

fn difference(expected: &str, text: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), text.lines().collect());
    let mut shown = String::new();
    for line in 0..old.len().max(new.len()) {
        let (was, is) = (old.get(line).unwrap_or(&""), new.get(line).unwrap_or(&""));
        if was != is {
            shown.push_str(&format!("{}\n  - {was}\n  + {is}\n", line + 1));
        }
    }
    shown
}

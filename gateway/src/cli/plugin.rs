//! `hearthgate plugin …`: what plugin files say of themselves.

use super::output::{complain, print, print_json};
use super::{FAILED, OK, WRONG, config};
use crate::plugins::{Inspection, LoadError, inspect as read};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// `plugin list`: every .wasm file of the configured folder, those that can't be loaded included.
pub fn list(file: Option<PathBuf>, as_json: bool) -> u8 {
    // Not held against its plugins: what is wrong with those is what the list shows.
    let found = match config::read(file) {
        Ok(found) => found,
        Err(problems) => {
            complain(&problems);
            return WRONG;
        }
    };
    let folder = &found.loaded.config.plugins.directory;
    let files = match wasm_files(folder) {
        Ok(files) => files,
        Err(error) => {
            let folder = folder.display();
            complain(&format!(
                "{folder}: the plugins folder can't be read: {error} (plugins.directory)"
            ));
            return FAILED;
        }
    };
    let used = |id: &str| -> Vec<String> {
        let instances = found.loaded.config.instances.iter();
        instances
            .filter(|i| i.plugin == id)
            .map(|i| i.name.to_string())
            .collect()
    };
    let mut rows = Vec::new();
    for file in files {
        let id = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let instances = used(&id);
        rows.push(match read(&file) {
            Ok(plugin) => {
                json!({ "plugin": plugin, "file": file, "instances": instances })
            }
            Err(error) => {
                json!({ "file": file, "instances": instances, "error": error.to_string() })
            }
        });
    }
    if as_json {
        return print_json(&json!({ "directory": folder, "plugins": rows }));
    }
    if rows.is_empty() {
        return print(&format!("no plugins in {}", folder.display()));
    }
    let lines: Vec<_> = rows.iter().map(row).collect();
    print(&lines.join("\n"))
}

fn wasm_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn row(row: &Value) -> String {
    let file = row["file"].as_str().unwrap_or_default();
    if let Some(error) = row["error"].as_str() {
        return format!("{file}: can't be loaded: {error}");
    }
    let plugin = &row["plugin"];
    let instances = words(&row["instances"]);
    let used = match instances.as_str() {
        "" => "not used".to_owned(),
        names => format!("used by {names}"),
    };
    format!(
        "{:<20} {:<10} {:<28} {used}",
        plugin["id"].as_str().unwrap_or_default(),
        plugin["manifest"]["version"].as_str().unwrap_or("-"),
        words(&plugin["roles"]),
    )
}

fn words(list: &Value) -> String {
    let words = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(", ")
}

/// `plugin inspect`
pub fn inspect(file: &Path, as_json: bool) -> u8 {
    let plugin = match read(file) {
        Ok(plugin) => plugin,
        Err(error) => {
            complain(&named(file, &error));
            return FAILED;
        }
    };
    if as_json {
        return print_json(&json!(plugin));
    }
    print(&describe(&plugin))
}

/// An error with the file's name, where it does not have it yet.
fn named(file: &Path, error: &LoadError) -> String {
    let (name, error) = (file.display().to_string(), error.to_string());
    match error.contains(&name) {
        true => error,
        false => format!("{name}: {error}"),
    }
}

fn describe(plugin: &Inspection) -> String {
    let manifest = &plugin.manifest;
    let or_none = |words: String| {
        if words.is_empty() {
            "none".to_owned()
        } else {
            words
        }
    };
    let mut lines = vec![
        format!(
            "{} {}  {}",
            plugin.id,
            manifest["version"].as_str().unwrap_or("-"),
            manifest["description"].as_str().unwrap_or_default()
        ),
        format!("  size          {} bytes", plugin.size),
        format!("  sha256        {}", plugin.hash),
        format!("  roles         {}", or_none(plugin.roles.join(", "))),
        format!(
            "  capabilities  {}",
            or_none(plugin.capabilities.join(", "))
        ),
        format!("  publishes     {}", or_none(kinds(manifest))),
        format!(
            "  answers       {}",
            or_none(words(&manifest["offers"]["messages"]))
        ),
    ];
    for (title, part) in [("needs", "requests"), ("can use", "optional")] {
        let asked = asked(&manifest[part]);
        let title = |i| if i == 0 { title } else { "" };
        lines.extend(
            asked
                .iter()
                .enumerate()
                .map(|(i, a)| format!("  {:<13} {a}", title(i))),
        );
    }
    if let Some(schema) = manifest.get("config").filter(|v| !v.is_null()) {
        lines.push("  configuration (JSON Schema)".to_owned());
        let text = format!("{schema:#}");
        lines.extend(text.lines().map(|line| format!("    {line}")));
    }
    lines.join("\n")
}

/// What it publishes: shared kinds, and those of its own.
fn kinds(manifest: &Value) -> String {
    let own = manifest["kinds"].as_object().into_iter().flatten();
    let own = own.map(|(kind, _)| format!("{kind} (its own)"));
    let shared = Some(words(&manifest["publishes"]["kinds"])).filter(|words| !words.is_empty());
    shared.into_iter().chain(own).collect::<Vec<_>>().join(", ")
}

/// What a manifest asks for, a line for each sort, as it is granted in the configuration.
fn asked(requests: &Value) -> Vec<String> {
    let sorts = requests.as_object().into_iter().flatten();
    let lines = sorts.filter_map(|(sort, value)| match value {
        Value::Array(items) if !items.is_empty() => Some(format!("{sort} = {value}")),
        Value::Bool(true) => Some(format!("{sort} = true")),
        _ => None,
    });
    lines.collect()
}

/// `plugin check`
pub fn check(file: &Path, as_json: bool) -> u8 {
    let (code, answer) = match read(file) {
        Ok(plugin) => {
            let mut answer =
                json!({ "file": file, "ok": true, "id": plugin.id, "hash": plugin.hash });
            let offers = words(&plugin.manifest["offers"]["messages"]);
            if plugin.roles.contains(&"handler") && offers.is_empty() {
                answer["warning"] =
                    "it has the role handler, but its manifest has no offers.messages: nobody can send it any".into();
            }
            (OK, answer)
        }
        Err(error) => (
            FAILED,
            json!({ "file": file, "ok": false, "error": named(file, &error) }),
        ),
    };
    if as_json {
        print_json(&answer);
    } else if let Some(error) = answer["error"].as_str() {
        complain(error);
    } else {
        print(&format!("{}: ok", file.display()));
    }
    if let Some(warning) = answer["warning"].as_str().filter(|_| !as_json) {
        complain(&format!("warning: {}: {warning}", file.display()));
    }
    code
}

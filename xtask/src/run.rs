//! `cargo xtask run`.

use crate::{build, workspace::Workspace};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A client's first message: all topics, the current state first.
const SUBSCRIBE: &str = r##"{"type":"subscribe","id":1,"data":{"topics":["#"],"snapshot":true}}"##;

/// An event for the admin API.
const PUBLISH: &str = r#"{"kind":"notification.sent","topic":"notification/hello","data":{"title":"Hello","message":"It works."}}"#;

/// Builds, says what will run where, and becomes the gateway.
pub fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    build::release(workspace)?;
    let config = config_of(arguments);
    let file = config
        .clone()
        .unwrap_or_else(|| workspace.root.join("config/hearthgate.toml"));
    announce(&file);
    let mut gateway = Command::new(workspace.gateway());
    gateway.arg("run");
    if config.is_none() {
        // Relative paths in the shipped configuration mean the checkout's folders.
        gateway
            .arg("--config")
            .arg("config/hearthgate.toml")
            .current_dir(&workspace.root);
    }
    gateway.args(arguments);
    become_it(gateway)
}

/// The file that `--config FILE` or `--config=FILE` names.
fn config_of(arguments: &[String]) -> Option<PathBuf> {
    let at = arguments.iter().position(|argument| argument == "--config");
    let next = at.and_then(|at| arguments.get(at + 1)).map(PathBuf::from);
    next.or_else(|| {
        arguments
            .iter()
            .find_map(|argument| argument.strip_prefix("--config="))
            .map(PathBuf::from)
    })
}

/// Tells how to watch the stream. What the file says in a way that this does not understand is left to the gateway,
/// which knows every rule and names the mistake.
fn announce(file: &Path) {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let table: toml::Table = text.parse().unwrap_or_default();
    let (sockets, admin) = endpoints(&table);
    println!("\nHearthgate runs {}; Ctrl-C stops it.", file.display());
    for socket in &sockets {
        println!("  events    {socket}");
    }
    if let Some(admin) = &admin {
        println!(
            "  admin     http://{admin}/api/v1/plugins, /api/v1/connections, /api/v1/stats, /metrics, /readyz"
        );
    }
    if let Some(socket) = sockets.first() {
        println!("Watch everything that happens, with websocat or npm's wscat:");
        println!("  npx wscat -c {socket} -x '{SUBSCRIBE}' -w 3600");
    }
    if let Some(admin) = admin {
        println!("Publish an event of your own:");
        println!(
            "  curl http://{admin}/api/v1/events -H 'content-type: application/json' -d \'{PUBLISH}\'"
        );
    }
    println!();
}

/// The WebSocket addresses and the admin address that a configuration names, or the defaults.
fn endpoints(table: &toml::Table) -> (Vec<String>, Option<String>) {
    let listeners = table.get("listener").and_then(toml::Value::as_array);
    let mut sockets: Vec<String> = listeners
        .into_iter()
        .flatten()
        .flat_map(sockets_of)
        .collect();
    if listeners.is_none() {
        sockets.push("ws://127.0.0.1:3001/ws".into());
    }
    let admin = table.get("admin");
    let enabled = admin.and_then(|admin| admin.get("enabled"));
    let address = admin.and_then(|admin| admin.get("address"));
    let admin = match (enabled.and_then(toml::Value::as_bool), address) {
        (Some(false), _) => None,
        (_, Some(address)) => address.as_str().map(str::to_string),
        (_, None) => Some("127.0.0.1:3002".into()),
    };
    (sockets, admin)
}

fn sockets_of(listener: &toml::Value) -> Vec<String> {
    let Some(address) = listener.get("address").and_then(toml::Value::as_str) else {
        return Vec::new();
    };
    let routes = listener.get("routes").and_then(toml::Value::as_array);
    let dialects = routes
        .into_iter()
        .flatten()
        .filter(|route| route.get("dialect").is_some());
    dialects
        .filter_map(|route| route.get("path")?.as_str())
        .map(|path| format!("ws://{address}{path}"))
        .collect()
}

/// Replaces this process by the gateway, so that every signal reaches it and its exit code is ours.
#[cfg(unix)]
fn become_it(mut gateway: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(gateway.exec())
        .with_context(|| format!("cannot start {}", gateway.get_program().to_string_lossy()))
}

/// Waits for the gateway; the console sends it Ctrl-C as well.
#[cfg(not(unix))]
fn become_it(mut gateway: Command) -> Result<()> {
    let status = gateway
        .status()
        .with_context(|| format!("cannot start {}", gateway.get_program().to_string_lossy()))?;
    std::process::exit(status.code().unwrap_or(1));
}

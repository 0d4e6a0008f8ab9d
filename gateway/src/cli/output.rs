//! What commands answer with, on stdout; a reader that went away is no failure.

use super::{FAILED, OK};
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};

/// Prints a text and returns the exit code.
pub fn print(text: &str) -> u8 {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    let ended = match text.ends_with('\n') {
        true => Ok(()),
        false => stdout.write_all(b"\n"),
    };
    match written.and(ended).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => FAILED,
        _ => OK,
    }
}

/// Prints a JSON document, indented.
pub fn print_json(document: &Value) -> u8 {
    print(&format!("{document:#}"))
}

/// Says on stderr what went wrong.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// `hearthgate version`
pub fn version(json: bool) -> u8 {
    let version = env!("CARGO_PKG_VERSION");
    if !json {
        return print(&format!("hearthgate {version}"));
    }
    print_json(&json!({
        "name": "hearthgate",
        "version": version,
        "protocol": 1,
        "plugin_api": "0.2",
        "os": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
    }))
}

//! Logs: one line an event on stderr, as text for people or as JSON for machines. What clients and plugins
//! say is escaped, so that none of them can forge a line or move a terminal's cursor.

use crate::config::{Log, LogFormat};
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// The way to change what is logged while the process runs.
#[derive(Debug, Clone)]
pub struct LogControl(reload::Handle<Targets, Registry>);

/// Installs the process's log subscriber: for `main` alone.
///
/// # Errors
/// The process has one already.
pub fn install(settings: &Log) -> Result<LogControl, TryInitError> {
    let (filter, handle) = reload::Layer::new(targets(&settings.filter));
    let lines = fmt::layer().with_writer(OneLine);
    let lines = match settings.format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()?;
    Ok(LogControl(handle))
}

impl LogControl {
    /// Logs by another filter from now on.
    pub fn apply(&self, settings: &Log) {
        if let Err(error) = self.0.reload(targets(&settings.filter)) {
            tracing::warn!(%error, "the log filter could not be changed");
        }
    }
}

/// The filter; the configuration has checked that it is one.
fn targets(filter: &str) -> Targets {
    let info = Targets::new().with_default(tracing::Level::INFO);
    filter.parse().unwrap_or(info)
}

/// Writes each event as one line, whatever its fields contain.
#[derive(Debug, Clone, Copy)]
struct OneLine;

impl<'a> MakeWriter<'a> for OneLine {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl Write for OneLine {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().lock().write_all(&escaped(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A formatted event with every line break but its last made visible.
fn escaped(line: &[u8]) -> Vec<u8> {
    let (body, end) = match line.strip_suffix(b"\n") {
        Some(body) => (body, &b"\n"[..]),
        None => (line, &b""[..]),
    };
    let mut safe = Vec::with_capacity(line.len());
    for byte in body {
        match byte {
            b'\n' => safe.extend(b"\\n"),
            b'\r' => safe.extend(b"\\r"),
            byte => safe.push(*byte),
        }
    }
    safe.extend(end);
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_can_not_forge_a_line() {
        let check = |line: &str, expected: &str| {
            assert_eq!(escaped(line.as_bytes()), expected.as_bytes());
        };
        check("a message\n", "a message\n");
        check(
            "kitchen\n2026 INFO forged\n",
            "kitchen\\n2026 INFO forged\n",
        );
        check("a\r\nb", "a\\r\\nb");
    }
}

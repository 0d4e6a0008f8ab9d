//! Logs: one line an event on stderr, as text for people or as JSON for machines. What clients and plugins
//! say is escaped, so that none of them can forge a line or move a terminal's cursor.

use crate::config::{Log, LogFormat};
use std::io::{self, IsTerminal, Write};
use tracing_subscriber::filter::{LevelFilter, Targets};
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

/// Crates that tell at `trace` of every instruction that they compile: nobody who asks for `trace` means them.
const COMPILER: [&str; 3] = ["cranelift", "regalloc2", "wasmtime"];

/// The crate that writes at `trace` whatever it sends for plugins, their credentials among it. It is never let.
const TELLTALE: &str = "tungstenite";

/// The filter; the configuration has checked that it is one. The compiler's crates are held at `warn` unless it names
/// them; whoever would tell secrets is held below `trace` though it is named.
fn targets(filter: &str) -> Targets {
    let info = Targets::new().with_default(tracing::Level::INFO);
    let mut targets: Targets = filter.parse().unwrap_or(info);
    let held = targets
        .default_level()
        .unwrap_or(LevelFilter::OFF)
        .min(LevelFilter::WARN);
    for name in COMPILER {
        if !targets.iter().any(|(named, _)| named.starts_with(name)) {
            targets = targets.with_target(name, held);
        }
    }
    let discreet = |level: LevelFilter| level.min(LevelFilter::DEBUG);
    let named: Vec<_> = targets
        .iter()
        .map(|(name, level)| (name.to_owned(), level))
        .collect();
    let of_it = named.iter().filter(|(name, _)| name.starts_with(TELLTALE));
    let held = of_it.map(|(name, level)| (name.clone(), discreet(*level)));
    let default = discreet(targets.default_level().unwrap_or(LevelFilter::OFF));
    // The first is for all that is not named; what is named stands above it.
    let held: Vec<_> = [(TELLTALE.to_owned(), default)]
        .into_iter()
        .chain(held)
        .collect();
    targets.with_targets(held)
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
    fn the_compiler_is_quiet_unless_it_is_named() {
        use tracing::Level;
        for (filter, target, level, expected) in [
            ("trace", "hearthgate::bus", Level::TRACE, true),
            ("trace", "cranelift_codegen::context", Level::INFO, false),
            ("trace", "cranelift_codegen::context", Level::WARN, true),
            ("trace", "wasmtime::runtime", Level::DEBUG, false),
            ("trace", "regalloc2", Level::TRACE, false),
            (
                "info,wasmtime=debug",
                "wasmtime::runtime",
                Level::DEBUG,
                true,
            ),
            (
                "trace,cranelift_wasm=trace",
                "cranelift_wasm::code",
                Level::TRACE,
                true,
            ),
            ("error", "wasmtime::runtime", Level::WARN, false),
            ("hearthgate=debug", "wasmtime::runtime", Level::ERROR, false),
            ("trace", "tungstenite::protocol", Level::TRACE, false),
            ("trace", "tungstenite::protocol", Level::DEBUG, true),
            ("info", "tungstenite::protocol", Level::DEBUG, false),
            (
                "tungstenite=trace",
                "tungstenite::protocol",
                Level::TRACE,
                false,
            ),
            (
                "tungstenite=trace",
                "tungstenite::protocol",
                Level::DEBUG,
                true,
            ),
            (
                "info,tungstenite::protocol=trace",
                "tungstenite::protocol",
                Level::TRACE,
                false,
            ),
            ("tung=trace", "tungstenite::protocol", Level::TRACE, false),
            (
                "error,tungstenite=warn",
                "tungstenite::protocol",
                Level::WARN,
                true,
            ),
        ] {
            let enabled = targets(filter).would_enable(target, &level);
            assert_eq!(enabled, expected, "{filter}: {target} at {level}");
        }
    }

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

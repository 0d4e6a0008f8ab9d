//! The `log` crate's macros, led to the host.

use crate::raw;
use crate::wit::host::log::Level as HostLevel;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fmt::Display;
use std::sync::Once;

/// Logs a constant message with its data in fields, which operators can search by:
/// `log_with(Level::Warn, "device lost", &[("device", &id)])`. The macros of the `log` crate
/// (`info!("…")`) do for the rest.
pub fn log_with(level: Level, message: &str, fields: &[(&str, &dyn Display)]) {
    if level <= log::max_level() {
        let fields: Vec<_> = fields
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.to_string()))
            .collect();
        raw::log::emit(host_level(level), message, &fields);
    }
}

/// Makes `log::info!("…")` reach the host, and tells the host why the plugin panics.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only where a logger is set already: on a machine of the author's, in a test.
        if log::set_logger(&HostLog).is_ok() {
            log::set_max_level(enabled_level());
        }
        #[cfg(target_arch = "wasm32")]
        std::panic::set_hook(Box::new(|panic| log::error!("{panic}")));
    });
}

/// The finest level that the host wants: what is finer is not even formatted.
fn enabled_level() -> LevelFilter {
    let levels = [Level::Trace, Level::Debug, Level::Info, Level::Warn];
    let wanted = levels
        .into_iter()
        .find(|level| raw::log::enabled(host_level(*level)));
    wanted.unwrap_or(Level::Error).to_level_filter()
}

struct HostLog;

impl Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            raw::log::emit(host_level(record.level()), &record.args().to_string(), &[]);
        }
    }

    fn flush(&self) {}
}

fn host_level(level: Level) -> HostLevel {
    match level {
        Level::Error => HostLevel::Error,
        Level::Warn => HostLevel::Warn,
        Level::Info => HostLevel::Info,
        Level::Debug => HostLevel::Debug,
        Level::Trace => HostLevel::Trace,
    }
}

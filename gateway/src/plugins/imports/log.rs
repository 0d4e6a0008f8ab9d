//! `log`: lines with the instance's name.

use crate::plugins::bindings::host::log::{Host, Level};
use crate::plugins::context::Context;
use crate::plugins::lines;

fn level(level: Level) -> tracing::Level {
    match level {
        Level::Trace => tracing::Level::TRACE,
        Level::Debug => tracing::Level::DEBUG,
        Level::Info => tracing::Level::INFO,
        Level::Warn => tracing::Level::WARN,
        Level::Error => tracing::Level::ERROR,
    }
}

impl Host for Context {
    fn enabled(&mut self, of: Level) -> wasmtime::Result<bool> {
        Ok(lines::enabled(level(of)))
    }

    fn emit(
        &mut self,
        of: Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        if matches!(of, Level::Error) {
            self.words.add(message.as_bytes());
            self.words.add(b"\n");
        }
        self.place.lines.write(level(of), &message, &fields);
        Ok(())
    }
}

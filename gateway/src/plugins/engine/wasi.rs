//! WASI 0.2 with nothing behind it. Every program for `wasm32-wasip2` links parts of it, so they must exist: there is
//! no file, no argument, no environment, no socket; what is printed becomes log lines; clocks can be read but not waited for.

use crate::plugins::context::Context;
use crate::plugins::lines::{Lines, Stream};
use crate::plugins::words::Words;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use tokio::io::AsyncWrite;
use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

/// Most random bytes at once.
const MAX_RANDOM_BYTES: u64 = 64 * 1024;

/// Adds what a `wasm32-wasip2` program may link to.
pub(super) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<Context, ReadOnly>(linker, |_| ReadOnlyClock)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// A WASI context with nothing in it but a way to the log.
pub(crate) fn empty(lines: &Arc<Lines>, words: &Words) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .stdout(Printed(lines.clone(), None))
        .stderr(Printed(lines.clone(), Some(words.clone())))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .allow_blocking_current_thread(false)
        .max_random_size(MAX_RANDOM_BYTES);
    builder.build()
}

struct ReadOnly;

impl HasData for ReadOnly {
    type Data<'a> = ReadOnlyClock;
}

/// A clock to be read; waiting for it would hold up everything that waits for the plugin.
struct ReadOnlyClock;

const NO_WAITING: &str = "plugins may not sleep or wait for a clock: set a timer and return";

impl monotonic_clock::Host for ReadOnlyClock {
    fn now(&mut self) -> wasmtime::Result<u64> {
        static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        let since = START.get_or_init(std::time::Instant::now).elapsed();
        Ok(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, _: u64) -> wasmtime::Result<Resource<DynPollable>> {
        Err(wasmtime::Error::msg(NO_WAITING))
    }

    fn subscribe_duration(&mut self, _: u64) -> wasmtime::Result<Resource<DynPollable>> {
        Err(wasmtime::Error::msg(NO_WAITING))
    }
}

/// Standard output or error of a guest: lines of the log; errors may be its last words.
struct Printed(Arc<Lines>, Option<Words>);

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Printer(self.0.clone(), self.1.clone()))
    }
}

struct Printer(Arc<Lines>, Option<Words>);

impl AsyncWrite for Printer {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &self.1 {
            Some(words) => {
                self.0.printed(Stream::Err, bytes);
                words.add(bytes);
            }
            None => self.0.printed(Stream::Out, bytes),
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

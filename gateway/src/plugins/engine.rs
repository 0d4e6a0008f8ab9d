//! The WebAssembly engine: one for all plugins. What a guest can reach is decided here, and that all it does has an end.

mod cache;
mod wasi;

pub(super) use wasi::empty as empty_wasi;

use super::bindings::Everything;
use super::bindings::exports::hearthgate::plugin as exports;
use super::context::{Context, Guarded};
use super::interfaces::Role;
use super::package::{LoadError, Package};
use cache::Cache;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, EngineWeak};

/// How often the epoch advances: the grain of a guest's processor time.
pub const TICK: Duration = Duration::from_millis(10);

/// The engine, what guests may link to, and the cache of compiled plugins.
pub struct Engine {
    engine: wasmtime::Engine,
    linker: Linker<Context>,
    cache: Cache,
    /// Compiling takes a core for a while: one at a time, so that the others go on serving.
    compiling: Semaphore,
}

/// Why the engine could not be prepared.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct EngineError(String);

/// A plugin in machine code, ready to be instantiated as often as needed.
#[derive(Clone)]
pub struct Compiled {
    pub(super) pre: InstancePre<Context>,
    pub(super) lifecycle: exports::lifecycle::GuestIndices,
    pub(super) source: Option<exports::source::GuestIndices>,
    pub(super) subscriber: Option<exports::subscriber::GuestIndices>,
    pub(super) handler: Option<exports::message_handler::GuestIndices>,
    pub(super) routes: Option<exports::routes::GuestIndices>,
    pub(super) dialect: Option<exports::dialect::GuestIndices>,
}

impl Engine {
    /// Prepares the engine and starts the thread that advances its epoch. Compiled plugins are kept in `cache_directory`.
    ///
    /// # Errors
    /// This machine can't run it.
    pub fn new(cache_directory: &Path) -> Result<Arc<Self>, EngineError> {
        let failed = |e: wasmtime::Error| EngineError(format!("{e:#}"));
        let engine = wasmtime::Engine::new(&settings()).map_err(failed)?;
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker).map_err(failed)?;
        Everything::add_to_linker::<_, Guarded>(&mut linker, |context| context).map_err(failed)?;
        let weak = engine.weak();
        std::thread::Builder::new()
            .name("plugin-epoch".to_owned())
            .spawn(move || tick(&weak))
            .map_err(|e| EngineError(format!("the epoch's thread: {e}")))?;
        let cache = Cache::new(cache_directory, &engine);
        Ok(Arc::new(Self {
            engine,
            linker,
            cache,
            compiling: Semaphore::new(1),
        }))
    }

    /// The engine itself, for stores.
    #[must_use]
    pub fn raw(&self) -> &wasmtime::Engine {
        &self.engine
    }

    /// Machine code of a plugin, from the cache or compiled now on a blocking thread, and linked.
    ///
    /// # Errors
    /// It can't be compiled, or its types are not those of this gateway's contract.
    pub async fn compile(self: &Arc<Self>, package: &Arc<Package>) -> Result<Compiled, LoadError> {
        let _turn = self.compiling.acquire().await;
        let (engine, package) = (self.clone(), package.clone());
        let work = tokio::task::spawn_blocking(move || {
            let component = engine.component(&package)?;
            engine.link(&component, &package)
        });
        match work.await {
            Ok(result) => result,
            Err(e) => Err(LoadError::Compile(format!("the compiler failed: {e}"))),
        }
    }

    fn component(&self, package: &Package) -> Result<Component, LoadError> {
        let code = match self.cache.load(package.hash) {
            Some(code) => code,
            None => {
                let begun = std::time::Instant::now();
                let code = self
                    .engine
                    .precompile_component(&package.bytes)
                    .map_err(|e| LoadError::Compile(format!("can't be compiled: {e:#}")))?;
                self.cache.store(package.hash, &code);
                tracing::info!(
                    plugin = package.manifest.id,
                    millis = begun.elapsed().as_millis(),
                    "plugin compiled"
                );
                code
            }
        };
        // SAFETY: the code is either what this very engine has just made, or comes from the cache, which only the
        // gateway can write (mode 0700), and whose entries are bound to the engine's settings and carry a checksum.
        unsafe { Component::deserialize(&self.engine, &code) }
            .map_err(|e| LoadError::Compile(format!("can't be loaded: {e:#}")))
    }

    fn link(&self, component: &Component, package: &Package) -> Result<Compiled, LoadError> {
        let pre = self.linker.instantiate_pre(component).map_err(mismatch)?;
        let has = |role| package.roles.contains(&role);
        let indices = |result: wasmtime::Result<_>| result.map_err(mismatch);
        Ok(Compiled {
            lifecycle: exports::lifecycle::GuestIndices::new(&pre).map_err(mismatch)?,
            source: has(Role::Source)
                .then(|| exports::source::GuestIndices::new(&pre))
                .transpose()
                .map_err(mismatch)?,
            subscriber: has(Role::Subscriber)
                .then(|| exports::subscriber::GuestIndices::new(&pre))
                .transpose()
                .map_err(mismatch)?,
            handler: has(Role::Handler)
                .then(|| exports::message_handler::GuestIndices::new(&pre))
                .transpose()
                .map_err(mismatch)?,
            routes: has(Role::Routes)
                .then(|| exports::routes::GuestIndices::new(&pre))
                .transpose()
                .map_err(mismatch)?,
            dialect: indices(
                has(Role::Dialect)
                    .then(|| exports::dialect::GuestIndices::new(&pre))
                    .transpose(),
            )?,
            pre,
        })
    }
}

/// wasmtime matches types exactly, so this is nearly always a plugin of another draft of the contract.
fn mismatch(error: wasmtime::Error) -> LoadError {
    LoadError::Compile(format!(
        "does not fit plugin API {}: {error:#}; build it against the plugin-api of this gateway",
        super::manifest::API_VERSION
    ))
}

fn settings() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    // The host drives synchronous exports; concurrency costs a call 4 times as much.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    // Plugins have 32 MiB unless told otherwise. 4 GiB of addresses for each memory, the default, would allow some
    // 120 guests on a board with 39-bit addresses.
    config.memory_reservation(64 << 20);
    config.memory_guard_size(64 << 10);
    config.memory_reservation_for_growth(16 << 20);
    config.max_wasm_stack(512 << 10);
    // At least 1 MiB more than the guest's, for the host's frames.
    config.async_stack_size(2 << 20);
    // One compiler thread: the other cores go on serving.
    config.parallel_compilation(false);
    config
}

/// Ends when the engine is gone.
fn tick(engine: &EngineWeak) {
    loop {
        // An OS thread of its own, which nobody unparks.
        std::thread::park_timeout(TICK);
        match engine.upgrade() {
            Some(engine) => engine.increment_epoch(),
            None => return,
        }
    }
}

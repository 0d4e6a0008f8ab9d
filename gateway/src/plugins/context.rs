//! What a guest's store holds: its limits, its processor time, and the place that it works in.

use super::engine::TICK;
use super::grants::Permissions;
use super::loaded::Loaded;
use super::place::Place;
use super::words::Words;
use crate::auth::Access;
use crate::event::InstanceName;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use wasmtime::component::{HasData, ResourceTable};
use wasmtime::{ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

/// Most handles of the component model that a guest holds at once.
const MAX_HANDLES: usize = 1024;
/// Most resources of WASI that a guest holds at once.
const MAX_RESOURCES: usize = 256;
/// Most elements of all tables together: functions, mostly.
const MAX_TABLE_ELEMENTS: usize = 64 * 1024;
/// Most core instances, tables and memories of one guest: JavaScript and Python need a few of each.
const MAX_INSTANCES: usize = 64;
/// Least that a guest may hand to the host in one call, in bytes.
const MIN_HOSTCALL_BYTES: usize = 4 << 20;

/// The data of a guest's store.
pub struct Context {
    wasi: WasiCtx,
    table: ResourceTable,
    limiter: Limiter,
    /// Ticks of processor time left in the current call.
    ticks: u32,
    /// What it said in the current call.
    pub(super) words: Words,
    /// Where it works: outlives the guest.
    pub(super) place: Arc<Place>,
    /// What this binary may do, which is not what the one after it may.
    pub(super) permissions: Arc<Permissions>,
    /// Its replacement runs: sockets and timers are not its own any more.
    pub(super) retired: bool,
    /// Whether it is a source, which does one thing at a time.
    pub(super) is_source: bool,
    /// When the current call is cut off.
    pub(super) deadline: Instant,
    /// The plugins that the message that it handles came through.
    pub(super) via: Vec<InstanceName>,
    /// What the client may whom the current call answers: a dialect's, or who asks for a route.
    pub(super) reader: Option<Arc<Access>>,
}

/// How the bindings get at the context.
pub struct Guarded;

impl HasData for Guarded {
    type Data<'a> = &'a mut Context;
}

impl WasiView for Context {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl Context {
    /// A store for one guest, with all limits set.
    pub(super) fn store(
        engine: &wasmtime::Engine,
        place: &Arc<Place>,
        loaded: &Loaded,
    ) -> Store<Self> {
        let limits = &loaded.instance.limits;
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        let words = Words::default();
        let context = Self {
            wasi: super::engine::empty_wasi(&place.lines, &words),
            table,
            limiter: Limiter {
                memory_left: usize::try_from(limits.memory).unwrap_or(usize::MAX),
                elements_left: MAX_TABLE_ELEMENTS,
                used: place.memory.clone(),
                counted: 0,
            },
            ticks: 0,
            words,
            place: place.clone(),
            permissions: loaded.permissions.clone(),
            retired: false,
            is_source: loaded.is_source(),
            deadline: Instant::now() + limits.init_timeout,
            via: Vec::new(),
            reader: None,
        };
        let mut store = Store::new(engine, context);
        store.limiter(|context| &mut context.limiter);
        let state = usize::try_from(limits.state).unwrap_or(usize::MAX);
        let largest = limits.event_bytes.max(limits.receive_bytes).max(state);
        store.set_hostcall_fuel(MIN_HOSTCALL_BYTES.max(largest.saturating_mul(2)));
        store.set_max_component_handles(MAX_HANDLES);
        store.epoch_deadline_callback(|mut context| {
            let context = context.data_mut();
            match context.ticks.checked_sub(1) {
                None => Err(wasmtime::Error::new(OutOfTime)),
                Some(left) => {
                    context.ticks = left;
                    Ok(UpdateDeadline::Yield(1))
                }
            }
        });
        store
    }
}

impl Context {
    /// How long an import may wait: what is left of the current call, less a part in which the guest can still deal with
    /// the error that it gets for it. A wait that outlived the call would end the guest.
    pub(super) fn patience(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()) * 3 / 4
    }
}

/// Gives the next call its processor time, and a clean sheet.
pub(super) fn arm(store: &mut Store<Context>, time: Duration) {
    let ticks = time.as_nanos().div_ceil(TICK.as_nanos());
    let context = store.data_mut();
    context.ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
    context.words.forget();
    store.set_epoch_deadline(1);
}

/// At most what the call that was armed last has used of its time, by the ticks.
pub(super) fn used(store: &Store<Context>, time: Duration) -> Duration {
    let armed = u32::try_from(time.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u32::MAX);
    TICK * (armed.saturating_sub(store.data().ticks)).saturating_add(1)
}

/// A call used up its processor time.
#[derive(Debug, thiserror::Error)]
#[error("used up its processor time (limits.call-time)")]
pub(super) struct OutOfTime;

/// Counts all memories and tables of a guest together: wasmtime's own limits are for each.
struct Limiter {
    memory_left: usize,
    elements_left: usize,
    /// Of all guests of the instance, for its gauge.
    used: Arc<AtomicU64>,
    counted: u64,
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        if more > self.memory_left || maximum.is_some_and(|m| desired > m) {
            return Ok(false);
        }
        self.memory_left -= more;
        self.counted += more as u64;
        self.used.fetch_add(more as u64, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        if more > self.elements_left || maximum.is_some_and(|m| desired > m) {
            return Ok(false);
        }
        self.elements_left -= more;
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_INSTANCES
    }

    fn memories(&self) -> usize {
        MAX_INSTANCES
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.used.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

//! The plugin host: a handle, and one task for each instance.

mod apply;
mod reload;

use super::announce::Announcer;
use super::api::GatewayView;
use super::engine::Engine;
use super::handle::{DialectHandle, HandlerHandle, RoutesHandle};
use super::input::Inbox;
use super::interfaces::Role;
use super::keepsake::Keepsake;
use super::life::{Control, Life};
use super::place::{Around, Place};
use super::services::{Outside, Rights, Services};
use super::slot::Slot;
use super::slots::Slots;
use super::status::{PluginState, PluginStatus, ReloadOutcome};
use super::watcher::{Listing, Watcher};
use crate::auth::Accounts;
use crate::bus::Bus;
use crate::config::{self, Instance};
use crate::event::InstanceName;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// How long `start` waits for the instances' first attempts; those that take longer go on in the background.
const START_PATIENCE: Duration = Duration::from_secs(2);
/// How often the gauges are brought up to date.
const MEASURE: Duration = Duration::from_secs(2);

/// What the host is connected to.
pub struct Ports {
    /// Where events are published.
    pub bus: Bus,
    /// What plugins may be told of the gateway.
    pub view: Arc<dyn GatewayView>,
    /// Who may log in through a plugin (`gateway.login`).
    pub accounts: Arc<dyn Accounts>,
    /// The gateway's own listeners at its start, which no plugin may connect to.
    pub own_addresses: Vec<SocketAddr>,
}

/// Why the host could not start. A plugin that fails is no reason: it has a state of its own.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engine, the store or a folder could not be prepared.
    #[error("{what}: {reason}")]
    Prepare {
        /// What was prepared.
        what: String,
        /// What went wrong.
        reason: String,
    },
}

/// Why a reload by hand did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// No instance has that name.
    #[error("no instance is named {0}")]
    Unknown(InstanceName),
    /// The instance is switched off or stopping.
    #[error("{0} is stopped")]
    Stopped(InstanceName),
}

/// What a configuration reload did to the instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Applied {
    /// Newly started.
    pub started: Vec<String>,
    /// Stopped.
    pub stopped: Vec<String>,
    /// Took the new configuration while running.
    pub reconfigured: Vec<String>,
    /// Started anew, with the state of the one before.
    pub restarted: Vec<String>,
    /// Could not take it, and why; they run on as before.
    pub refused: Vec<(String, String)>,
}

/// The plugin host. Clones are handles to the same host.
#[derive(Clone)]
pub struct PluginHost(Arc<Inner>);

struct Inner {
    engine: Arc<Engine>,
    outside: Outside,
    around: Around,
    announcer: Announcer,
    settings: ArcSwap<config::Plugins>,
    slots: Arc<Slots>,
    /// Its own tasks, which hold it weakly but may sleep for long.
    tasks: Mutex<Vec<AbortHandle>>,
    /// One change at a time: of the configuration, of a file, or by hand.
    changing: Semaphore,
}

impl PluginHost {
    /// Starts the host and every enabled instance. An instance that can't run is no error: its status tells.
    ///
    /// # Errors
    /// The engine or the state folder could not be prepared.
    pub async fn start(
        plugins: config::Plugins,
        instances: Vec<config::Instance>,
        ports: Ports,
    ) -> Result<Self, HostError> {
        let failed = |what: String, reason: String| HostError::Prepare { what, reason };
        let state = &plugins.state_directory;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(state).map_err(|e| {
            failed(
                format!("the folder {} (plugins.state-directory)", state.display()),
                e.to_string(),
            )
        })?;
        let engine = Engine::new(&state.join("cache"))
            .map_err(|e| failed("the WebAssembly engine".to_owned(), e.to_string()))?;
        let listing = Listing::read(&plugins.directory);
        let watcher = Watcher::new(&plugins.directory, listing);
        let slots = Arc::new(Slots::default());
        let host = Self(Arc::new(Inner {
            engine,
            outside: Outside::open(state, ports.own_addresses),
            announcer: Announcer::start(ports.bus.clone()),
            around: Around {
                bus: ports.bus,
                view: ports.view,
                accounts: ports.accounts,
                slots: Arc::downgrade(&slots),
            },
            settings: ArcSwap::from_pointee(plugins),
            slots,
            tasks: Mutex::default(),
            changing: Semaphore::new(1),
        }));
        host.0.start_all(instances).await;
        let watching = tokio::spawn(watch(Arc::downgrade(&host.0), watcher)).abort_handle();
        let measuring = tokio::spawn(measure(Arc::downgrade(&host.0))).abort_handle();
        host.0.tasks.lock().extend([watching, measuring]);
        Ok(host)
    }

    /// Takes over a new configuration; only what changed is touched.
    pub async fn apply(
        &self,
        plugins: config::Plugins,
        instances: Vec<config::Instance>,
    ) -> Applied {
        self.0.apply(plugins, instances).await
    }

    /// The handler that answers messages of that type.
    #[must_use]
    pub fn handler(&self, message_type: &str) -> Option<HandlerHandle> {
        self.0.slots.handler(message_type)
    }

    /// The routes of an instance, if it has any.
    #[must_use]
    pub fn routes(&self, instance: &InstanceName) -> Option<RoutesHandle> {
        self.0.with_role(instance, Role::Routes).map(RoutesHandle)
    }

    /// The dialect of an instance, if it has one.
    #[must_use]
    pub fn dialect(&self, instance: &InstanceName) -> Option<DialectHandle> {
        self.0.with_role(instance, Role::Dialect).map(DialectHandle)
    }

    /// The gateway's own listeners from now on, which no plugin may connect to.
    pub fn set_own_addresses(&self, addresses: Vec<SocketAddr>) {
        self.0.outside.set_own_addresses(addresses);
    }

    /// Every instance's status, by name.
    #[must_use]
    pub fn status(&self) -> Vec<PluginStatus> {
        self.0.slots.read().values().map(|s| s.status()).collect()
    }

    /// Reads an instance's file again and replaces the running version, even where the file is the same.
    ///
    /// # Errors
    /// There is no such instance, or it is stopped. How the reload went is in the outcome.
    pub async fn reload(&self, instance: &InstanceName) -> Result<ReloadOutcome, ReloadError> {
        self.0.reload_by_hand(instance).await
    }

    /// Stops every instance; what isn't done by the deadline is cut off.
    pub async fn stop(&self, deadline: Instant) {
        let slots: Vec<_> = std::mem::take(&mut *self.0.slots.write())
            .into_values()
            .collect();
        let mut stopping = Vec::new();
        for slot in slots {
            let task = slot.clone();
            let task = tokio::spawn(async move { stop(&task).await });
            stopping.push((slot, task));
        }
        for (slot, task) in stopping {
            let abort = task.abort_handle();
            if tokio::time::timeout_at(deadline, task).await.is_err() {
                abort.abort();
                tracing::warn!(
                    instance = slot.name.as_str(),
                    "a plugin did not stop in time and is cut off"
                );
                slot.cut_off();
            }
        }
    }
}

impl Drop for Inner {
    /// Without `stop` before it: nothing of the host's goes on.
    fn drop(&mut self) {
        for slot in self.slots.read().values() {
            slot.cut_off();
        }
        for task in self.tasks.get_mut().drain(..) {
            task.abort();
        }
    }
}

impl Inner {
    fn slot(&self, instance: &InstanceName) -> Option<Arc<Slot>> {
        self.slots.read().get(instance).cloned()
    }

    fn with_role(&self, instance: &InstanceName, role: Role) -> Option<Arc<Slot>> {
        self.slot(instance).filter(|s| s.has(role))
    }

    async fn start_all(self: &Arc<Self>, instances: Vec<Instance>) {
        let mut starting = Vec::new();
        for instance in instances.into_iter().filter(|i| i.enabled) {
            let slot = self.add_slot(Arc::new(instance));
            let host = self.clone();
            starting.push(tokio::spawn(async move { host.first_start(&slot).await }));
        }
        let deadline = Instant::now() + START_PATIENCE;
        for task in starting {
            let _ = tokio::time::timeout_at(deadline, task).await;
        }
    }

    /// A place and a task for an instance; nothing runs in it yet.
    fn add_slot(&self, instance: Arc<Instance>) -> Arc<Slot> {
        let name = instance.name.clone();
        let (inbox, inputs) = Inbox::new(instance.limits.mailbox.max(1));
        let services = Services::new(&self.outside, &name, Rights::default(), &inbox);
        let place = Place::new(&name, &instance.limits, services, self.around.clone());
        let (control, orders) = mpsc::channel(16);
        let slot = Slot::new(instance, Arc::new(place), control, self.announcer.clone());
        let slot = Arc::new(slot);
        slot.set_state(PluginState::Starting);
        let settings = self.settings.load();
        let plugin = &slot.instance.load().plugin;
        let keepsake = Keepsake::new(&settings.state_directory, &slot.name, plugin);
        let (engine, bus) = (self.engine.clone(), self.around.bus.clone());
        let life = Life::new(slot.clone(), engine, bus, orders, inputs, keepsake);
        let task = tokio::spawn(life.run()).abort_handle();
        let _first = slot.task.set(task);
        self.slots.write().insert(name, slot.clone());
        slot
    }
}

/// Tells an instance's task to end, and waits for it.
async fn stop(slot: &Slot) {
    let (done, stopped) = oneshot::channel();
    if slot.control.send(Control::Stop(done)).await.is_ok() {
        let _ = stopped.await;
    }
}

/// Ends with the host.
async fn watch(host: Weak<Inner>, mut watcher: Watcher) {
    loop {
        let Some(directory) = host.upgrade().map(|h| h.settings.load().directory.clone()) else {
            return;
        };
        let changed = watcher.changed(&directory).await;
        let Some(host) = host.upgrade() else {
            return;
        };
        for plugin in changed {
            host.file_changed(&plugin).await;
        }
    }
}

async fn measure(host: Weak<Inner>) {
    let mut ticks = tokio::time::interval(MEASURE);
    loop {
        ticks.tick().await;
        let Some(host) = host.upgrade() else {
            return;
        };
        host.slots.read().values().for_each(|s| s.measure());
    }
}

#[cfg(test)]
mod tests;

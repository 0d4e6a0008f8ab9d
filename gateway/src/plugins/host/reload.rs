//! From a file to a running guest: read, check, compile and instantiate beside what runs, then hand it over.

use super::Inner;
use crate::config::Instance;
use crate::event::{InstanceName, Timestamp};
use crate::plugins::check::file_of;
use crate::plugins::engine::Compiled;
use crate::plugins::guest::Guest;
use crate::plugins::host::ReloadError;
use crate::plugins::life::{Control, FIRST};
use crate::plugins::loaded::Loaded;
use crate::plugins::package::{LoadError, Package};
use crate::plugins::slot::Slot;
use crate::plugins::status::{PluginState, ReloadOutcome};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Inner {
    /// Reads and compiles a plugin's file.
    async fn load(&self, plugin: &str) -> Result<(Arc<Package>, Compiled), LoadError> {
        let settings = self.settings.load_full();
        let path = file_of(&settings.directory, plugin);
        let read =
            tokio::task::spawn_blocking(move || Package::read(&path, settings.max_file_bytes));
        let package = read
            .await
            .map_err(|e| LoadError::Malformed(format!("the parser failed: {e}")))??;
        let package = Arc::new(package);
        let compiled = self.engine.compile(&package).await?;
        Ok((package, compiled))
    }

    /// The first start of an instance.
    pub(super) async fn first_start(&self, slot: &Arc<Slot>) {
        let instance = slot.instance.load_full();
        let prepared = match self.load(&instance.plugin).await {
            Ok((package, compiled)) => Loaded::new(package, compiled, instance),
            Err(error) => Err(error.to_string()),
        };
        match prepared {
            Ok(loaded) => drop(self.hand_over(slot, Arc::new(loaded), FIRST).await),
            Err(reason) => drop(slot.control.send(Control::Missing(reason)).await),
        }
    }

    /// A plugin's file was added, changed or removed.
    pub(super) async fn file_changed(&self, plugin: &str) {
        let _turn = self.changing.acquire().await;
        let slots: Vec<Arc<Slot>> = self.slots.read().values().cloned().collect();
        for slot in slots.iter().filter(|s| s.instance.load().plugin == plugin) {
            self.reload(slot, false).await;
        }
    }

    /// As asked for by the admin API.
    pub(super) async fn reload_by_hand(
        &self,
        name: &InstanceName,
    ) -> Result<ReloadOutcome, ReloadError> {
        let _turn = self.changing.acquire().await;
        let slot = self
            .slot(name)
            .ok_or_else(|| ReloadError::Unknown(name.clone()))?;
        let outcome = self.reload(&slot, true).await;
        outcome.ok_or_else(|| ReloadError::Stopped(name.clone()))
    }

    /// `None`: nothing to be done, or the instance is gone.
    async fn reload(&self, slot: &Arc<Slot>, by_hand: bool) -> Option<ReloadOutcome> {
        let instance = slot.instance.load_full();
        let running = slot.loaded.load_full();
        let (package, compiled) = match self.load(&instance.plugin).await {
            Ok(loaded) => loaded,
            Err(error @ LoadError::Missing(_)) => {
                let reason = error.to_string();
                let _ = slot.control.send(Control::Missing(reason.clone())).await;
                return Some(refused(reason));
            }
            Err(error) => return Some(self.refuse(slot, error.to_string()).await),
        };
        let same = running
            .as_ref()
            .is_some_and(|r| r.package.hash == package.hash);
        if !by_hand && (same || slot.failed_before(&package.hash.to_string())) {
            return None;
        }
        let first = running.is_none();
        match Loaded::new(package, compiled, instance) {
            Ok(loaded) => {
                let why = if first { FIRST } else { "upgraded" };
                self.hand_over(slot, Arc::new(loaded), why).await
            }
            Err(reason) => Some(self.refuse(slot, reason).await),
        }
    }

    /// Makes a guest beside the running one, and gives both to the instance's task.
    pub(super) async fn hand_over(
        &self,
        slot: &Arc<Slot>,
        loaded: Arc<Loaded>,
        reason: &'static str,
    ) -> Option<ReloadOutcome> {
        let running =
            slot.is_running() && slot.loaded.load().as_ref().is_some_and(|l| l.is_source());
        let guest = if running && loaded.is_source() {
            match Guest::new(self.engine.raw(), &loaded, &slot.place).await {
                Ok(guest) => Some(Box::new(guest)),
                Err(fault) => return Some(self.refuse(slot, fault.to_string()).await),
            }
        } else {
            None
        };
        let (done, outcome) = oneshot::channel();
        let order = Control::Replace {
            loaded,
            guest,
            reason,
            probation: self.settings.load().probation,
            done,
        };
        slot.control.send(order).await.ok()?;
        outcome.await.ok()
    }

    /// What runs goes on; where nothing runs, the reason is the state.
    async fn refuse(&self, slot: &Slot, reason: String) -> ReloadOutcome {
        let outcome = refused(reason.clone());
        if slot.loaded.load().is_some() {
            slot.set_reload(&outcome);
        } else {
            let _ = slot.control.send(Control::Missing(reason)).await;
        }
        outcome
    }

    /// The code that runs in a slot, with another configuration.
    pub(super) async fn with_config(
        &self,
        slot: &Slot,
        instance: Arc<Instance>,
    ) -> Result<Arc<Loaded>, String> {
        let (package, compiled) = match slot.loaded.load_full() {
            Some(loaded) => (loaded.package.clone(), loaded.compiled.clone()),
            None => self
                .load(&instance.plugin)
                .await
                .map_err(|e| e.to_string())?,
        };
        Loaded::new(package, compiled, instance).map(Arc::new)
    }
}

impl Slot {
    /// Whether this hash was rolled back, and nothing came after it.
    fn failed_before(&self, hash: &str) -> bool {
        let last = self.status().last_reload;
        matches!(last, Some(ReloadOutcome::RolledBack { hash: failed, .. }) if failed == hash)
    }

    fn is_running(&self) -> bool {
        self.status().state == PluginState::Running
    }
}

fn refused(reason: String) -> ReloadOutcome {
    ReloadOutcome::Refused {
        reason,
        at: Timestamp::now(),
    }
}

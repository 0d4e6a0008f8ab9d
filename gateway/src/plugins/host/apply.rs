//! A new configuration: only what changed is touched.

use super::{Applied, Inner, stop};
use crate::config::{self, Instance};
use crate::event::InstanceName;
use crate::plugins::life::Control;
use crate::plugins::slot::Slot;
use crate::plugins::status::ReloadOutcome;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// How much of an instance changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    /// Its own configuration only: the guest may take it as it runs.
    Config,
    /// Rights, limits or secrets: another guest takes over.
    Terms,
    /// Another plugin or another mailbox: another instance, which has only the name in common.
    Identity,
}

impl Change {
    fn between(old: &Instance, new: &Instance) -> Self {
        if old.plugin != new.plugin
            || old.limits.mailbox != new.limits.mailbox
            || old.role != new.role
        {
            return Self::Identity;
        }
        let terms = |i: &Instance| {
            let i = i.clone();
            (i.grants, i.limits, i.secrets, i.tls_ca)
        };
        if terms(old) != terms(new) {
            return Self::Terms;
        }
        if old.config != new.config {
            return Self::Config;
        }
        Self::Nothing
    }
}

impl Inner {
    /// Takes over a configuration.
    pub(super) async fn apply(
        self: &Arc<Self>,
        plugins: config::Plugins,
        instances: Vec<Instance>,
    ) -> Applied {
        let _turn = self.changing.acquire().await;
        self.settings.store(Arc::new(plugins));
        let wanted: BTreeMap<InstanceName, Instance> = instances
            .into_iter()
            .filter(|i| i.enabled)
            .map(|i| (i.name.clone(), i))
            .collect();
        let mut applied = Applied::default();
        let running: Vec<Arc<Slot>> = self.slots.read().values().cloned().collect();
        for slot in running.iter().filter(|s| !wanted.contains_key(&s.name)) {
            self.remove(slot).await;
            self.around.bus.forget(&slot.name);
            applied.stopped.push(slot.name.to_string());
        }
        for (name, instance) in wanted {
            let instance = Arc::new(instance);
            match self.slot(&name) {
                None => {
                    let slot = self.add_slot(instance);
                    self.first_start(&slot).await;
                    applied.started.push(name.to_string());
                }
                Some(slot) => self.change(&slot, instance, &mut applied).await,
            }
        }
        applied
    }

    async fn remove(&self, slot: &Slot) {
        self.slots.write().remove(&slot.name);
        stop(slot).await;
    }

    async fn change(
        self: &Arc<Self>,
        slot: &Arc<Slot>,
        instance: Arc<Instance>,
        applied: &mut Applied,
    ) {
        let name = slot.name.to_string();
        let change = match Change::between(&slot.instance.load(), &instance) {
            // Nothing could be loaded yet, so there is nothing to keep, and what is tried next must be what is written now.
            Change::Config | Change::Terms if slot.loaded.load().is_none() => Change::Identity,
            change => change,
        };
        match change {
            Change::Nothing => return,
            Change::Identity => {
                let before = slot.instance.load().plugin.clone();
                self.remove(slot).await;
                // Under the same name another one speaks; with another mailbox it is the same.
                if before != instance.plugin {
                    self.around.bus.forget(&slot.name);
                }
                let slot = self.add_slot(instance);
                self.first_start(&slot).await;
                applied.restarted.push(name);
                return;
            }
            Change::Config | Change::Terms => {}
        }
        let loaded = match self.with_config(slot, instance).await {
            Ok(loaded) => loaded,
            Err(reason) => {
                slot.set_error(&reason);
                applied.refused.push((name, reason));
                return;
            }
        };
        if change == Change::Config {
            let (done, taken) = oneshot::channel();
            let order = Control::Reconfigure(loaded.clone(), done);
            if slot.control.send(order).await.is_ok() && taken.await == Ok(true) {
                applied.reconfigured.push(name);
                return;
            }
        }
        match self.hand_over(slot, loaded, "reconfigured").await {
            Some(ReloadOutcome::Reloaded { .. }) => applied.restarted.push(name),
            Some(
                ReloadOutcome::Refused { reason, .. } | ReloadOutcome::RolledBack { reason, .. },
            ) => {
                applied.refused.push((name, reason));
            }
            None => applied.refused.push((name, "it is stopping".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Grants, Limits, Role};

    fn instance() -> Instance {
        Instance {
            name: InstanceName::parse("a").expect("a name"),
            role: Role::Source,
            plugin: "a".to_owned(),
            enabled: true,
            config: serde_json::Map::new(),
            secrets: BTreeMap::new(),
            tls_ca: Vec::new(),
            grants: Grants::default(),
            limits: Limits::default(),
        }
    }

    #[test]
    fn only_as_much_is_touched_as_changed() {
        let check = |change: fn(&mut Instance), expected| {
            let mut changed = instance();
            change(&mut changed);
            assert_eq!(Change::between(&instance(), &changed), expected);
        };
        check(|_| (), Change::Nothing);
        check(
            |i| drop(i.config.insert("a".to_owned(), 1.into())),
            Change::Config,
        );
        check(|i| i.grants.system = true, Change::Terms);
        check(|i| i.limits.publish_rate = 1, Change::Terms);
        check(|i| i.tls_ca.push("ca.pem".into()), Change::Terms);
        check(|i| i.limits.mailbox = 1, Change::Identity);
        check(|i| i.plugin = "b".to_owned(), Change::Identity);
    }
}

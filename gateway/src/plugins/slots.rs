//! All instances of the host, by name: who answers a message, and who waits for whom.

use super::handle::HandlerHandle;
use super::slot::Slot;
use crate::event::InstanceName;
use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

type ByName = BTreeMap<InstanceName, Arc<Slot>>;

/// All instances.
#[derive(Default)]
pub(super) struct Slots {
    by_name: RwLock<ByName>,
    waits: Mutex<HashMap<InstanceName, InstanceName>>,
}

/// A source waits for another instance's reply, until this is dropped.
pub(super) struct Wait<'a> {
    slots: &'a Slots,
    source: InstanceName,
}

impl Slots {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, ByName> {
        self.by_name.read()
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, ByName> {
        self.by_name.write()
    }

    /// The handler that answers messages of that type.
    pub(super) fn handler(&self, message_type: &str) -> Option<HandlerHandle> {
        let slots = self.by_name.read();
        let answers = |slot: &&Arc<Slot>| {
            let loaded = slot.loaded.load();
            let Some(loaded) = loaded.as_ref() else {
                return false;
            };
            loaded.compiled.handler.is_some()
                && loaded.permissions.messages().contains(message_type)
        };
        slots.values().find(answers).cloned().map(HandlerHandle)
    }

    /// Notes that a source, which does one thing at a time, waits for another instance. `None`: that one waits for this
    /// source already, itself or through others, so none of them would ever go on.
    pub(super) fn wait(&self, source: &InstanceName, target: &InstanceName) -> Option<Wait<'_>> {
        let mut waits = self.waits.lock();
        let mut at = Some(target);
        while let Some(name) = at {
            if name == source {
                return None;
            }
            at = waits.get(name);
        }
        waits.insert(source.clone(), target.clone());
        drop(waits);
        let source = source.clone();
        Some(Wait {
            slots: self,
            source,
        })
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        self.slots.waits.lock().remove(&self.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_waits_is_refused_and_a_chain_is_not() {
        let slots = Slots::default();
        let name = |text: &str| InstanceName::parse(text).expect("a name");
        let (a, b, c) = (name("a"), name("b"), name("c"));
        assert!(slots.wait(&a, &a).is_none(), "itself");
        let first = slots.wait(&a, &b).expect("a chain");
        let _second = slots.wait(&b, &c).expect("a longer chain");
        assert!(slots.wait(&c, &a).is_none(), "a circle");
        drop(first);
        assert!(slots.wait(&c, &a).is_some(), "a does not wait any more");
    }
}

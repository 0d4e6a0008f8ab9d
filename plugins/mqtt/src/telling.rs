//! What the plugin tells of itself: `adapter.status` and `sync.status`.

use crate::Mqtt;
use crate::draft::Draft;
use hearthgate_plugin::Failure;
use hearthgate_plugin::events::{AdapterState, AdapterStatus, Object, SyncState, SyncStatus};
use serde_json::{Value, json};

/// What was told last, so that nothing is told twice.
#[derive(Debug, Default)]
pub struct Told {
    adapter: Option<Value>,
}

impl Mqtt {
    /// Tells how the link is, if that is news.
    pub(crate) fn tell(
        &mut self,
        status: AdapterState,
        message: Option<String>,
    ) -> Result<(), Failure> {
        let status = AdapterStatus {
            health: Some(self.health()),
            message,
            ..AdapterStatus::new("mqtt", &*self.config.broker, status)
        };
        let draft = Draft::of(&status);
        if self.told.adapter.as_ref() != Some(&draft.data) {
            self.told.adapter = Some(draft.data.clone());
            self.outbox.push(vec![draft], None);
        }
        // At once: an instance that fails is not asked again.
        let (safe, wait) = self.outbox.flush(&mut self.mapping.problems);
        safe.into_iter()
            .for_each(|(id, qos)| self.session.acknowledge(id, qos));
        match wait {
            Some(wait) => self.come_again(wait),
            None => Ok(()),
        }
    }

    pub(crate) fn tell_sync(
        &mut self,
        status: SyncState,
        message: &str,
        progress: f64,
    ) -> Result<(), Failure> {
        let (entities, _, areas) = self.mapping.counts();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let status = SyncStatus::new(status, message, count(entities), count(areas), progress);
        self.outbox.push(vec![Draft::of(&status)], None);
        Ok(())
    }

    fn health(&self) -> Object {
        let (entities, devices, _) = self.mapping.counts();
        let skipped: Object = self
            .mapping
            .problems
            .counts()
            .map(|(cause, count)| (cause.to_owned(), count.into()))
            .collect();
        let mut health = Object::new();
        health.insert("entities".to_owned(), entities.into());
        health.insert("devices".to_owned(), devices.into());
        health.insert("subscriptions".to_owned(), self.session.filters().into());
        health.insert("skipped".to_owned(), self.mapping.problems.total().into());
        if !skipped.is_empty() {
            health.insert("skipped_by_cause".to_owned(), Value::Object(skipped));
        }
        if !self.session.refused().is_empty() {
            let refused: Vec<_> = self.session.refused().iter().take(20).collect();
            health.insert("refused_filters".to_owned(), json!(refused));
        }
        health
    }
}

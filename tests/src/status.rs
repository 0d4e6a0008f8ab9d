//! What the admin API tells of an instance.

use crate::gateway::Gateway;
use crate::wait;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

impl Gateway {
    /// The status of an instance, if it is listed.
    pub async fn find_status(&self, instance: &str) -> Option<Value> {
        let plugins = self.admin().json("/api/v1/plugins").await;
        let list = plugins
            .as_array()
            .or_else(|| plugins["plugins"].as_array())?;
        list.iter()
            .find(|plugin| plugin["instance"] == instance)
            .cloned()
    }

    /// The status of an instance.
    ///
    /// # Panics
    /// It is not listed.
    pub async fn status(&self, instance: &str) -> Value {
        self.find_status(instance)
            .await
            .unwrap_or_else(|| panic!("{instance} is not listed"))
    }

    /// Waits until the status of an instance is as wanted.
    pub async fn status_when(
        &self,
        instance: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + wait::PATIENCE;
        let what = format!("{instance} {what}");
        wait::until(&what, || async {
            let status = self.find_status(instance).await.unwrap_or_default();
            let late = Instant::now() + Duration::from_secs(1) > deadline;
            assert!(
                !late || wanted(&status),
                "{what}: not in time; its status is {status}"
            );
            wanted(&status).then_some(status)
        })
        .await
    }

    /// Waits until an instance is in a state.
    pub async fn in_state(&self, instance: &str, state: &str) -> Value {
        self.status_when(instance, &format!("is {state}"), |status| {
            status["state"] == state
        })
        .await
    }

    /// Waits for the next outcome of a reload after the one at `since` (the field `at`; null before the first).
    pub async fn reload_after(&self, instance: &str, since: &Value) -> Value {
        let status = self
            .status_when(instance, "has been reloaded", |status| {
                !status["last_reload"].is_null() && &status["last_reload"]["at"] != since
            })
            .await;
        status["last_reload"].clone()
    }
}

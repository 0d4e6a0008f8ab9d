//! The host without a single guest: what is left when it is gone.

use super::*;
use crate::auth::{Answering, NoAccounts};
use crate::config::{Connections, Grants, Limits, Role};
use crate::plugins::api::{GatewayStats, Page};
use crate::shard::Shards;
use std::collections::BTreeMap;

struct Nobody;

impl GatewayView for Nobody {
    fn stats(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn clients(&self, _: Page<'_>) -> serde_json::Value {
        serde_json::Value::Null
    }

    fn disconnect<'a>(&'a self, _: &'a str, _: u16, _: &'a str) -> Answering<'a, bool> {
        Box::pin(async { false })
    }

    fn gateway_stats(&self) -> GatewayStats {
        GatewayStats {
            connections: 0,
            uptime_ms: 0,
            now_ms: 0,
        }
    }
}

#[tokio::test]
async fn a_host_that_is_dropped_without_stop_leaves_no_task_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let bus = Bus::new(Shards::start(&Connections::default()));
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    let plugins = config::Plugins {
        directory: folder.path().join("plugins"),
        state_directory: folder.path().join("state"),
        max_file_bytes: 1 << 20,
        probation: Duration::from_secs(30),
    };
    let instance = Instance {
        name: InstanceName::parse("a").expect("a name"),
        role: Role::Source,
        plugin: "missing".to_owned(),
        enabled: true,
        config: serde_json::Map::new(),
        secrets: BTreeMap::new(),
        tls_ca: Vec::new(),
        grants: Grants::default(),
        limits: Limits::default(),
    };
    let ports = Ports {
        bus,
        view: Arc::new(Nobody),
        accounts: Arc::new(NoAccounts),
        own_addresses: Vec::new(),
    };
    let host = PluginHost::start(plugins, vec![instance], ports)
        .await
        .expect("a host");
    assert!(alive() > before, "the instance's task");
    drop(host);
    let gone = async {
        while alive() > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), gone)
        .await
        .expect("no task is left");
}

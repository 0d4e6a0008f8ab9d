//! What tests share.

use crate::config::Config;
use serde_json::json;

/// The defaults of `plugin.toml`.
pub fn config() -> Config {
    serde_json::from_value(values()).expect("the defaults fit")
}

/// The same, to be changed.
pub fn values() -> serde_json::Value {
    json!({
        "name": "Security", "suricata": "", "detector": "", "zeek-notice": "", "zeek-conn": "", "auth": "",
        "fail2ban": "", "names": "", "arp": "", "neighbours": false, "neighbour-interval": "10s",
        "offline-after": "60s", "new-device-alerts": false, "max-devices": 1024, "start": "end",
        "utc-offset": "+00:00", "brute-force-failures": 5, "brute-force-window": "10m", "port-scan-targets": 50,
        "port-scan-window": "5m", "clear-after": "1440m", "history-days": 30, "history-alerts": 400,
        "severities": {}, "block-by": "ip",
    })
}

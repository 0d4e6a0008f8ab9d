//! A gateway with a guest that misbehaves, and a bystander that must not notice.

use hearthgate_tests::{Gateway, Setup, Witness};
use serde_json::Value;

/// Tight limits, so that every deed meets its own soon.
pub const LIMITS: &str = "memory = \"8MiB\", call-time = \"50ms\", call-timeout = \"500ms\", init-timeout = \"1s\", publish-rate = 100, log-rate = 5";

const ROUTES: &str = r#"routes = [{ path = "/ws", dialect = "native" }, { path = "/rogue", dialect = "rogue" }, { path = "/http", plugin = "rogue" }]"#;

/// A gateway with a bystander and a guest that does `what` when `when`; `keys` are more of its configuration.
pub async fn with_guest(guest: &str, when: &str, what: &str, keys: &str) -> Gateway {
    with_limits(guest, when, what, keys, LIMITS, "").await
}

/// The same with limits and further grants of the test's own.
pub async fn with_limits(
    guest: &str,
    when: &str,
    what: &str,
    keys: &str,
    limits: &str,
    grants: &str,
) -> Gateway {
    let source = format!(
        r##"
[connections]
heartbeat-interval = "200ms"

[sources.rogue]
plugin = "misbehave"
config = {{ when = "{when}", what = "{what}"{keys} }}
grants = {{ publish = ["test/#"], subscribe = ["test/trigger/#"], handle = ["misbehave"]{grants} }}
limits = {{ {limits} }}
"##
    );
    Setup::new()
        .listener(ROUTES)
        .with_witness()
        .plugin_as(guest, "misbehave")
        .toml(&source)
        .start()
        .await
}

/// The operator sees what happened, and the gateway, the other plugin and the clients go on.
pub async fn contained(gateway: &mut Gateway, mut witness: Witness) -> Value {
    let status = gateway
        .status_when("rogue", "shows its error", |status| {
            status["last_error"].is_string()
        })
        .await;
    witness.unharmed().await;
    gateway.assert_alive();
    status
}

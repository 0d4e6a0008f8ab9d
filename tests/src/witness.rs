//! A bystander: a source that counts, and a client that sees whether any number is missing, doubled or late.

use crate::client::Client;
use crate::gateway::Gateway;
use crate::setup::Setup;
use serde_json::Value;
use std::cell::Cell;
use std::time::Duration;
use tokio::time::Instant;

/// Twenty numbers a second.
const SOURCE: &str = r#"
[sources.witness]
plugin = "counter"
config = { per-second = 20, topic = "test/witness" }
grants = { publish = ["test/witness"] }
"#;

/// Forty times the rhythm: a busy test machine takes that, a plugin that holds up the others does not.
const LATE: Duration = Duration::from_secs(2);

/// The client of the source `witness`.
pub struct Witness {
    client: Client,
    last: u64,
}

impl Setup {
    /// Adds the source that [`Witness`] watches.
    #[must_use]
    pub fn with_witness(self) -> Self {
        self.plugin("counter").toml(SOURCE)
    }
}

impl Witness {
    /// Begins to watch.
    pub async fn of(gateway: &Gateway) -> Self {
        let mut client = gateway.client().await;
        client.watch(&["test/witness"]).await;
        let last = number(&client.next_on("test/witness").await);
        let mut witness = Self { client, last };
        witness.unharmed().await;
        witness
    }

    /// Asserts that nothing was missed since the last time, and that the next second's numbers come in time.
    ///
    /// # Panics
    /// A number is missing, doubled or late.
    pub async fn unharmed(&mut self) {
        let current = self.catch_up().await;
        let mut arrived = Instant::now();
        for expected in current + 1..current + 20 {
            let event = self.client.next_on("test/witness").await;
            assert_eq!(
                number(&event),
                expected,
                "the bystander lost or doubled an event"
            );
            let waited = arrived.elapsed();
            assert!(waited < LATE, "the bystander was held up for {waited:?}");
            arrived = Instant::now();
            self.last = expected;
        }
        let answer = self.client.command("ping", Value::from(self.last)).await;
        assert_eq!(answer["data"], self.last, "a client is answered");
    }

    /// Repeats an attack for as long as the next second's numbers take, so that they come, in time, while it goes on.
    ///
    /// # Panics
    /// A number is missing, doubled or late.
    pub async fn unharmed_by(&mut self, mut attack: impl AsyncFnMut()) {
        let watched = Cell::new(false);
        let attacks = async {
            while !watched.get() {
                attack().await;
            }
        };
        let watching = async {
            self.unharmed().await;
            watched.set(true);
        };
        tokio::join!(watching, attacks);
    }

    /// What arrived meanwhile, without a hole.
    async fn catch_up(&mut self) -> u64 {
        // The answer comes after everything that was sent before it.
        self.client.command("ping", Value::Null).await;
        for event in self.client.take_kept() {
            if event["topic"] == "test/witness" {
                self.last += 1;
                assert_eq!(
                    number(&event),
                    self.last,
                    "the bystander lost or doubled an event"
                );
            }
        }
        self.last
    }
}

/// The number in a counter's event.
///
/// # Panics
/// It is none of a counter's.
#[must_use]
pub fn number(event: &Value) -> u64 {
    event["data"]["n"]
        .as_u64()
        .unwrap_or_else(|| panic!("no counter's event: {event}"))
}

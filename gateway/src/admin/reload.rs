//! The admin API's way to reload the configuration, and how the last reload went.

use crate::event::Timestamp;
use crate::plugins::Applied;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};

/// How a reload of the configuration went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReloadReport {
    /// What became of it.
    pub outcome: Outcome,
    /// What asked for it: `file`, `signal`, `api`.
    pub trigger: &'static str,
    /// When.
    pub at: Timestamp,
    /// What is wrong with the file, or what could not be applied; one sentence each.
    pub problems: Vec<String>,
    /// Addresses of client listeners that were opened.
    pub listeners_opened: Vec<String>,
    /// Addresses of client listeners that were closed.
    pub listeners_closed: Vec<String>,
    /// What happened to the instances.
    pub plugins: Applied,
    /// Keys whose change takes effect at the next start only.
    pub needs_restart: Vec<&'static str>,
}

/// What became of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All of it holds now.
    Applied,
    /// Some of it could not be applied; `problems` says what.
    Partial,
    /// The file is invalid and nothing has changed.
    Refused,
}

impl ReloadReport {
    /// A report of a refusal.
    #[must_use]
    pub fn refused(trigger: &'static str, problems: Vec<String>) -> Self {
        Self {
            outcome: Outcome::Refused,
            problems,
            ..Self::new(trigger)
        }
    }

    /// A report of nothing yet.
    #[must_use]
    pub fn new(trigger: &'static str) -> Self {
        Self {
            outcome: Outcome::Applied,
            trigger,
            at: Timestamp::now(),
            problems: Vec::new(),
            listeners_opened: Vec::new(),
            listeners_closed: Vec::new(),
            plugins: Applied::default(),
            needs_restart: Vec::new(),
        }
    }
}

/// An order to reload, and where the report is to go.
#[derive(Debug)]
pub struct Order {
    /// What asked for it.
    pub trigger: &'static str,
    /// Where the report is to go; none is sent when the gateway is stopping.
    pub report: oneshot::Sender<ReloadReport>,
}

/// The way to reload the configuration from below the gateway's composition.
#[derive(Debug, Clone)]
pub struct Control {
    orders: mpsc::Sender<Order>,
    last: watch::Receiver<Option<ReloadReport>>,
}

impl Control {
    /// Orders go there, reports come from there.
    #[must_use]
    pub fn new(orders: mpsc::Sender<Order>, last: watch::Receiver<Option<ReloadReport>>) -> Self {
        Self { orders, last }
    }

    /// Reloads the configuration from its file. `None`: the gateway is stopping.
    pub async fn reload(&self, trigger: &'static str) -> Option<ReloadReport> {
        let (report, answer) = oneshot::channel();
        self.orders.send(Order { trigger, report }).await.ok()?;
        answer.await.ok()
    }

    /// How the last reload went.
    #[must_use]
    pub fn last(&self) -> Option<ReloadReport> {
        self.last.borrow().clone()
    }
}

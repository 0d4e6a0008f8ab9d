//! The task that owns the running gateway: it takes orders to reload and to stop, one at a time.

use super::StartOptions;
use super::listeners::Listeners;
use super::watch::FileWatch;
use crate::acme::Acme;
use crate::admin::{Order, Phase, ReloadReport};
use crate::bus::Bus;
use crate::config::Config;
use crate::connection::Connections;
use crate::listener::Listening;
use crate::plugins::PluginHost;
use crate::protocol::{CloseCode, ReconnectAdvice};
use crate::telemetry::metrics::{Metrics, UPKEEP};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

/// What plugins keep of the time to stop, whatever the clients need: at most so much, and at most a third.
const FOR_PLUGINS: Duration = Duration::from_secs(5);

/// An order that only the gateway's own handle gives.
#[derive(Debug)]
pub enum Command {
    /// Apply this configuration.
    Apply(Box<Config>, oneshot::Sender<ReloadReport>),
    /// Stop, and say when it is done.
    Stop(oneshot::Sender<()>),
}

/// Everything that runs.
pub struct Controller {
    /// The configuration that holds; what needs a restart keeps the value of the start.
    pub started_with: Config,
    pub options: StartOptions,
    pub acme: Acme,
    pub listeners: Listeners,
    pub connections: Connections,
    pub plugins: PluginHost,
    pub bus: Bus,
    pub admin: Option<Listening>,
    pub metrics: Metrics,
    pub phase: watch::Sender<Phase>,
    pub last: watch::Sender<Option<ReloadReport>>,
    pub addresses: watch::Sender<Vec<SocketAddr>>,
    pub watch: Option<FileWatch>,
}

impl Controller {
    /// Works until it is stopped, or nobody has the gateway's handle any more.
    pub async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        let mut upkeep = interval(UPKEEP);
        upkeep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let done = loop {
            tokio::select! {
                Some(order) = orders.recv() => {
                    let report = self.reload_file(order.trigger).await;
                    let _ = order.report.send(report);
                }
                command = commands.recv() => match command {
                    Some(Command::Apply(config, answer)) => {
                        let report = self.reload_with(*config, "call").await;
                        let _ = answer.send(report);
                    }
                    Some(Command::Stop(done)) => break Some(done),
                    None => break None,
                },
                _ = upkeep.tick() => self.metrics.upkeep(),
            }
        };
        // Those who wait for a reload learn that there will be none.
        drop(orders);
        drop(commands);
        self.stop().await;
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    async fn stop(mut self) {
        let settings = self.started_with.shutdown;
        let begun = Instant::now();
        let deadline = begun + settings.deadline;
        let for_clients = deadline - FOR_PLUGINS.min(settings.deadline / 3);
        tracing::info!(deadline = ?settings.deadline, "stopping");
        metrics::gauge!("hearthgate_draining").set(1.0);
        drop(self.watch.take());
        let _ = self.phase.send(Phase::Draining);
        self.listeners.refuse();
        let advice = ReconnectAdvice::within(settings.reconnect_spread);
        let drain = self
            .connections
            .drain(CloseCode::Restart, advice, for_clients);
        if timeout_at(for_clients, drain).await.is_err() {
            tracing::warn!("clients were cut off: they did not take what waited for them in time");
        }
        if timeout_at(for_clients, self.listeners.close())
            .await
            .is_err()
        {
            tracing::warn!("requests were cut off: they were not answered in time");
        }
        if timeout_at(deadline, self.plugins.stop(deadline))
            .await
            .is_err()
        {
            tracing::warn!("plugins were cut off: they did not stop in time");
        }
        if let Some(admin) = &self.admin {
            admin.close();
            let _ = timeout_at(deadline, admin.closed()).await;
        }
        metrics::gauge!("hearthgate_draining").set(0.0);
        tracing::info!(took = ?begun.elapsed(), "stopped");
    }
}

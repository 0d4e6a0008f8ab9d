//! The client listeners that are open, and their exchange when the configuration changes.

use super::StartError;
use crate::config::Listener;
use crate::connection::Connections;
use crate::http::Front;
use crate::listener::{Bound, Listening};
use crate::plugins::PluginHost;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The client listeners that are open.
pub struct Listeners {
    connections: Connections,
    plugins: PluginHost,
    open: Vec<Open>,
}

struct Open {
    /// The address as configured, perhaps with port 0.
    configured: SocketAddr,
    front: Arc<Front>,
    listening: Listening,
}

/// What an exchange opened and closed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    /// Newly listened on.
    pub opened: Vec<String>,
    /// No longer listened on.
    pub closed: Vec<String>,
}

/// The key of a listener's address.
pub fn key(index: usize) -> String {
    format!("listener[{index}].address")
}

/// Sockets for those listeners of a new configuration that are not open yet.
pub type Prepared = Vec<(SocketAddr, Bound)>;

impl Listeners {
    /// None is open yet.
    pub fn new(connections: Connections, plugins: PluginHost) -> Self {
        Self {
            connections,
            plugins,
            open: Vec::new(),
        }
    }

    /// Serves bound sockets.
    pub fn open(&mut self, bound: Vec<(Listener, Bound)>) {
        for (listener, bound) in bound {
            self.open.push(self.serve(&listener, bound));
        }
    }

    fn serve(&self, listener: &Listener, bound: Bound) -> Open {
        let front = Front::new(listener, self.connections.clone(), self.plugins.clone());
        let front = Arc::new(front);
        Open {
            configured: listener.address,
            listening: bound.serve(front.clone(), listener.handshake_timeout),
            front,
        }
    }

    /// Where clients can connect.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().map(|o| o.listening.address()).collect()
    }

    /// Binds what a new configuration adds, before any of it is applied.
    ///
    /// # Errors
    /// An address can't be listened on.
    pub fn prepare(&self, listeners: &[Listener]) -> Result<Prepared, StartError> {
        let mut have: Vec<_> = self.open.iter().map(|o| o.configured).collect();
        let mut prepared = Vec::new();
        for (i, listener) in listeners.iter().enumerate() {
            let address = listener.address;
            if let Some(at) = have.iter().position(|a| *a == address) {
                have.swap_remove(at);
                continue;
            }
            prepared.push((address, super::bind(address, || key(i))?));
        }
        Ok(prepared)
    }

    /// Applies a new configuration: routes exchanged, new sockets served, old ones closed. Connections stay.
    pub fn exchange(&mut self, listeners: &[Listener], mut prepared: Prepared) -> Exchanged {
        let mut before = std::mem::take(&mut self.open);
        let mut exchanged = Exchanged::default();
        for listener in listeners {
            let same = |address: &SocketAddr| *address == listener.address;
            if let Some(at) = before.iter().position(|o| same(&o.configured)) {
                let open = before.remove(at);
                open.front.exchange(listener);
                open.listening.set_head_timeout(listener.handshake_timeout);
                self.open.push(open);
            } else if let Some(at) = prepared.iter().position(|(a, _)| same(a)) {
                let (_, bound) = prepared.remove(at);
                exchanged.opened.push(bound.address().to_string());
                let open = self.serve(listener, bound);
                self.open.push(open);
            }
        }
        for open in before {
            exchanged.closed.push(open.listening.address().to_string());
            open.listening.close();
        }
        exchanged
    }

    /// Closes all and waits until the requests under way are answered.
    pub async fn close(&mut self) {
        let mut closing = JoinSet::new();
        for open in self.open.drain(..) {
            open.listening.close();
            closing.spawn(async move { open.listening.closed().await });
        }
        while closing.join_next().await.is_some() {}
    }

    /// Accepts nothing more from now on.
    pub fn refuse(&self) {
        for open in &self.open {
            open.listening.close();
        }
    }
}

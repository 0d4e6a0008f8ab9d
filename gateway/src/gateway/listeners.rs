//! The client listeners that are open, and their exchange when the configuration changes.

use super::StartError;
use crate::acme::Acme;
use crate::config::Listener;
use crate::connection::Connections;
use crate::http::Front;
use crate::listener::{Bound, Listening, Settings};
use crate::plugins::PluginHost;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinSet;

/// The client listeners that are open.
pub struct Listeners {
    connections: Connections,
    plugins: PluginHost,
    acme: Acme,
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

/// What each listener of a new configuration needs, in its order: certificates read, and a socket where it is not open.
#[derive(Debug)]
pub struct Prepared {
    settings: Settings,
    bound: Option<Bound>,
}

impl Prepared {
    /// The address of the new socket.
    pub fn address(&self) -> Option<SocketAddr> {
        self.bound.as_ref().map(Bound::address)
    }
}

impl Listeners {
    /// None is open yet.
    pub fn new(connections: Connections, plugins: PluginHost, acme: Acme) -> Self {
        Self {
            connections,
            plugins,
            acme,
            open: Vec::new(),
        }
    }

    /// Serves bound sockets.
    pub fn open(&mut self, bound: Vec<(Listener, Bound, Settings)>) {
        for (listener, bound, settings) in bound {
            self.open.push(self.serve(&listener, bound, settings));
        }
    }

    fn serve(&self, listener: &Listener, bound: Bound, settings: Settings) -> Open {
        let challenges = self.acme.challenges().clone();
        let (connections, plugins) = (self.connections.clone(), self.plugins.clone());
        let front = Front::new(listener, connections, plugins, challenges);
        let front = Arc::new(front);
        Open {
            configured: listener.address,
            listening: bound.serve(front.clone(), settings),
            front,
        }
    }

    /// Where clients can connect.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().map(|o| o.listening.address()).collect()
    }

    /// Binds what a new configuration adds and reads its certificates, before any of it is applied.
    ///
    /// # Errors
    /// An address can't be listened on, or a certificate can't be used.
    pub fn prepare(&self, listeners: &[Listener]) -> Result<Vec<Prepared>, StartError> {
        let mut have: Vec<_> = self.open.iter().collect();
        let mut prepared = Vec::new();
        for (i, listener) in listeners.iter().enumerate() {
            let address = listener.address;
            let open = have.iter().position(|open| open.configured == address);
            let open = open.map(|at| have.swap_remove(at));
            let secure = open.and_then(|open| open.listening.settings().tls.clone());
            let settings = super::settings(i, listener, secure, &self.acme)?;
            let bound = match open {
                Some(_) => None,
                None => Some(super::bind(address, || key(i))?),
            };
            prepared.push(Prepared { settings, bound });
        }
        Ok(prepared)
    }

    /// Applies a new configuration: routes exchanged, new sockets served, old ones closed. Connections stay.
    pub fn exchange(&mut self, listeners: &[Listener], prepared: Vec<Prepared>) -> Exchanged {
        let mut before = std::mem::take(&mut self.open);
        let mut exchanged = Exchanged::default();
        for (listener, prepared) in listeners.iter().zip(prepared) {
            let Prepared { settings, bound } = prepared;
            let same = |open: &Open| open.configured == listener.address;
            if let Some(bound) = bound {
                exchanged.opened.push(bound.address().to_string());
                let open = self.serve(listener, bound, settings);
                self.open.push(open);
            } else if let Some(at) = before.iter().position(same) {
                let open = before.remove(at);
                open.front.exchange(listener);
                open.listening.apply(settings);
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

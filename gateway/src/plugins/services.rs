//! What guests can use of the outside world. One [`Services`] belongs to an instance's place, not to a guest:
//! sockets, timers and followed files outlive a reload, and whatever arrives waits in the inbox for the next guest.
//!
//! Nothing here knows wasmtime: `imports/` binds these objects to the WIT interfaces.

pub mod commands;
pub mod egress;
pub mod files;
pub mod headers;
pub mod http;
pub mod secrets;
pub mod sockets;
pub mod store;
pub mod system;
pub mod timers;

use crate::config::{CommandGrant, Limits};
use crate::event::InstanceName;
use crate::plugins::input::{ConnectionId, Inbox, TimerId};
use arc_swap::ArcSwap;
use egress::{Network, Policy};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use store::Database;

/// What an instance may use, after the manifest's requests were intersected with the operator's grants.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    /// Where it may connect to.
    pub connect: Policy,
    /// Which files it may read.
    pub files: files::FileRights,
    /// Which commands it may run, by name.
    pub commands: BTreeMap<String, CommandGrant>,
    /// The secrets it may use, and those that it may see.
    pub secrets: secrets::Secrets,
    /// Whether it may see the machine's figures.
    pub system: bool,
    /// What it may use up.
    pub limits: Limits,
}

/// The rights in force, shared by all services of an instance; replaced as one when the configuration changes.
pub(crate) type Current = Arc<ArcSwap<Rights>>;

/// What all instances share: the network, the stores' database, the machine's figures.
#[derive(Debug, Clone)]
pub struct Outside {
    network: Arc<Network>,
    database: Database,
    system: system::System,
}

impl Outside {
    /// Opens what all instances share. `own_addresses` are the gateway's own listeners: no guest connects to them.
    /// A store that can't be opened is no error here: its users get `unavailable`, and the log says why.
    #[must_use]
    pub fn open(state_directory: &Path, own_addresses: Vec<SocketAddr>) -> Self {
        Self::with_network(state_directory, Network::new(own_addresses))
    }

    /// The gateway's own listeners from now on.
    pub fn set_own_addresses(&self, own_addresses: Vec<SocketAddr>) {
        self.network.set_own_addresses(own_addresses);
    }

    /// As [`Outside::open`], with a network of the caller's: for tests that answer name look-ups themselves.
    #[must_use]
    pub fn with_network(state_directory: &Path, network: Network) -> Self {
        Self {
            network: Arc::new(network),
            database: Database::open(state_directory),
            system: system::System::default(),
        }
    }
}

/// The services of one instance's place. Create it inside a tokio runtime; dropping it closes everything.
#[derive(Debug)]
pub struct Services {
    /// WebSockets, TCP and TLS.
    pub sockets: sockets::Sockets,
    /// HTTP requests.
    pub http: http::HttpClient,
    /// Files to read, follow and watch.
    pub files: files::Files,
    /// Timers.
    pub timers: timers::Timers,
    /// The durable store.
    pub store: store::Store,
    /// Commands of the operator's.
    pub commands: commands::Commands,
    system: system::System,
    rights: Current,
}

impl Services {
    /// The services of `instance`, which deliver into `inbox`.
    #[must_use]
    pub fn new(outside: &Outside, instance: &InstanceName, rights: Rights, inbox: &Inbox) -> Self {
        let rights: Current = Arc::new(ArcSwap::from_pointee(rights));
        Self {
            sockets: sockets::Sockets::new(&outside.network, &rights, inbox),
            http: http::HttpClient::new(&outside.network, &rights, inbox),
            files: files::Files::new(instance, &rights, inbox),
            timers: timers::Timers::new(&rights, inbox),
            store: outside.database.store(instance, &rights),
            commands: commands::Commands::new(&rights),
            system: outside.system.clone(),
            rights,
        }
    }

    /// Puts other rights in force, at once: sockets and files that they don't allow any more are closed.
    pub fn update(&self, rights: Rights) {
        self.rights.store(Arc::new(rights));
        self.sockets.recheck();
        self.files.recheck();
    }

    /// After a new guest's `init`: closes the sockets and cancels the timers that it did not adopt. Followed and watched
    /// files stay: a guest that follows them again takes them over.
    pub fn retain(&self, connections: &[ConnectionId], timers: &[TimerId]) {
        self.sockets.retain(connections);
        self.timers.retain(timers);
    }

    /// Closes everything, for an instance that stops. The store's content stays.
    pub fn close(&self) {
        self.sockets.retain(&[]);
        self.timers.retain(&[]);
        self.files.close();
        self.http.close();
    }

    /// The machine's figures as JSON, in the shape of [`system`].
    ///
    /// # Errors
    /// Where the instance may not see them.
    pub async fn system_snapshot(&self) -> Result<String, String> {
        if !self.rights.load().system {
            return Err("not granted: system".to_owned());
        }
        self.system.snapshot().await
    }

    /// A secret in plain text, where `reveal` is granted for it.
    ///
    /// # Errors
    /// Says whether it is not granted, unknown or unreadable; never contains a value.
    pub fn reveal(&self, name: &str) -> Result<secrets::Secret, secrets::SecretError> {
        self.rights.load().secrets.reveal(name)
    }
}

//! The servers that fan-out is measured with.

use crate::baseline;
use crate::child::{Folder, Server};
use crate::client::Client;
use crate::gateway::Setup;
use crate::nats;
use crate::peers::Peer;
use crate::plan::Plan;
use crate::publisher::{Publish, Publisher, TOPIC};
use anyhow::Result;

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The yardstick.
    Baseline,
    /// Hearthgate.
    Gateway,
    /// A public peer.
    Peer(Peer),
}

/// How events come to the wanted size.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Bytes added to the data of an event for the gateway.
    pub padding: usize,
    /// Bytes that a client then receives; the others send as many.
    pub payload: usize,
}

impl Subject {
    /// All, in the order of the table.
    pub const ALL: [Self; 5] = [
        Self::Baseline,
        Self::Gateway,
        Self::Peer(Peer::Ws),
        Self::Peer(Peer::Bun),
        Self::Peer(Peer::Nats),
    ];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "bare write loop",
            Self::Gateway => "hearthgate",
            Self::Peer(peer) => peer.name(),
        }
    }

    /// Starts it, on the servers' core. Keep the folder for longer than the server.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(self, plan: &Plan, size: Size) -> Result<(Folder, Server)> {
        let folder = Folder::new(&plan.results, "fanout")?;
        match self {
            Self::Baseline => {
                let server = baseline::start(plan.server_core, &folder, size.payload)?;
                Ok((folder, server))
            }
            Self::Gateway => {
                let setup = Setup {
                    binary: plan.gateway.clone(),
                    core: plan.server_core,
                    folder,
                    sources: String::new(),
                };
                let server = setup.start()?;
                Ok((setup.folder, server))
            }
            Self::Peer(peer) => {
                let server = peer.start(plan, &folder, size.payload)?;
                Ok((folder, server))
            }
        }
    }

    /// Connects and subscribes a client.
    ///
    /// # Errors
    /// When it is refused.
    pub fn client(self, server: &Server, number: usize) -> Result<Client> {
        if self == Self::Peer(Peer::Nats) {
            return nats::subscribe(server.clients, number);
        }
        let mut client = Client::connect(server.clients, number)?;
        client.subscribe(&[TOPIC.to_owned()], false)?;
        Ok(client)
    }

    /// A way in for events.
    ///
    /// # Errors
    /// When the server does not listen.
    pub fn publisher(self, server: &Server, size: Size) -> Result<Box<dyn Publish>> {
        if self == Self::Peer(Peer::Nats) {
            return Ok(Box::new(nats::Publisher::connect(
                server.admin,
                size.payload,
            )?));
        }
        Ok(Box::new(Publisher::connect(server.admin, size.padding)?))
    }
}

//! A TCP server that a test plays.

use crate::wait;
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// A listening socket; the test takes each connection.
pub struct TcpPeer {
    listener: TcpListener,
}

impl TcpPeer {
    /// Listens.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0")
                .await
                .expect("there is a free port"),
        }
    }

    /// Its address.
    ///
    /// # Panics
    /// Never: it is bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener
            .local_addr()
            .expect("a bound socket has an address")
    }

    /// Waits for the next connection.
    ///
    /// # Panics
    /// None comes.
    pub async fn accept(&self) -> TcpStream {
        wait::soon("a plugin's connection", self.listener.accept())
            .await
            .expect("a listener accepts")
            .0
    }
}

//! A WebSocket server that a test plays.

use crate::wait;
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// A listening server; the test takes each connection.
pub struct WebSocketPeer {
    listener: TcpListener,
}

/// One plugin's connection.
pub struct Session {
    socket: WebSocketStream<TcpStream>,
}

impl WebSocketPeer {
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

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address())
    }

    /// Waits for the next connection.
    ///
    /// # Panics
    /// None comes.
    pub async fn accept(&self) -> Session {
        let accept = async {
            let (stream, _) = self.listener.accept().await.expect("a listener accepts");
            tokio_tungstenite::accept_async(stream)
                .await
                .expect("the plugin speaks WebSocket")
        };
        Session {
            socket: wait::soon("a plugin's connection", accept).await,
        }
    }
}

impl Session {
    /// Sends a text.
    ///
    /// # Panics
    /// The connection is gone.
    pub async fn send(&mut self, text: &str) {
        wait::soon("a send", self.socket.send(Message::text(text)))
            .await
            .expect("the plugin's connection is open");
    }

    /// The next text; `None`: the connection ended.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            match wait::soon("a plugin's message", self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Whether nothing came, not even the end.
    pub fn is_quiet(&mut self) -> bool {
        use futures_util::FutureExt;
        self.socket.next().now_or_never().is_none()
    }
}

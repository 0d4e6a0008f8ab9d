//! Peers for plugins to talk to, on loopback and free ports.

pub mod http;
pub mod tcp;
pub mod tls;
pub mod websocket;

pub use http::HttpPeer;
pub use tcp::TcpPeer;
pub use tls::TlsPeer;
pub use websocket::WebSocketPeer;

//! Peers for plugins to talk to, on loopback and free ports.

pub mod http;
pub mod tcp;
pub mod websocket;

pub use http::HttpPeer;
pub use tcp::TcpPeer;
pub use websocket::WebSocketPeer;

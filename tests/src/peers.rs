//! Peers for plugins to talk to, on loopback and free ports.

pub mod acme;
pub mod adb_device;
pub mod adb_server;
pub mod android;
pub mod home_assistant;
pub mod http;
pub mod tcp;
pub mod tls;
pub mod websocket;

pub use acme::AcmePeer;
pub use adb_device::{AdbDevice, Consent};
pub use adb_server::AdbServer;
pub use android::Android;
pub use home_assistant::HomeAssistant;
pub use http::HttpPeer;
pub use tcp::TcpPeer;
pub use tls::TlsPeer;
pub use websocket::WebSocketPeer;

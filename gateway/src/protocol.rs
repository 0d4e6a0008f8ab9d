//! The native protocol's wire format: what clients write and read. It knows no socket.

pub mod codes;

pub use codes::{CloseCode, ReconnectAdvice};

//! The native protocol's wire format: what clients write and read. It knows no socket.

pub mod codes;
pub mod error;
pub mod frame;
pub mod push;
pub mod reply;
pub mod request;

pub use codes::{CloseCode, ReconnectAdvice};
pub use error::{ErrorCode, Refusal};

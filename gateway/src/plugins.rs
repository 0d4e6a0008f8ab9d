//! The plugin host: catalog, supervision, instances, and what guests may import. It knows no connection.

pub mod api;
pub mod check;
pub mod handle;
pub mod host;
pub mod input;
pub mod inspect;
pub mod services;
pub mod status;

pub use api::GatewayView;
pub use check::{Problem, check};
pub use handle::{DialectHandle, HandlerHandle, RoutesHandle};
pub use host::{Applied, HostError, PluginHost, Ports, ReloadError};
pub use inspect::{Inspection, LoadError, inspect};
pub use status::{PluginStatus, ReloadOutcome};

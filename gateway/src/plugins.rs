//! The plugin host: catalog, supervision, instances, and what guests may import. It knows no connection.

mod admission;
pub mod api;
mod bindings;
pub mod check;
mod configuration;
mod context;
mod convert;
mod engine;
mod grants;
pub mod handle;
pub mod host;
mod imports;
pub mod input;
pub mod inspect;
pub mod interfaces;
mod lines;
pub mod manifest;
pub mod package;
mod place;
mod replies;
mod series;
pub mod services;
pub mod status;

pub use api::GatewayView;
pub use check::{Problem, check};
pub use handle::{DialectHandle, HandlerHandle, RoutesHandle};
pub use host::{Applied, HostError, PluginHost, Ports, ReloadError};
pub use inspect::{Inspection, inspect};
pub use package::LoadError;
pub use status::{PluginStatus, ReloadOutcome};

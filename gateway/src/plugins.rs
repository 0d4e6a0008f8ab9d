//! The plugin host: catalog, supervision, instances, and what guests may import. It knows no connection.

pub mod api;
pub mod input;

//! The configuration: read → plain data → validated types, once. Everything past `config/` uses the validated types.

pub mod access;
pub mod acme;
pub mod auth;
mod build;
pub mod connections;
pub mod describe;
mod environment;
pub mod instance;
pub mod json_schema;
pub mod keys;
pub mod limit;
pub mod listener;
mod load;
pub mod policy;
pub mod problem;
pub mod proxies;
pub mod reference;
mod scalar;
mod section;
pub mod terms;
pub mod tls;
pub mod tree;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use access::Access;
pub use acme::{Acme, Challenge};
pub use auth::Auth;
pub use connections::{Connections, DialectTerms};
pub use instance::{CommandGrant, Grants, Instance, Limits, Role, SecretSource};
pub use limit::{DryRun, Limit};
pub use listener::{DialectName, Listener, Mount, Route};
pub use load::{LoadError, Loaded};
pub use policy::{Authentication, Cors, Origin, Policy, Requirement};
pub use problem::{Problem, Problems};
pub use proxies::{ForwardedHeader, Proxies};
pub use terms::{SlowClient, Terms};
pub use tls::{Certificate, ClientCertificates, Tls};

/// A whole, validated configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The addresses that clients connect to.
    pub listeners: Vec<Listener>,
    /// The admin listener.
    pub admin: Admin,
    /// Who can say who they are.
    pub auth: Auth,
    /// Who may do what.
    pub access: Access,
    /// Who issues certificates.
    pub acme: Acme,
    /// What holds for every client connection.
    pub connections: Connections,
    /// Where plugins and their state live.
    pub plugins: Plugins,
    /// The instances, by name.
    pub instances: Vec<Instance>,
    /// How the gateway logs.
    pub log: Log,
    /// How the gateway stops.
    pub shutdown: Shutdown,
}

/// The admin listener: health, metrics, admin API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Its address; loopback unless the operator says otherwise. `None`: off.
    pub address: Option<SocketAddr>,
    /// Host names under which it may be asked, besides localhost and its own address.
    pub allowed_hosts: Vec<String>,
    /// Whether a token is required on loopback too; elsewhere one is in any case.
    pub require_token: bool,
    /// The role that its bearer must have.
    pub role: String,
    /// TLS. `None`: plain.
    pub tls: Option<Tls>,
}

/// Where plugins and their state live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugins {
    /// The watched folder of `.wasm` files.
    pub directory: PathBuf,
    /// The gateway's own folder: the plugins' store and the cache of compiled plugins; created with mode 0700.
    pub state_directory: PathBuf,
    /// Most bytes of a `.wasm` file.
    pub max_file_bytes: u64,
    /// How long a new version must run without a crash before the old one is forgotten.
    pub probation: Duration,
}

/// How the gateway logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives as `hearthgate::shard=debug`.
    pub filter: String,
    /// Text for people or JSON for machines.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How the gateway stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shutdown {
    /// Everything is done by then, or cut off.
    pub deadline: Duration,
    /// Clients are told to come back within this span, each at its own moment.
    pub reconnect_spread: Duration,
}

impl Default for Config {
    fn default() -> Self {
        build::build(None, &section::Report::default())
    }
}

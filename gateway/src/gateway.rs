//! The composition root: every part is made here, in one order, and stopped in another.
//!
//! Start: metrics → sockets bound (what is in use fails before anything runs) → shards → bus → plugin host →
//! connections → listeners → admin → orders of certificates → the watch on the configuration file.
//! Stop: `/readyz` says no → listeners closed → clients told to come back elsewhere, outboxes written out →
//! plugins saved and stopped → admin; all inside `shutdown.deadline`, and what is not done by then is cut off.

mod announce;
mod audit;
mod controller;
mod files;
mod listeners;
mod reload;
mod restart;
mod watch;

use crate::acme::Acme;
use crate::admin::{Admin, Control, Guard, Order, Permit, Phase, ReloadReport, State};
use crate::auth::{Audit, Auth};
use crate::bus::Bus;
use crate::config::{Config, Listener};
use crate::connection::{Connections, Registry};
use crate::listener::tls::{Secure, TlsError};
use crate::listener::{Bound, Listening, Settings};
use crate::plugins::{GatewayView, HostError, PluginHost, Ports};
use crate::shard::Shards;
use crate::telemetry::logs::LogControl;
use crate::telemetry::metrics::Metrics;
use controller::{Command, Controller};
pub use files::unusable_files;
use listeners::Listeners;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch as cell};
use tokio::task::JoinHandle;

/// Reloads that wait: more than one at a time only delays the last.
const ORDERS: usize = 4;

/// What a start needs besides the configuration.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// Where the configuration came from, and is read anew from. `None`: there is no file.
    pub file: Option<ConfigFile>,
    /// How to change what is logged, where the process's logs are the gateway's.
    pub logs: Option<LogControl>,
}

/// A configuration file and the overrides that hold with it.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// The file; its folder is watched.
    pub path: PathBuf,
    /// The environment, as it was at the start.
    pub environment: Vec<(String, String)>,
    /// What it said when it was read.
    pub text: String,
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address can't be listened on.
    #[error("{key}: can't listen on {address}: {source}{}", advice(source))]
    Bind {
        /// The key of the configuration: `listener[0].address`.
        key: String,
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Keys, or what was revoked, can't be read.
    #[error("{0}")]
    Auth(String),
    /// A certificate can't be used.
    #[error("{key}: {source}")]
    Tls {
        /// The key of the configuration: `listener[0].tls`.
        key: String,
        /// What is wrong with it.
        source: TlsError,
    },
    /// The plugin host could not be prepared.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// A running gateway. Dropping it stops it as [`Gateway::stop`] does, but nobody waits for that.
#[derive(Debug)]
pub struct Gateway {
    addresses: cell::Receiver<Vec<SocketAddr>>,
    admin: Option<SocketAddr>,
    commands: mpsc::Sender<Command>,
    control: Control,
    task: JoinHandle<()>,
}

impl Gateway {
    /// Starts every part. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// An address can't be listened on, or the plugin host can't be prepared.
    pub async fn start(config: Config, options: StartOptions) -> Result<Self, StartError> {
        let metrics = Metrics::install();
        let acme = Acme::new(&config.acme, &config.plugins.state_directory);
        let sockets = Sockets::bind(&config, &acme)?;
        let admin = sockets.admin.as_ref().map(|(bound, _)| bound.address());

        let Parts {
            bus,
            registry,
            plugins,
            connections,
        } = Parts::start(&config, sockets.addresses()).await?;
        let mut listeners = Listeners::new(connections.clone(), plugins.clone(), acme.clone());
        listeners.open(sockets.clients);

        let (orders, ordered) = mpsc::channel::<Order>(ORDERS);
        let (commands, commanded) = mpsc::channel(ORDERS);
        let (last, last_seen) = cell::channel(None);
        let (phase, phase_seen) = cell::channel(Phase::Running);
        let control = Control::new(orders, last_seen);
        let state = State {
            bus: bus.clone(),
            view: registry as Arc<dyn GatewayView>,
            connections: connections.clone(),
            plugins: plugins.clone(),
            control: control.clone(),
            metrics: metrics.clone(),
            phase: phase_seen,
        };
        let admin_listening = sockets
            .admin
            .map(|(bound, settings)| serve_admin(bound, settings, &config, state));
        let (addresses, addresses_seen) = cell::channel(listeners.addresses());
        announce::announce(&config, &listeners.addresses(), admin);
        acme.open(&config.acme);
        let watch = options
            .file
            .as_ref()
            .and_then(|file| watch::start(file, control.clone()));
        let controller = Controller {
            started_with: config,
            options,
            acme,
            listeners,
            connections,
            plugins,
            bus,
            admin: admin_listening,
            metrics,
            phase,
            last,
            addresses,
            watch,
        };
        let task = tokio::spawn(controller.run(ordered, commanded));
        Ok(Self {
            addresses: addresses_seen,
            admin,
            commands,
            control,
            task,
        })
    }

    /// Where clients can connect, with real ports, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.borrow().clone()
    }

    /// Where the admin API is; `None`: it is off.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Applies another configuration. Its plugins are checked first; one that does not fit changes nothing.
    /// `None`: the gateway is stopping.
    pub async fn reload(&self, config: Config) -> Option<ReloadReport> {
        let (report, answer) = oneshot::channel();
        let command = Command::Apply(Box::new(config), report);
        self.commands.send(command).await.ok()?;
        answer.await.ok()
    }

    /// Reads the configuration file anew and applies it. `None`: the gateway is stopping.
    pub async fn reload_file(&self, trigger: &'static str) -> Option<ReloadReport> {
        self.control.reload(trigger).await
    }

    /// Stops every part in order, inside `shutdown.deadline`.
    pub async fn stop(self) {
        let (done, stopped) = oneshot::channel();
        if self.commands.send(Command::Stop(done)).await.is_ok() {
            let _ = stopped.await;
        }
        let _ = self.task.await;
    }
}

/// What events and messages go through, in the order in which it is started.
struct Parts {
    bus: Bus,
    registry: Arc<Registry>,
    plugins: PluginHost,
    connections: Connections,
}

impl Parts {
    async fn start(config: &Config, own_addresses: Vec<SocketAddr>) -> Result<Self, StartError> {
        let shards = Shards::start(&config.connections);
        let bus = Bus::new(shards.clone());
        let registry = Arc::new(Registry::new(shards.population().clone()));
        let (audit, records) = Audit::new();
        // Reads files and may hash a password: not work for the runtime's threads.
        let state = config.plugins.state_directory.clone();
        let (auth, access) = (config.auth.clone(), config.access.clone());
        let started = move || Auth::start(&auth, &access, &state, audit);
        let started = tokio::task::spawn_blocking(started).await;
        let auth = started.unwrap_or_else(|error| Err(error.to_string()));
        let auth = auth.map_err(StartError::Auth)?;
        audit::publish(records, bus.clone());
        let ports = Ports {
            bus: bus.clone(),
            view: registry.clone(),
            accounts: Arc::new(auth.clone()),
            own_addresses,
        };
        let plugins =
            PluginHost::start(config.plugins.clone(), config.instances.clone(), ports).await?;
        let connections = Connections::new(
            config.connections.clone(),
            registry.clone(),
            bus.clone(),
            shards,
            plugins.clone(),
            auth,
        );
        Ok(Self {
            bus,
            registry,
            plugins,
            connections,
        })
    }
}

/// Every address, bound before anything runs.
struct Sockets {
    clients: Vec<(Listener, Bound, Settings)>,
    admin: Option<(Bound, Settings)>,
}

impl Sockets {
    fn bind(config: &Config, acme: &Acme) -> Result<Self, StartError> {
        let mut clients = Vec::new();
        for (i, listener) in config.listeners.iter().enumerate() {
            let bound = bind(listener.address, || listeners::key(i))?;
            let settings = settings(i, listener, None, acme)?;
            clients.push((listener.clone(), bound, settings));
        }
        let admin = config.admin.address;
        let admin = admin.map(|address| {
            let bound = bind(address, || "admin.address".to_owned())?;
            Ok::<_, StartError>((bound, admin_settings(config, acme)?))
        });
        let admin = admin.transpose()?;
        Ok(Self { clients, admin })
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let clients = self.clients.iter().map(|(_, bound, _)| bound.address());
        clients
            .chain(self.admin.as_ref().map(|(bound, _)| bound.address()))
            .collect()
    }
}

fn bind(address: SocketAddr, key: impl Fn() -> String) -> Result<Bound, StartError> {
    Bound::new(address).map_err(|source| StartError::Bind {
        key: key(),
        address,
        source,
    })
}

/// What holds for a listener's sockets; with the certificates that it has already, where nothing else is said.
fn settings(
    index: usize,
    listener: &Listener,
    secure: Option<Arc<Secure>>,
    acme: &Acme,
) -> Result<Settings, StartError> {
    let secure = secure.filter(|have| Some(have.settings()) == listener.tls.as_ref());
    let settings = Settings::of(listener, secure, acme);
    settings.map_err(|source| StartError::Tls {
        key: format!("listener[{index}].tls"),
        source,
    })
}

fn admin_settings(config: &Config, acme: &Acme) -> Result<Settings, StartError> {
    let tls = config.admin.tls.as_ref();
    let secure = tls.map(|tls| Secure::new(tls, acme)).transpose();
    let secure = secure.map_err(|source| StartError::Tls {
        key: "admin.tls".to_owned(),
        source,
    })?;
    Ok(Settings {
        tls: secure.map(Arc::new),
        ..Settings::plain(&config.connections)
    })
}

/// What an operator can do about an address that can't be listened on.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; another program listens there (`ss -ltnp` shows which): stop it, or choose another port"
        }
        io::ErrorKind::AddrNotAvailable => "; it is no address of this machine (`ip address`)",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need the capability CAP_NET_BIND_SERVICE: choose a higher one"
        }
        _ => "",
    }
}

fn serve_admin(bound: Bound, settings: Settings, config: &Config, state: State) -> Listening {
    let guard = Guard::new(bound.address(), config.admin.allowed_hosts.clone());
    let auth = state.connections.auth().clone();
    let (always, role) = (config.admin.require_token, config.admin.role.clone());
    let permit = Permit::new(auth, bound.address(), always, role);
    if permit.is_required() && !config.auth.is_configured() {
        tracing::warn!(
            "the admin API requires a token here, and [auth] names nobody who could have one"
        );
    }
    let admin = Admin::new(state, guard, permit);
    bound.serve(Arc::new(admin), settings)
}

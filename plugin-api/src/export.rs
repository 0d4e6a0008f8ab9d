//! Between the contract's exports and the [`Plugin`] trait. Only [`plugin!`](crate::plugin!) uses this module.

use crate::failure::to_wit as failure_to_wit;
use crate::start::state_to_wit;
use crate::wit::host::types;
use crate::*;
use std::cell::RefCell;
use std::thread::LocalKey;

use crate::wit::dialect::exports::hearthgate::plugin::dialect;
use crate::wit::handler::exports::hearthgate::plugin::message_handler;
use crate::wit::lifecycle::exports::hearthgate::plugin::lifecycle;
use crate::wit::routes::exports::hearthgate::plugin::routes;
use crate::wit::source::exports::hearthgate::plugin::source;
use crate::wit::subscriber::exports::hearthgate::plugin::subscriber;

/// The place that holds a component's one instance.
pub type Slot<P> = RefCell<Option<P>>;

/// A plugin with its place; implemented by [`plugin!`](crate::plugin!).
pub trait Hosted: Plugin {
    /// The place of the component's instance.
    fn slot() -> &'static LocalKey<Slot<Self>>;
}

/// Runs on the instance. The host calls nothing before `init` succeeded and nothing while a call is under way,
/// so an empty or busy place is the host's mistake, and ends the instance.
fn with<P: Hosted, R>(run: impl FnOnce(&mut P) -> R) -> R {
    P::slot().with_borrow_mut(|slot| run(slot.as_mut().expect("the host calls init first")))
}

impl<P: Hosted> lifecycle::Guest for P {
    fn init(start: lifecycle::Start) -> Result<lifecycle::Adopted, types::Failure> {
        crate::logging::install();
        let (mut start, config) = Start::from_wit(start);
        crate::set_instance_name(&start.instance);
        let plugin = crate::config::parse(&config)
            .and_then(|config| P::init(&mut start, config))
            .map_err(failure_to_wit)?;
        P::slot().set(Some(plugin));
        Ok(start.into_adopted())
    }

    fn reconfigure(config: String) -> Result<bool, types::Failure> {
        let config = crate::config::parse(&config).map_err(failure_to_wit)?;
        with::<P, _>(|plugin| plugin.reconfigure(config)).map_err(failure_to_wit)
    }

    fn save() -> Result<Option<types::State>, String> {
        let state = with::<P, _>(|plugin| plugin.save()).map_err(|error| error.to_string())?;
        Ok(state.map(state_to_wit))
    }

    fn stop() {
        // A plugin whose init failed may be stopped too.
        if let Some(mut plugin) = P::slot().take() {
            plugin.stop();
        }
    }
}

impl<P: Hosted> source::Guest for P {
    fn on_input(inputs: Vec<Input>) -> Result<(), types::Failure> {
        with::<P, _>(|plugin| plugin.on_inputs(inputs)).map_err(failure_to_wit)
    }
}

impl<P: Hosted> subscriber::Guest for P {
    fn on_events(events: Vec<Published>) -> Result<(), types::Failure> {
        with::<P, _>(|plugin| plugin.on_events(events)).map_err(failure_to_wit)
    }
}

impl<P: Hosted> message_handler::Guest for P {
    fn handle(client: Client, request: Request) -> Result<Answer, Rejection> {
        with::<P, _>(|plugin| plugin.handle(client, request))
    }
}

impl<P: Hosted> routes::Guest for P {
    fn serve(call: HttpCall) -> HttpAnswer {
        with::<P, _>(|plugin| plugin.serve(call))
    }
}

impl<P: Hosted> dialect::Guest for P {
    fn on_open(client: DialectClient) -> Vec<Action> {
        with::<P, _>(|plugin| plugin.on_open(client))
    }

    fn on_text(client: DialectClient, text: String) -> Vec<Action> {
        with::<P, _>(|plugin| plugin.on_text(client, text))
    }

    fn on_reply(
        client: DialectClient,
        kind: String,
        outcome: Result<String, CallError>,
    ) -> Vec<Action> {
        with::<P, _>(|plugin| plugin.on_reply(client, kind, outcome))
    }

    fn on_authenticated(client: DialectClient, outcome: Result<Identity, String>) -> Vec<Action> {
        with::<P, _>(|plugin| plugin.on_authenticated(client, outcome))
    }

    fn encode(events: Vec<Published>) -> Vec<Vec<String>> {
        with::<P, _>(|plugin| plugin.encode(events))
    }

    fn heartbeat(stats: GatewayStats) -> Vec<String> {
        with::<P, _>(|plugin| plugin.heartbeat(stats))
    }
}

/// Makes a plugin out of a type that implements [`Plugin`]: exports the lifecycle and the roles that are named,
/// and embeds the crate's `plugin.toml`, so that the `.wasm` is all there is to install.
///
/// Roles: `source`, `subscriber`, `handler`, `routes`, `dialect`.
///
/// ```ignore
/// hearthgate_plugin::plugin!(Metrics: source, handler);
/// ```
#[macro_export]
macro_rules! plugin {
    ($plugin:ident : $($role:ident),+ $(,)?) => {
        const _: () = {
            impl $crate::export::Hosted for $plugin {
                fn slot() -> &'static ::std::thread::LocalKey<$crate::export::Slot<Self>> {
                    ::std::thread_local! {
                        static SLOT: $crate::export::Slot<$plugin> =
                            const { ::std::cell::RefCell::new(None) };
                    }
                    &SLOT
                }
            }

            // Without the exports nothing would use the plugin on the author's machine.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn() -> &'static ::std::thread::LocalKey<$crate::export::Slot<$plugin>> =
                <$plugin as $crate::export::Hosted>::slot;

            /// The manifest, for those who look at the file before they run it.
            #[cfg_attr(target_arch = "wasm32", unsafe(link_section = "hearthgate:manifest"))]
            #[used]
            static MANIFEST: [u8; include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugin.toml")).len()] =
                *include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/plugin.toml"));
        };
        $crate::__export!($plugin lifecycle);
        $( $crate::__export!($plugin $role); )+
    };
}

/// One export. Symbols such as `hearthgate:plugin/source@0.2.0#on-input` are for WebAssembly alone: an ELF
/// linker takes what follows the `@` for a version.
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ident lifecycle) => {
        #[cfg(target_arch = "wasm32")]
        $crate::wit::lifecycle::export_lifecycle!($plugin with_types_in $crate::wit::lifecycle);
    };
    ($plugin:ident source) => {
        #[cfg(target_arch = "wasm32")]
        $crate::wit::source::export_source!($plugin with_types_in $crate::wit::source);
    };
    ($plugin:ident subscriber) => {
        #[cfg(target_arch = "wasm32")]
        $crate::wit::subscriber::export_subscriber!($plugin with_types_in $crate::wit::subscriber);
    };
    ($plugin:ident handler) => {
        #[cfg(target_arch = "wasm32")]
        $crate::wit::handler::export_handler!($plugin with_types_in $crate::wit::handler);
    };
    ($plugin:ident routes) => {
        #[cfg(target_arch = "wasm32")]
        $crate::wit::routes::export_routes!($plugin with_types_in $crate::wit::routes);
    };
    ($plugin:ident dialect) => {
        #[cfg(target_arch = "wasm32")]
        $crate::wit::dialect::export_dialect!($plugin with_types_in $crate::wit::dialect);
    };
    ($plugin:ident $other:ident) => {
        compile_error!(concat!(
            "there is no role `",
            stringify!($other),
            "`: the roles are source, subscriber, handler, routes, dialect"
        ));
    };
}

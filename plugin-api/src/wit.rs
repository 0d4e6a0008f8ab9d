//! What wit-bindgen makes of `wit/plugin.wit`. Each role is a world of its own, so that a plugin exports
//! the roles it has and no others; the imported types are the same Rust types in all of them.

/// All that the host offers, and the types that everything shares.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod imports {
    wit_bindgen::generate!({
        path: "wit",
        world: "imports",
        pub_export_macro: true,
        generate_unused_types: true,
        additional_derives: [PartialEq],
        with: { "hearthgate:plugin/net@0.2.0/net-error": crate::net::NetError },
    });
}

pub use imports::hearthgate::plugin as host;

macro_rules! role {
    ($(#[$meta:meta])* $module:ident, $world:literal, $export:literal) => {
        $(#[$meta])*
        #[allow(missing_docs, clippy::all, clippy::pedantic)]
        pub mod $module {
            wit_bindgen::generate!({
                path: "wit",
                world: $world,
                pub_export_macro: true,
                export_macro_name: $export,
                additional_derives: [PartialEq],
                with: {
                    "hearthgate:plugin/net@0.2.0/net-error": crate::net::NetError,
                    "hearthgate:plugin/types@0.2.0": crate::wit::host::types,
                    "hearthgate:plugin/net@0.2.0": crate::wit::host::net,
                    "hearthgate:plugin/bus@0.2.0": crate::wit::host::bus,
                    "hearthgate:plugin/log@0.2.0": crate::wit::host::log,
                    "hearthgate:plugin/metrics@0.2.0": crate::wit::host::metrics,
                    "hearthgate:plugin/timers@0.2.0": crate::wit::host::timers,
                    "hearthgate:plugin/store@0.2.0": crate::wit::host::store,
                    "hearthgate:plugin/secrets@0.2.0": crate::wit::host::secrets,
                    "hearthgate:plugin/websocket@0.2.0": crate::wit::host::websocket,
                    "hearthgate:plugin/tcp@0.2.0": crate::wit::host::tcp,
                    "hearthgate:plugin/http@0.2.0": crate::wit::host::http,
                    "hearthgate:plugin/files@0.2.0": crate::wit::host::files,
                    "hearthgate:plugin/system@0.2.0": crate::wit::host::system,
                    "hearthgate:plugin/commands@0.2.0": crate::wit::host::commands,
                    "hearthgate:plugin/replies@0.2.0": crate::wit::host::replies,
                    "hearthgate:plugin/retained@0.2.0": crate::wit::host::retained,
                    "hearthgate:plugin/calls@0.2.0": crate::wit::host::calls,
                    "hearthgate:plugin/gateway@0.2.0": crate::wit::host::gateway,
                },
            });
        }
    };
}

role!(
    /// Every plugin: it starts, is reconfigured, saved and stopped.
    lifecycle, "lifecycle-role", "export_lifecycle");
role!(
    /// It is driven by inputs.
    source, "source-role", "export_source");
role!(
    /// It reacts to what others publish.
    subscriber, "subscriber-role", "export_subscriber");
role!(
    /// It answers client messages.
    handler, "handler-role", "export_handler");
role!(
    /// It answers HTTP requests.
    routes, "routes-role", "export_routes");
role!(
    /// It speaks another system's protocol with clients.
    dialect, "dialect-role", "export_dialect");

//! The contract in Rust, generated from `plugin-api/wit`. Everything that a guest calls may trap; what waits is async.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../plugin-api/wit",
    world: "everything",
    imports: {
        "hearthgate:plugin/bus": async | trappable,
        "hearthgate:plugin/store": async | trappable,
        "hearthgate:plugin/websocket": async | trappable,
        "hearthgate:plugin/tcp": async | trappable,
        "hearthgate:plugin/http": async | trappable,
        "hearthgate:plugin/files": async | trappable,
        "hearthgate:plugin/system": async | trappable,
        "hearthgate:plugin/commands": async | trappable,
        "hearthgate:plugin/calls": async | trappable,
        "hearthgate:plugin/retained": async | trappable,
        "hearthgate:plugin/gateway": async | trappable,
        default: trappable,
    },
    exports: { default: async },
});

pub use self::hearthgate::plugin as host;

//! The gateway's own kinds. They are reserved: a plugin may read them, never publish them.

record! {
    /// A plugin instance changed its state.
    PluginState {
        /// The instance.
        instance: String,
        /// The state's name: `running`, `waiting`, `parked`, `failed`, `stopped`, ….
        state: String,
        ?
        /// The plugin's id.
        plugin: String,
        /// The plugin's version.
        version: String,
        /// Why.
        reason: String,
        /// When it is started again, in milliseconds from now.
        retry_after_ms: u64,
    }
}

record! {
    /// A plugin was replaced, or was not.
    PluginReloaded {
        /// The instance.
        instance: String,
        /// `committed`, `refused`, `rolled_back`.
        outcome: String,
        ?
        /// The plugin's id.
        plugin: String,
        /// The version, or the hash, before.
        from: String,
        /// The version, or the hash, that was to be.
        to: String,
        /// What became of the state: `kept`, `dropped`, `none`.
        state: String,
        /// Why it was refused or rolled back.
        reason: String,
        /// How long inputs waited, in milliseconds.
        pause_ms: f64,
    }
}

record! {
    /// The configuration was read anew.
    ConfigReloaded {
        /// `applied` or `refused`.
        outcome: String,
        ?
        /// Why it was refused.
        reason: String,
    }
}

record! {
    /// Something that must be remembered: a login that was refused, what an administrator did.
    Audit {
        /// What: `login`, `authentication`, `revocation`, `config_reload`, ….
        action: String,
        /// `done` or `refused`.
        outcome: String,
        ?
        /// Who did it.
        subject: String,
        /// Where from.
        address: String,
        /// More.
        details: serde_json::Map<String, serde_json::Value>,
    }
}

kinds! {
    Audit = "gateway.audit", None, |d, _| ["gateway", "audit", &d.action];
    PluginState = "gateway.plugin_state", Keep, |d, _| ["gateway", "plugin", &d.instance, "state"];
    PluginReloaded = "gateway.plugin_reloaded", Keep, |d, _| ["gateway", "plugin", &d.instance, "reload"];
    ConfigReloaded = "gateway.config_reloaded", Keep, |_, _| ["gateway", "config"];
}

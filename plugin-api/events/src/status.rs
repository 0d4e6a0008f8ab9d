//! How the parts of the installation are.

use crate::Object;

words! {
    /// How the whole is.
    SystemHealth {
        /// All works.
        Healthy = "healthy",
        /// Some of it works.
        Degraded = "degraded",
        /// It does not work.
        Unhealthy = "unhealthy",
    }
}

record! {
    /// How the whole is.
    SystemStatus {
        /// How it is.
        status: SystemHealth,
        /// Why.
        details: Object,
    }
}

words! {
    /// How an adapter's link to its system is.
    AdapterState {
        /// It tries.
        Connecting = "connecting",
        /// It works.
        Connected = "connected",
        /// It is down and will be tried again.
        Disconnected = "disconnected",
        /// It is down and stays down until somebody acts.
        Failed = "failed",
    }
}

record! {
    /// How an adapter is.
    AdapterStatus {
        /// The adapter's id, usually the plugin's.
        adapter_id: String,
        /// What people call it.
        adapter_name: String,
        /// How its link is.
        status: AdapterState,
        ?
        /// Figures of its own.
        health: Object,
        /// Why.
        message: String,
    }
}

words! {
    /// How a synchronisation is.
    SyncState {
        /// It runs.
        Syncing = "syncing",
        /// It is done.
        Completed = "completed",
        /// It is done, with holes.
        CompletedWithErrors = "completed_with_errors",
        /// It did not work.
        Error = "error",
    }
}

record! {
    /// How far a source has read its system.
    SyncStatus {
        /// How it is.
        status: SyncState,
        /// In words.
        message: String,
        /// Entities read.
        entity_count: u32,
        /// Rooms read.
        room_count: u32,
        /// Percent, 0 to 100.
        #[schemars(range(min = 0, max = 100))]
        progress: f64,
    }
}

kinds! {
    SystemStatus = "system.status", Keep, |_, _| ["system", "status"];
    AdapterStatus = "adapter.status", Keep, |_, instance| ["adapter", instance, "status"];
    SyncStatus = "sync.status", Keep, |_, instance| ["adapter", instance, "sync"];
}

//! Alerts: what somebody should look at.

use crate::Object;

words! {
    /// How bad it is.
    AlertSeverity {
        /// Good to know.
        Low = "low",
        /// Worth a look.
        Medium = "medium",
        /// Needs a look.
        High = "high",
        /// Needs a look now.
        Critical = "critical",
    }
}

words! {
    /// Where an alert stands.
    AlertStatus {
        /// Nobody has looked.
        Open = "open",
        /// Somebody has.
        Acknowledged = "acknowledged",
        /// It is over.
        Cleared = "cleared",
    }
}

record! {
    /// The device that an alert is about: whatever is known of it.
    AlertDevice {
        ?
        /// The source system's id.
        id: String,
        /// Its IP address.
        ip: String,
        /// Its hardware address.
        mac: String,
        /// What people call it.
        name: String,
    }
}

record! {
    /// An alert.
    Alert {
        /// The source system's id.
        alert_id: String,
        /// `security`, `device`, `network`, …: the topic's second level.
        category: String,
        /// How bad it is.
        severity: AlertSeverity,
        /// One line.
        title: String,
        /// Where it stands.
        status: AlertStatus,
        ?
        /// What happened, in sentences.
        message: String,
        /// Why it was raised.
        reason: String,
        /// The device it is about.
        device: AlertDevice,
        /// What was done about it already.
        action_taken: String,
        /// How sure or how strange, by the source's own measure.
        score: f64,
        /// Whatever else its source knows.
        details: Object,
    }
}

same_data! {
    /// An alert is new.
    AlertRaised(Alert)
    /// An alert changed.
    AlertUpdated(Alert)
    /// An alert is over; ends its retained state.
    AlertCleared(Alert)
}

kinds! {
    AlertRaised = "alert.raised", Keep, |d, _| ["alert", &d.0.category, &d.0.alert_id];
    AlertUpdated = "alert.updated", Keep, |d, _| ["alert", &d.0.category, &d.0.alert_id];
    AlertCleared = "alert.cleared", Clear, |d, _| ["alert", &d.0.category, &d.0.alert_id];
}

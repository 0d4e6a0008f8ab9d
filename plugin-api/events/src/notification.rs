//! What is said to people.

use crate::Object;

record! {
    /// A message for people.
    NotificationSent {
        /// The notification's own id.
        id: String,
        /// What it is about: `announcement`, ….
        #[serde(rename = "type")]
        kind: String,
        /// One line.
        title: String,
        /// The rest.
        message: String,
        /// How bad it is: `info`, `warning`, `low`, `critical`, …: the source's own word.
        severity: String,
        /// Whether it was read already.
        read: bool,
        ?
        /// The device it is about.
        device_id: String,
        /// Whatever belongs to it.
        data: Object,
    }
}

record! {
    /// What an operator or an API client broadcast.
    BroadcastSent {
        /// The sender's own word: the topic's second level.
        #[serde(rename = "type")]
        kind: String,
        /// What was sent.
        data: serde_json::Value,
    }
}

kinds! {
    NotificationSent = "notification.sent", None, |d, _| ["notification", &d.id];
    BroadcastSent = "broadcast.sent", None, |d, _| ["broadcast", &d.kind];
}

//! The audit log's records, as events for administrators.

use crate::auth::Record;
use crate::bus::Bus;
use crate::event::{Audience, Draft, InstanceName, Kind, Labels, Topic};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Who may see them, whatever the rules say of the topic.
const ROLE: &str = "admin";

/// Publishes records until there will be no more.
pub fn publish(mut records: mpsc::Receiver<Record>, bus: Bus) {
    tokio::spawn(async move {
        while let Some(record) = records.recv().await {
            let Some(draft) = draft(record) else { continue };
            let published = bus.publish(&InstanceName::gateway(), vec![draft]).await;
            if let Err(error) = published {
                tracing::warn!(%error, "an audit record was not published");
            }
        }
    });
}

fn draft(record: Record) -> Option<Draft> {
    let mut data = json!({ "action": record.action, "outcome": record.outcome });
    let optional = [("subject", record.subject), ("address", record.address)];
    for (name, value) in optional {
        if let Some(value) = value {
            data[name] = value.into();
        }
    }
    if !record.details.is_empty() {
        data["details"] = Value::Object(record.details);
    }
    Some(Draft {
        kind: Kind::parse("gateway.audit").ok()?,
        topic: Topic::parse(&format!("gateway/audit/{}", record.action)).ok()?,
        labels: Labels::default(),
        data: to_raw_value(&data).ok()?,
        occurred_at: None,
        retain: false,
        audience: vec![Audience::Role(ROLE.into())],
    })
}

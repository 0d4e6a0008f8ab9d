//! Starting a device's monitoring: really, by whatever plugin answers `start_monitoring`.

use super::{Outcome, Refusal, send, text_or};
use hearthgate_plugin::{CallError, Identity, Rejection, calls, gateway, log};
use serde_json::{Map, Value, json};

pub fn start(device: &str, body: &Map<String, Value>, who: Option<&Identity>) -> Outcome {
    let kind = text_or(body, "type", "all");
    let interval = match body.get("interval") {
        None | Some(Value::Null) => 5.0,
        Some(value) => value
            .as_f64()
            .ok_or_else(|| Refusal(400, "interval must be a number of seconds".to_owned()))?,
    };
    let ask = json!({"device_id": device, "type": kind, "interval": interval});
    let reply = calls::call("start_monitoring", &ask, who).map_err(refusal)?;
    let reply: Value = serde_json::from_str(&reply).unwrap_or_default();
    let interval = reply
        .get("interval")
        .cloned()
        .unwrap_or_else(|| interval.into());
    let mut announced = Map::new();
    announced.insert(
        "message".to_owned(),
        format!("Monitoring of {device} started").into(),
    );
    announced.insert("device_id".to_owned(), device.into());
    announced.insert("monitoring_type".to_owned(), kind.as_str().into());
    announced.insert("interval".to_owned(), interval.clone());
    // It runs, whether or not everybody can be told.
    if let Err(error) = gateway::send(
        &[],
        send::custom(
            "system_message",
            announced,
            Some(&format!("device_{device}")),
        ),
    ) {
        log::warn!("the start of monitoring was not announced: {error}");
    }
    Ok(
        json!({"message": "Monitoring started successfully", "device_id": device, "type": kind, "interval": interval}),
    )
}

fn refusal(error: CallError) -> Refusal {
    match error {
        CallError::Rejected(Rejection::BadRequest(reason)) => Refusal(400, reason),
        CallError::Rejected(Rejection::Forbidden(reason)) => Refusal(403, reason),
        CallError::Rejected(Rejection::NotFound(_)) => Refusal(404, "Device not found".to_owned()),
        CallError::Rejected(Rejection::Unavailable(reason)) | CallError::Unavailable(reason) => {
            Refusal(503, reason)
        }
        CallError::UnknownType => Refusal(503, "No plugin monitors devices".to_owned()),
        CallError::Failed(_) => Refusal(500, "Monitoring could not be started".to_owned()),
    }
}

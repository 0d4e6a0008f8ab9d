//! The handler `mqtt_publish`.

use crate::codec::Qos;
use crate::session::{NotPublished, Outgoing, Session};
use crate::topics::{Pattern, is_topic};
use hearthgate_plugin::{Answer, Rejection, Request};
use serde::Deserialize;
use serde_json::{Value, json};

/// What a client asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    topic: String,
    payload: Value,
    #[serde(default = "zero")]
    qos: Qos,
    #[serde(default)]
    retain: bool,
}

fn zero() -> Qos {
    Qos::Zero
}

/// Publishes for a client, if the operator allowed the topic. QoS 0 is answered at once, the others once the broker
/// confirmed.
///
/// # Errors
/// Not allowed, not possible now, or not what a broker takes.
pub fn handle(
    session: &mut Session,
    allowed: &[Pattern],
    may_retain: bool,
    request: &Request,
) -> Result<Answer, Rejection> {
    let wish: Wish = request.data()?;
    if !is_topic(&wish.topic) {
        return Err(Rejection::BadRequest(
            "topic: must be one to publish to, without + and #".to_owned(),
        ));
    }
    if !allowed.iter().any(|pattern| pattern.matches(&wish.topic)) {
        return Err(Rejection::Forbidden(format!(
            "publish.topics of the configuration doesn't allow {}",
            wish.topic
        )));
    }
    if wish.retain && !may_retain {
        return Err(Rejection::Forbidden(
            "publish.retain of the configuration doesn't allow it".to_owned(),
        ));
    }
    let payload = match wish.payload {
        Value::Null => String::new(),
        Value::String(text) => text,
        other => other.to_string(),
    };
    let message = Outgoing {
        request: request.id,
        topic: &wish.topic,
        payload: payload.as_bytes(),
        qos: wish.qos,
        retain: wish.retain,
    };
    match session.publish(&message) {
        Ok(true) => Ok(Answer::Later),
        Ok(false) => Answer::json(&json!({"published": true, "confirmed": false})),
        Err(NotPublished::Unavailable(reason)) => Err(Rejection::Unavailable(reason)),
        Err(NotPublished::Unfit(reason)) => Err(Rejection::BadRequest(reason)),
    }
}

//! `POST /api/v1/events`.

use super::Reply;
use crate::bus::{Bus, MAX_EVENT_BYTES, PublishError};
use crate::event::{Audience, Draft, InstanceName, Invalid, Kind, Labels, Timestamp, Topic};
use crate::http::{body, reply};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

/// The source of what is published here.
const SOURCE: &str = "admin-api";
/// Largest body: the largest data, and room for the rest.
const MAX_BODY: usize = MAX_EVENT_BYTES + 64 * 1024;

/// The body of the request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    kind: String,
    topic: String,
    data: Box<RawValue>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    retain: bool,
    #[serde(default)]
    audience: Vec<String>,
    #[serde(default)]
    occurred_at: Option<Timestamp>,
}

impl Body {
    fn draft(self) -> Result<Draft, Invalid> {
        let audience = self.audience.iter().map(|a| Audience::parse(a));
        Ok(Draft {
            kind: Kind::parse(&self.kind)?,
            topic: Topic::parse(&self.topic)?,
            labels: Labels::parse(&self.labels)?,
            data: self.data,
            occurred_at: self.occurred_at,
            retain: self.retain,
            audience: audience.collect::<Result<_, _>>()?,
        })
    }
}

/// Publishes the event in a request's body.
pub async fn publish(bus: &Bus, request: Request<Incoming>) -> Reply {
    let body = match body::read(request.into_body(), MAX_BODY).await {
        Ok(body) => body,
        Err(response) => return *response,
    };
    let invalid = |why: String| reply::error(StatusCode::BAD_REQUEST, "INVALID_EVENT", &why);
    let draft = match serde_json::from_slice::<Body>(&body) {
        Ok(body) => body.draft(),
        Err(error) => return invalid(format!("the body is not an event: {error}")),
    };
    let draft = match draft {
        Ok(draft) => draft,
        Err(error) => return invalid(error.to_string()),
    };
    let source = InstanceName::parse(SOURCE).expect("the name is valid");
    match bus.publish(&source, vec![draft]).await {
        Ok(seq) => reply::json(StatusCode::OK, &serde_json::json!({ "seq": seq })),
        Err(error) => refused(&error),
    }
}

fn refused(error: &PublishError) -> Reply {
    match error {
        PublishError::Invalid { reason, .. } => {
            reply::error(StatusCode::BAD_REQUEST, "INVALID_EVENT", reason)
        }
        PublishError::TooLarge { limit, .. } => {
            let why = format!("data is longer than {limit} bytes");
            reply::error(StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", &why)
        }
        PublishError::Reserved { .. } => {
            let why = "kinds that start with \"gateway.\" and topics below \"gateway/\" are the gateway's own";
            reply::error(StatusCode::FORBIDDEN, "FORBIDDEN", why)
        }
        PublishError::Busy { retry_after } => {
            reply::try_later("BUSY", &error.to_string(), *retry_after)
        }
        PublishError::Closed => reply::try_later(
            "STOPPING",
            "the gateway is stopping",
            Duration::from_secs(5),
        ),
    }
}

//! `/api/v1/auth/revocations`.

use super::{Reply, State};
use crate::auth::revocation::{RevokeError, What};
use crate::auth::{Record, Revocation};
use crate::event::Timestamp;
use crate::http::{body, plugin::pairs, reply};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::json;

/// Largest body.
const MAX_BODY: usize = 4096;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    #[serde(default)]
    jti: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    issued_before: Option<Timestamp>,
}

fn what(jti: Option<String>, subject: Option<String>) -> Result<What, &'static str> {
    match (jti, subject) {
        (Some(id), None) if !id.is_empty() => Ok(What::Jti(id)),
        (None, Some(subject)) if !subject.is_empty() => Ok(What::Subject(subject)),
        _ => Err("say what is revoked: jti or subject (one of them)"),
    }
}

impl State {
    pub(super) fn revocations(&self) -> Reply {
        let all = self.connections.auth().revocations().list();
        reply::json(StatusCode::OK, &json!({ "revocations": all }))
    }

    pub(super) async fn revoke(&self, request: Request<Incoming>, by: Option<&str>) -> Reply {
        let bytes = match body::read(request.into_body(), MAX_BODY).await {
            Ok(bytes) => bytes,
            Err(response) => return *response,
        };
        let invalid = |why: &str| reply::error(StatusCode::BAD_REQUEST, "INVALID_REVOCATION", why);
        let body: Body = match serde_json::from_slice(&bytes) {
            Ok(body) => body,
            Err(error) => return invalid(&format!("the body is no revocation: {error}")),
        };
        let what = match what(body.jti, body.subject) {
            Ok(what) => what,
            Err(why) => return invalid(why),
        };
        let revocation = Revocation {
            what,
            until: body.until,
            issued_before: body.issued_before,
            revoked_at: Timestamp::now(),
        };
        let auth = self.connections.auth();
        let added = auth.revocations().add(revocation.clone()).await;
        if let Err(error @ RevokeError::Full) = &added {
            return reply::error(StatusCode::CONFLICT, "FULL", &error.to_string());
        }
        // Whether or not it could be written down, it holds: those whom it concerns are cut off.
        self.connections.review().await;
        let record = Record::new("revocation", true).by(by);
        auth.audit()
            .record(record.with("revocation", json!(revocation)));
        match added {
            Ok(()) => reply::json(StatusCode::OK, &json!(revocation)),
            Err(error) => not_kept(&error),
        }
    }

    pub(super) async fn restore(&self, query: &str, by: Option<&str>) -> Reply {
        let (mut jti, mut subject) = (None, None);
        for (name, value) in pairs(query) {
            match name.as_str() {
                "jti" => jti = Some(value),
                "subject" => subject = Some(value),
                _ => {}
            }
        }
        let what = match what(jti, subject) {
            Ok(what) => what,
            Err(why) => return reply::error(StatusCode::BAD_REQUEST, "INVALID_PARAMETER", why),
        };
        let auth = self.connections.auth();
        match auth.revocations().remove(&what).await {
            Ok(true) => {
                let record = Record::new("revocation_deleted", true).by(by);
                auth.audit().record(record.with("revocation", json!(what)));
                reply::json(StatusCode::OK, &json!({ "deleted": what }))
            }
            Ok(false) => {
                let why = "there is no such revocation";
                reply::error(StatusCode::NOT_FOUND, "NOT_FOUND", why)
            }
            Err(error) => not_kept(&error),
        }
    }
}

fn not_kept(error: &RevokeError) -> Reply {
    let why = error.to_string();
    reply::error(StatusCode::INTERNAL_SERVER_ERROR, "NOT_KEPT", &why)
}

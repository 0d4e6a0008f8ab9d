//! `authenticate`: a token, to become someone, or to stay who one is beyond the end of the last one. Subscriptions
//! stay, but for those that the new identity may not have.

use super::{Answer, Context};
use crate::auth::Token;
use crate::event::Timestamp;
use crate::plugins::api::Client;
use crate::protocol::{ErrorCode, Refusal, reply};
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

#[derive(Serialize)]
struct Authenticated<'a> {
    subject: &'a str,
    roles: &'a [String],
    expires_at: Option<Timestamp>,
}

/// A token that is not taken changes nothing, nor does one whose user has as many connections as a user may have.
pub(super) async fn run(
    context: &mut Context,
    id: Option<&RawValue>,
    token: String,
) -> Result<Answer, Refusal> {
    let auth = &context.backend.auth;
    let token = Token::new(token);
    let checked = auth.authenticate(&token, &context.client.address);
    let verified = checked.await.map_err(|error| {
        let refusal = Refusal::new(ErrorCode::AuthenticationFailed, error.to_string());
        Refusal {
            details: serde_json::json!({ "reason": error.label() }),
            ..refusal
        }
    })?;
    let identity = verified.identity.clone();
    let terms = context.terms.load();
    let doorman = &context.backend.doorman;
    let seated = doorman.seat(&mut context.place, &identity.subject, &terms);
    seated.map_err(|too_many| {
        let refusal = Refusal::new(ErrorCode::RateLimited, too_many.sentence());
        Refusal {
            details: serde_json::json!({ "limit": too_many.limit.name() }),
            ..refusal.retry_after(too_many.after)
        }
    })?;
    let access = auth.access(Some(&identity));
    let expires_at = verified.expires_at;
    context.client = Arc::new(Client {
        identity: Some(identity.clone()),
        ..Client::clone(&context.client)
    });
    context.link.identify(verified, access).await;
    let data = Authenticated {
        subject: &identity.subject,
        roles: &identity.roles,
        expires_at,
    };
    Ok(Answer::Frame(reply::reply("authenticated", id, data)))
}

//! `gateway`: what may be asked of the gateway itself.

use crate::auth;
use crate::plugins::admission::Refused;
use crate::plugins::api::Page;
use crate::plugins::bindings::host::bus::Refusal;
use crate::plugins::bindings::host::gateway::{Host, LoginError, Session};
use crate::plugins::bindings::host::types::Event;
use crate::plugins::context::Context;
use crate::plugins::convert;
use crate::plugins::grants::GatewayVerb;

/// Most connections in one answer.
const MAX_CLIENTS: u32 = 1000;

impl Context {
    fn ask(&self, verb: GatewayVerb) -> Result<(), String> {
        self.permissions.gateway(verb).map_err(|denied| {
            self.place.denied(&denied.reason);
            denied.reason
        })
    }
}

impl Host for Context {
    async fn stats(&mut self) -> wasmtime::Result<String> {
        Ok(match self.ask(GatewayVerb::Stats) {
            Ok(()) => self.place.around.view.stats().to_string(),
            Err(_) => "null".to_owned(),
        })
    }

    async fn clients(&mut self, offset: u32, limit: u32) -> wasmtime::Result<String> {
        Ok(match self.ask(GatewayVerb::Clients) {
            Ok(()) => {
                let page = Page {
                    offset,
                    limit: limit.min(MAX_CLIENTS),
                    bytes: self.place.limits().receive_bytes,
                    sessions_of: Some(&self.place.name),
                };
                self.place.around.view.clients(page).to_string()
            }
            Err(_) => "null".to_owned(),
        })
    }

    async fn send(
        &mut self,
        audience: Vec<String>,
        event: Event,
    ) -> wasmtime::Result<Result<u32, String>> {
        if let Err(reason) = self.ask(GatewayVerb::Send) {
            return Ok(Err(reason));
        }
        let sent = self
            .place
            .admission
            .send(&self.permissions, &audience, event);
        let sent = tokio::time::timeout(self.patience(), sent).await;
        let Ok(sent) = sent else {
            return Ok(Err(
                "the gateway did not answer in time; it may have been sent".to_owned(),
            ));
        };
        Ok(match sent {
            Ok(count) => Ok(count),
            Err(Refused::Denied(denied)) => {
                self.place.denied(&denied.reason);
                Err(denied.reason)
            }
            Err(Refused::Refusal(refusal)) => Err(match refusal {
                Refusal::NotGranted(reason) | Refusal::Invalid((_, reason)) => reason,
                Refusal::Throttled(millis) => format!("too fast; try again in {millis} ms"),
                Refusal::TooLarge(_) => "the event is too large".to_owned(),
            }),
        })
    }

    async fn disconnect(
        &mut self,
        client: String,
        code: u16,
        reason: String,
    ) -> wasmtime::Result<Result<bool, String>> {
        if let Err(reason) = self.ask(GatewayVerb::Disconnect) {
            return Ok(Err(reason));
        }
        // RFC 6455, section 7.4: the others are not a server's to send, or not to be sent at all; 1000 would tell the
        // client that all is done.
        if !matches!(code, 1001 | 1008 | 1011..=1013 | 3000..=4999) {
            return Ok(Err(format!(
                "the code {code} is none that a server may close with: 1001, 1008, 1011 to 1013, 3000 to 4999"
            )));
        }
        let view = &self.place.around.view;
        Ok(Ok(view.disconnect(&client, code, &reason).await))
    }

    async fn login(
        &mut self,
        username: String,
        password: String,
        address: String,
    ) -> wasmtime::Result<Result<Session, LoginError>> {
        if let Err(reason) = self.ask(GatewayVerb::Login) {
            return Ok(Err(LoginError::Unavailable(reason)));
        }
        let accounts = &self.place.around.accounts;
        let outcome = accounts.login(&username, &password, &address).await;
        Ok(outcome.map(session).map_err(login_error))
    }

    async fn refresh(&mut self, token: String) -> wasmtime::Result<Result<Session, LoginError>> {
        if let Err(reason) = self.ask(GatewayVerb::Login) {
            return Ok(Err(LoginError::Unavailable(reason)));
        }
        let outcome = self.place.around.accounts.refresh(&token).await;
        Ok(outcome.map(session).map_err(login_error))
    }
}

fn session(session: auth::LoginSession) -> Session {
    Session {
        access_token: session.access_token,
        refresh_token: session.refresh_token,
        expires_in: session.expires_in.as_secs(),
        identity: convert::identity(&session.identity),
    }
}

fn login_error(error: auth::LoginError) -> LoginError {
    match error {
        auth::LoginError::InvalidCredentials => LoginError::InvalidCredentials,
        auth::LoginError::Throttled(after) => {
            let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            LoginError::Throttled(millis)
        }
        auth::LoginError::Unavailable(why) => LoginError::Unavailable(why),
    }
}

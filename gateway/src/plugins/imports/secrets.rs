//! `secrets`: secrets in plain text, for those who may see them.

use crate::plugins::bindings::host::secrets::Host;
use crate::plugins::context::Context;
use crate::plugins::services::secrets::SecretError;

impl Host for Context {
    fn reveal(&mut self, name: String) -> wasmtime::Result<Result<String, String>> {
        Ok(match self.place.services.reveal(&name) {
            Ok(secret) => Ok(secret.expose().to_owned()),
            Err(error) => {
                if matches!(error, SecretError::Unknown(_) | SecretError::NotRevealed(_)) {
                    self.place.denied(&error.to_string());
                }
                Err(error.to_string())
            }
        })
    }
}

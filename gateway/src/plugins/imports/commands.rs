//! `commands`: what the operator wrote down.

use crate::plugins::bindings::host::commands::{Host, Outcome};
use crate::plugins::context::Context;
use crate::plugins::services::commands::CommandError;

impl Host for Context {
    async fn run(
        &mut self,
        name: String,
        arguments: Vec<(String, String)>,
    ) -> wasmtime::Result<Result<Outcome, String>> {
        Ok(
            match self.place.services.commands.run(&name, &arguments).await {
                Ok(outcome) => Ok(Outcome {
                    exit_code: outcome.exit_code,
                    stdout: outcome.stdout.into(),
                    stderr: outcome.stderr.into(),
                }),
                Err(error) => {
                    if matches!(error, CommandError::NotGranted(_)) {
                        self.place.denied(&error.to_string());
                    }
                    Err(error.to_string())
                }
            },
        )
    }
}

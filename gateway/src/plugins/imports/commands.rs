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
        let patience = self.patience();
        let run = self.place.services.commands.run(&name, &arguments);
        // A command that is no longer waited for is killed.
        let ended = tokio::time::timeout(patience, run).await;
        Ok(
            match ended.unwrap_or(Err(CommandError::Timeout(patience))) {
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

//! Things that are done to devices: each is told from `queued` to `completed` or `failed`.

use super::Monitor;
use crate::adb::command::Command;
use crate::adb::script::Mark;
use hearthgate_plugin::Event;
use hearthgate_plugin::events::{ActionStatus, DeviceAction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most actions that wait or run.
pub(super) const MOST_ACTIONS: usize = 64;
/// Most that is told of what a command printed, in characters.
const LONGEST_OUTPUT: usize = 4096;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Action {
    pub id: String,
    pub device: String,
    pub kind: String,
    pub command: Command,
}

impl Monitor {
    /// `device.action`.
    pub(super) fn tell_action(
        &mut self,
        action: &Action,
        status: ActionStatus,
        result: Option<Value>,
    ) {
        let data = DeviceAction {
            result,
            ..DeviceAction::new(
                action.id.as_str(),
                action.device.as_str(),
                action.kind.as_str(),
                status,
            )
        };
        let event = Event::of(&data);
        let event = match self.devices.get(&action.device) {
            Some(device) => device.labelled(event, self.known(&action.device)),
            None => event.label("device", &action.device),
        };
        self.outbox.push(event);
    }

    pub(super) fn action_over(
        &mut self,
        action: &Action,
        mark: &Mark,
        outcome: Result<String, String>,
    ) {
        let (status, result) = judged(&action.command, mark, outcome);
        self.tell_action(action, status, Some(result));
    }
}

fn judged(
    command: &Command,
    mark: &Mark,
    outcome: Result<String, String>,
) -> (ActionStatus, Value) {
    let failed = |reason: &str| (ActionStatus::Failed, json!({"error": reason}));
    let output = match outcome {
        Ok(output) => output,
        Err(reason) => return failed(&reason),
    };
    if *command == Command::Reboot {
        // The service says nothing where it works, and why not where it doesn't.
        return match output.trim() {
            "" => (ActionStatus::Completed, json!({"output": ""})),
            reason => failed(&shortened(reason)),
        };
    }
    match mark.exit_code(&output) {
        None => failed("the session was cut off before the command ended"),
        Some((text, code)) => {
            let status = if code == 0 {
                ActionStatus::Completed
            } else {
                ActionStatus::Failed
            };
            (
                status,
                json!({"exit_code": code, "output": shortened(text)}),
            )
        }
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_OUTPUT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_told_as_it_was() {
        let mark = Mark::new(1);
        let shell = Command::Shell("x".to_owned());
        let check = |command: &Command,
                     outcome: Result<&str, &str>,
                     status: ActionStatus,
                     result: Value| {
            let outcome = outcome.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(judged(command, &mark, outcome), (status, result));
        };
        let line =
            |code: &str| format!("Events injected: 1\r\n@hearthgate-0000000000000001 {code}\r\n");
        check(
            &shell,
            Ok(&line("0")),
            ActionStatus::Completed,
            json!({"exit_code": 0, "output": "Events injected: 1"}),
        );
        check(
            &shell,
            Ok(&line("252")),
            ActionStatus::Failed,
            json!({"exit_code": 252, "output": "Events injected: 1"}),
        );
        check(
            &shell,
            Ok("half"),
            ActionStatus::Failed,
            json!({"error": "the session was cut off before the command ended"}),
        );
        check(
            &shell,
            Err("device offline"),
            ActionStatus::Failed,
            json!({"error": "device offline"}),
        );
        check(
            &Command::Reboot,
            Ok(""),
            ActionStatus::Completed,
            json!({"output": ""}),
        );
        check(
            &Command::Reboot,
            Ok("Operation not permitted\n"),
            ActionStatus::Failed,
            json!({"error": "Operation not permitted"}),
        );
        let long = format!("{}{}", "x".repeat(9000), line("0"));
        let (_, result) = judged(&shell, &mark, Ok(long));
        assert_eq!(
            result["output"].as_str().map(str::len),
            Some(LONGEST_OUTPUT)
        );
    }
}

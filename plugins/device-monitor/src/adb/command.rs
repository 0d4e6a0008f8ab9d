//! What may be done to a device: only what the operator wrote into the configuration, with arguments that can't be anything but
//! what they are for.

use super::wire::LONGEST_REQUEST;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Most bytes of a command: what every device takes, less what is put around it.
const LONGEST_COMMAND: usize = LONGEST_REQUEST - 96;

/// What the operator allows.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Allowed {
    /// `reboot`.
    pub reboot: bool,
    /// `screen_on`.
    pub screen_on: bool,
    /// `screen_off`.
    pub screen_off: bool,
    /// Apps that `start_app` may start.
    pub start_app: Vec<String>,
    /// Apps that `stop_app` may end.
    pub stop_app: Vec<String>,
    /// Actions of the operator's own: name → shell commands, as they stand.
    pub commands: BTreeMap<String, String>,
}

/// How an action reaches the device.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// By the device's shell.
    Shell(String),
    /// By adb's own service; the connection ends with the device.
    Reboot,
}

/// Why an action is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The operator does not allow it.
    NotAllowed(String),
    /// An argument does not fit.
    BadArgument(String),
}

impl Allowed {
    /// The command of an action.
    ///
    /// # Errors
    /// Says what is not allowed, and how an operator would allow it.
    pub fn command(&self, action: &str, package: Option<&str>) -> Result<Command, Refusal> {
        let shell = |allowed: bool, command: &str| match allowed {
            true => Ok(Command::Shell(command.to_owned())),
            false => Err(not_allowed(action)),
        };
        match action {
            "reboot" if self.reboot => Ok(Command::Reboot),
            "reboot" => Err(not_allowed(action)),
            "screen_on" => shell(self.screen_on, "input keyevent 224"),
            "screen_off" => shell(self.screen_off, "input keyevent 223"),
            "start_app" => {
                let package = app(action, package, &self.start_app)?;
                let command = format!("monkey -p {package} -c android.intent.category.LAUNCHER 1");
                Ok(Command::Shell(command))
            }
            "stop_app" => {
                let package = app(action, package, &self.stop_app)?;
                Ok(Command::Shell(format!("am force-stop {package}")))
            }
            own => match self.commands.get(own) {
                Some(command) => Ok(Command::Shell(command.clone())),
                None => Err(not_allowed(own)),
            },
        }
    }

    /// Every package that is no package's name, with its key.
    pub fn problems(&self) -> impl Iterator<Item = (String, String)> {
        let lists = [("start-app", &self.start_app), ("stop-app", &self.stop_app)];
        let bad = lists.into_iter().flat_map(|(key, list)| {
            let bad = list
                .iter()
                .enumerate()
                .filter(|(_, name)| !is_package(name));
            bad.map(move |(i, name)| {
                let problem =
                    format!("{name:?} is no package's name, such as \"com.android.settings\"");
                (format!("actions.{key}.{i}"), problem)
            })
        });
        let names = self.commands.keys().filter(|name| !is_action(name));
        let names = names.map(|name| {
            (
                format!("actions.commands.{name}"),
                "a name is 1 to 64 of a-z, 0-9 and _".to_owned(),
            )
        });
        let long = self
            .commands
            .iter()
            .filter(|(_, command)| command.len() > LONGEST_COMMAND);
        let long = long.map(|(name, _)| {
            (
                format!("actions.commands.{name}"),
                format!("longer than {LONGEST_COMMAND} bytes, which is all that a device takes"),
            )
        });
        bad.chain(names).chain(long).collect::<Vec<_>>().into_iter()
    }
}

fn not_allowed(action: &str) -> Refusal {
    Refusal::NotAllowed(format!(
        "the action {action:?} is not among `actions` of the configuration"
    ))
}

fn app<'a>(action: &str, package: Option<&'a str>, allowed: &[String]) -> Result<&'a str, Refusal> {
    let package = package.ok_or_else(|| Refusal::BadArgument("package is required".to_owned()))?;
    if !is_package(package) {
        return Err(Refusal::BadArgument(
            "package: not a package's name".to_owned(),
        ));
    }
    match allowed.iter().any(|name| name == package) {
        true => Ok(package),
        false => Err(Refusal::NotAllowed(format!(
            "{action} of {package} is not among `actions` of the configuration"
        ))),
    }
}

/// As Android's package manager wants it: two or more words of letters, digits and `_`, joined by dots.
fn is_package(name: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    name.len() <= 255 && name.contains('.') && name.split('.').all(word)
}

fn is_action(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Allowed {
        let commands = [(
            "kiosk".to_owned(),
            "am start -n org.example/.Main".to_owned(),
        )];
        Allowed {
            reboot: true,
            screen_on: true,
            screen_off: true,
            start_app: vec!["com.android.settings".to_owned()],
            stop_app: vec!["org.example.kiosk_2".to_owned()],
            commands: commands.into(),
        }
    }

    #[test]
    fn what_is_allowed_has_its_command() {
        let check = |action: &str, package: Option<&str>, expected: &str| {
            assert_eq!(
                all().command(action, package),
                Ok(Command::Shell(expected.to_owned()))
            );
        };
        check("screen_on", None, "input keyevent 224");
        check("screen_off", None, "input keyevent 223");
        check(
            "start_app",
            Some("com.android.settings"),
            "monkey -p com.android.settings -c android.intent.category.LAUNCHER 1",
        );
        check(
            "stop_app",
            Some("org.example.kiosk_2"),
            "am force-stop org.example.kiosk_2",
        );
        check("kiosk", None, "am start -n org.example/.Main");
        assert_eq!(all().command("reboot", None), Ok(Command::Reboot));
    }

    #[test]
    fn nothing_is_allowed_by_itself() {
        for action in ["reboot", "screen_on", "screen_off", "kiosk", "rm -rf /", ""] {
            let refused = Allowed::default().command(action, None);
            assert!(
                matches!(refused, Err(Refusal::NotAllowed(_))),
                "{action}: {refused:?}"
            );
        }
        let refused = all().command("start_app", Some("com.android.phone"));
        assert!(
            matches!(refused, Err(Refusal::NotAllowed(_))),
            "{refused:?}"
        );
    }

    #[test]
    fn no_argument_reaches_the_shell_but_a_package() {
        let mut allowed = all();
        for evil in [
            "a.b;reboot",
            "a.b $(reboot)",
            "a.b`x`",
            "a.b\nreboot",
            "-a.b",
            "a..b",
            "a",
            "",
            "a.b'",
            "a.b|x",
            "ä.b",
            "1a.b",
        ] {
            allowed.start_app.push(evil.to_owned());
            let refused = allowed.command("start_app", Some(evil));
            assert!(
                matches!(refused, Err(Refusal::BadArgument(_))),
                "{evil}: {refused:?}"
            );
        }
        assert_eq!(
            allowed.problems().count(),
            12,
            "an operator is told at the start"
        );
        assert!(matches!(
            allowed.command("start_app", None),
            Err(Refusal::BadArgument(_))
        ));
        assert_eq!(all().problems().count(), 0);
    }
}

//! Turns a client's `announce` into a `notification.sent` for everyone, and answers with its id and sequence
//! number. See the README beside this crate.

use hearthgate_plugin::events::{NotificationSent, Object};
use hearthgate_plugin::{Answer, Client, Event, Failure, Plugin, Rejection, Request, Start};
use serde::Deserialize;
use serde_json::json;
use std::hash::{BuildHasher, RandomState};

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    default_severity: Severity,
    max_message: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Announcement {
    title: String,
    message: String,
    severity: Option<Severity>,
    #[serde(rename = "type")]
    kind: Option<String>,
    device_id: Option<String>,
    data: Option<Object>,
}

/// Longest title, in characters: it is one line.
const MAX_TITLE: usize = 200;

struct Announce(Config);

impl Plugin for Announce {
    type Config = Config;

    fn init(_: &mut Start, config: Config) -> Result<Self, Failure> {
        Ok(Self(config))
    }

    fn handle(&mut self, client: Client, request: Request) -> Result<Answer, Rejection> {
        let announcement: Announcement = request.data()?;
        check_text("title", &announcement.title, MAX_TITLE)?;
        check_text("message", &announcement.message, self.0.max_message)?;
        let severity = announcement
            .severity
            .unwrap_or(self.0.default_severity)
            .as_str();
        let mut data = announcement.data.unwrap_or_default();
        let by = client.identity.map(|identity| identity.subject);
        // Who announced is the gateway's to know, so a client can't claim to be another.
        data.insert("announced_by".to_owned(), json!(by));
        let notification = NotificationSent {
            device_id: announcement.device_id,
            data: Some(data),
            ..NotificationSent::new(
                unique_id(),
                announcement
                    .kind
                    .unwrap_or_else(|| "announcement".to_owned()),
                announcement.title,
                announcement.message,
                severity,
                false,
            )
        };
        let seq = Event::of(&notification)
            .label("severity", severity)
            .label_if("device", notification.device_id.as_deref())
            .publish()?;
        Answer::json(&json!({"id": notification.id, "seq": seq}))
    }
}

fn check_text(field: &str, text: &str, longest: usize) -> Result<(), Rejection> {
    if text.trim().is_empty() {
        return Err(Rejection::BadRequest(format!("{field}: must not be empty")));
    }
    if text.chars().count() > longest {
        return Err(Rejection::BadRequest(format!(
            "{field}: longer than {longest} characters"
        )));
    }
    Ok(())
}

/// 128 random bits: no two notifications share an id, whichever of the plugin's instances made them.
fn unique_id() -> String {
    let random = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}

hearthgate_plugin::plugin!(Announce: handler);

#[cfg(test)]
mod tests;

//! What an instance may do: what its manifest requests and its operator grants, both. One typed answer for each
//! question, asked at every call.

use super::interfaces::Capability;
use super::manifest::Manifest;
use crate::config::Instance;
use crate::event::{Draft, Event, Kind, Topic, TopicFilter};
use std::collections::BTreeSet;
use std::fmt;

/// Why an instance may not: which of the two sides lacks what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The capability.
    pub capability: Capability,
    /// Who would have to change what, as one sentence.
    pub reason: String,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// A question that `gateway` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GatewayVerb {
    /// The gateway's figures.
    Stats,
    /// The list of connections.
    Clients,
    /// Events for one audience alone.
    Send,
    /// Closing connections.
    Disconnect,
    /// Logging users in.
    Login,
}

impl GatewayVerb {
    /// The word in requests and grants.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::Clients => "clients",
            Self::Send => "send",
            Self::Disconnect => "disconnect",
            Self::Login => "login",
        }
    }
}

/// The topics that two lists of filters both name.
#[derive(Debug, Clone, Default, PartialEq)]
struct Topics {
    requested: Vec<TopicFilter>,
    granted: Vec<TopicFilter>,
}

/// The names that two lists both contain.
#[derive(Debug, Clone, Default, PartialEq)]
struct Named {
    requested: BTreeSet<String>,
    granted: BTreeSet<String>,
}

/// What an instance may do within the gateway. What it may do outside is in `services::Rights`.
#[derive(Debug, Clone, PartialEq)]
pub struct Permissions {
    publish: Topics,
    subscribe: Topics,
    kinds: BTreeSet<Kind>,
    messages: BTreeSet<String>,
    call: Named,
    gateway: Named,
}

impl Permissions {
    /// Requests ∩ grants.
    #[must_use]
    pub fn new(manifest: &Manifest, instance: &Instance) -> Self {
        let grants = &instance.grants;
        Self {
            publish: Topics {
                requested: manifest.all(|r| &r.publish).cloned().collect(),
                granted: grants.publish.clone(),
            },
            subscribe: Topics {
                requested: manifest.all(|r| &r.subscribe).cloned().collect(),
                granted: grants.subscribe.clone(),
            },
            kinds: manifest
                .publishes
                .iter()
                .chain(manifest.kinds.keys())
                .cloned()
                .collect(),
            messages: manifest
                .messages
                .iter()
                .filter(|m| grants.handle.contains(m))
                .cloned()
                .collect(),
            call: Named {
                requested: manifest.all(|r| &r.call).cloned().collect(),
                granted: grants.call.iter().cloned().collect(),
            },
            gateway: Named {
                requested: manifest.all(|r| &r.gateway).cloned().collect(),
                granted: grants.gateway.iter().cloned().collect(),
            },
        }
    }

    /// Whether it may publish this.
    ///
    /// # Errors
    /// Names the missing grant, or what the manifest lacks.
    pub fn publish(&self, draft: &Draft) -> Result<(), Denied> {
        self.publish_on(&draft.topic)?;
        if self.kinds.contains(&draft.kind) {
            return Ok(());
        }
        Err(Denied {
            capability: Capability::Publish,
            reason: format!(
                "kind {:?} is not among publishes.kinds of the manifest",
                draft.kind.as_str()
            ),
        })
    }

    /// Whether it may publish anything on this topic.
    ///
    /// # Errors
    /// Names the missing grant, or what the manifest lacks.
    pub fn publish_on(&self, topic: &Topic) -> Result<(), Denied> {
        let deny = |reason: String| Denied {
            capability: Capability::Publish,
            reason,
        };
        if !self.publish.requested.iter().any(|f| f.matches(topic)) {
            return Err(deny(format!(
                "topic {:?} is not among requests.publish of the manifest",
                topic.as_str()
            )));
        }
        if !self.publish.granted.iter().any(|f| f.matches(topic)) {
            return Err(deny(format!(
                "grants.publish does not cover topic {:?}",
                topic.as_str()
            )));
        }
        Ok(())
    }

    /// What to ask the bus for, as a subscriber.
    #[must_use]
    pub fn subscriptions(&self) -> &[TopicFilter] {
        &self.subscribe.requested
    }

    /// Whether it may be told of an event. Audiences are not applied: they are about clients.
    #[must_use]
    pub fn may_see(&self, event: &Event) -> bool {
        let topic = &event.draft.topic;
        let matches = |side: &[TopicFilter]| side.iter().any(|f| f.matches(topic));
        matches(&self.subscribe.granted) && matches(&self.subscribe.requested)
    }

    /// Message types that it answers.
    #[must_use]
    pub fn messages(&self) -> &BTreeSet<String> {
        &self.messages
    }

    /// Whether it may ask this of the gateway.
    ///
    /// # Errors
    /// Names the missing grant, or what the manifest lacks.
    pub fn gateway(&self, verb: GatewayVerb) -> Result<(), Denied> {
        self.gateway.allow(Capability::Gateway, verb.name())
    }

    /// Whether it may send messages of this type to handlers.
    ///
    /// # Errors
    /// Names the missing grant, or what the manifest lacks.
    pub fn call(&self, message_type: &str) -> Result<(), Denied> {
        self.call.allow(Capability::Call, message_type)
    }

    /// Whether it may be told of anything at all that these filters match.
    ///
    /// # Errors
    /// Names the missing grant, or what the manifest lacks.
    pub fn may_read(&self, filters: &[TopicFilter]) -> Result<(), Denied> {
        let deny = |reason: &str| {
            Err(Denied {
                capability: Capability::Subscribe,
                reason: reason.to_owned(),
            })
        };
        let covers = |side: &[TopicFilter]| {
            let one = |filter| side.iter().any(|other| overlaps(filter, other));
            filters.iter().any(one)
        };
        if !covers(&self.subscribe.requested) {
            return deny("none of the topics is among requests.subscribe of the manifest");
        }
        if !covers(&self.subscribe.granted) {
            return deny("grants.subscribe covers none of the topics");
        }
        Ok(())
    }
}

impl Named {
    fn allow(&self, capability: Capability, name: &str) -> Result<(), Denied> {
        let reason = if !self.requested.contains(name) {
            format!("{name:?} is not among requests.{capability} of the manifest")
        } else if !self.granted.contains(name) {
            format!("grants.{capability} does not name {name:?}")
        } else {
            return Ok(());
        };
        Err(Denied { capability, reason })
    }
}

/// Whether some topic fits both filters.
#[must_use]
pub fn overlaps(one: &TopicFilter, other: &TopicFilter) -> bool {
    let mut ours = one.as_str().split('/');
    let mut theirs = other.as_str().split('/');
    loop {
        match (ours.next(), theirs.next()) {
            (None, None) | (Some("#"), _) | (_, Some("#")) => return true,
            (None, _) | (_, None) => return false,
            (Some("+"), _) | (_, Some("+")) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_overlap_where_some_topic_fits_both() {
        for (one, other, expected) in [
            ("a/#", "a/b", true),
            ("a/#", "a", true),
            ("a/+", "+/b", true),
            ("a/+", "a", false),
            ("a/+", "a/b/c", false),
            ("a/b", "a/c", false),
            ("#", "x/y", true),
            ("a/+/c", "a/#", true),
        ] {
            let parse = |t| TopicFilter::parse(t).expect("a filter");
            assert_eq!(
                overlaps(&parse(one), &parse(other)),
                expected,
                "{one} and {other}"
            );
            assert_eq!(
                overlaps(&parse(other), &parse(one)),
                expected,
                "{other} and {one}"
            );
        }
    }
}

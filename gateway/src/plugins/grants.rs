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
}

impl GatewayVerb {
    /// The word in requests and grants.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stats => "stats",
            Self::Clients => "clients",
            Self::Send => "send",
        }
    }
}

/// The topics that two lists of filters both name.
#[derive(Debug, Clone, Default, PartialEq)]
struct Topics {
    requested: Vec<TopicFilter>,
    granted: Vec<TopicFilter>,
}

/// What an instance may do within the gateway. What it may do outside is in `services::Rights`.
#[derive(Debug, Clone, PartialEq)]
pub struct Permissions {
    publish: Topics,
    subscribe: Topics,
    kinds: BTreeSet<Kind>,
    messages: BTreeSet<String>,
    gateway: BTreeSet<String>,
    gateway_requested: BTreeSet<String>,
}

impl Permissions {
    /// Requests ∩ grants.
    #[must_use]
    pub fn new(manifest: &Manifest, instance: &Instance) -> Self {
        let grants = &instance.grants;
        let gateway_requested: BTreeSet<String> = manifest.all(|r| &r.gateway).cloned().collect();
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
            gateway: grants
                .gateway
                .iter()
                .filter(|v| gateway_requested.contains(*v))
                .cloned()
                .collect(),
            gateway_requested,
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

    /// Whether it may be told of an event: the grant's side, and audiences are not for plugins.
    #[must_use]
    pub fn may_see(&self, event: &Event) -> bool {
        self.subscribe
            .granted
            .iter()
            .any(|f| f.matches(&event.draft.topic))
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
        if self.gateway.contains(verb.name()) {
            return Ok(());
        }
        let reason = if self.gateway_requested.contains(verb.name()) {
            format!("grants.gateway does not name {:?}", verb.name())
        } else {
            format!(
                "{:?} is not among requests.gateway of the manifest",
                verb.name()
            )
        };
        Err(Denied {
            capability: Capability::Gateway,
            reason,
        })
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

//! Admission: what a guest wants to say becomes a draft, if the guest may say it. Source, sequence number and time of
//! receipt are not the guest's: there is no field for them.

use super::bindings::hearthgate::plugin::bus::Refusal;
use super::bindings::host::types as wit;
use super::grants::{Denied, Permissions};
use crate::bus::{Bus, PublishError};
use crate::config::Limits;
use crate::event::{Audience, Draft, InstanceName, Invalid, Kind, Labels, Timestamp, Topic};
use arc_swap::ArcSwap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, InsufficientCapacity, Quota, RateLimiter};
use hearthgate_events::Retention;
use metrics::{Counter, counter};
use serde_json::value::RawValue;
use std::num::NonZeroU32;
use std::time::Duration;

/// The way of an instance's events.
pub struct Admission {
    instance: InstanceName,
    bus: Bus,
    rule: ArcSwap<Rule>,
    published: Counter,
    refused: Counter,
    throttled: Counter,
}

/// What changes with the configuration.
struct Rule {
    event_bytes: usize,
    rate: DefaultDirectRateLimiter,
}

/// Why an event was not accepted.
#[derive(Debug)]
pub enum Refused {
    /// No right to it.
    Denied(Denied),
    /// The bus, the size or the rate.
    Refusal(Refusal),
}

impl Admission {
    /// The way of `instance`'s events.
    #[must_use]
    pub fn new(instance: &InstanceName, limits: &Limits, bus: Bus) -> Self {
        let label = instance.to_string();
        Self {
            instance: instance.clone(),
            bus,
            rule: ArcSwap::from_pointee(Rule::new(limits)),
            published: counter!("hearthgate_guest_published_total", "instance" => label.clone()),
            refused: counter!("hearthgate_guest_refused_total", "instance" => label.clone()),
            throttled: counter!("hearthgate_guest_throttled_total", "instance" => label),
        }
    }

    /// Other limits; the rate starts anew.
    pub fn limit(&self, limits: &Limits) {
        self.rule.store(std::sync::Arc::new(Rule::new(limits)));
    }

    /// Publishes all or none.
    ///
    /// # Errors
    /// Which one does not fit and why; nothing of the batch was published then.
    pub async fn publish(
        &self,
        permissions: &Permissions,
        events: Vec<wit::Event>,
    ) -> Result<u64, Refused> {
        let drafts = self.drafts(permissions, events)?;
        let count = drafts.len();
        let sent = self.bus.publish(&self.instance, drafts).await;
        self.settle(sent, count)
    }

    /// Publishes one event for an audience, and tells to how many connections it went.
    ///
    /// # Errors
    /// As for `publish`.
    pub async fn send(
        &self,
        permissions: &Permissions,
        audience: &[String],
        mut event: wit::Event,
    ) -> Result<u32, Refused> {
        event.audience = audience.to_vec();
        let mut drafts = self.drafts(permissions, vec![event])?;
        let Some(draft) = drafts.pop() else {
            return Ok(0);
        };
        let sent = self.bus.send(&self.instance, draft).await;
        self.settle(sent, 1)
    }

    fn settle<T>(&self, sent: Result<T, PublishError>, count: usize) -> Result<T, Refused> {
        match sent {
            Ok(value) => {
                self.published.increment(count as u64);
                Ok(value)
            }
            Err(error) => {
                self.refused.increment(count as u64);
                Err(Refused::Refusal(refusal(error)))
            }
        }
    }

    fn drafts(
        &self,
        permissions: &Permissions,
        events: Vec<wit::Event>,
    ) -> Result<Vec<Draft>, Refused> {
        let rule = self.rule.load();
        let mut drafts = Vec::with_capacity(events.len());
        for (index, event) in events.into_iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let refuse = |refusal| {
                self.refused.increment(1);
                Refused::Refusal(refusal)
            };
            if event.data.len() > rule.event_bytes {
                return Err(refuse(Refusal::TooLarge(index)));
            }
            let draft = draft(event).map_err(|e| refuse(Refusal::Invalid((index, e.0))))?;
            permissions.publish(&draft).map_err(Refused::Denied)?;
            if let Some(cleared) = self.cleared(&draft) {
                permissions.publish_on(&cleared).map_err(Refused::Denied)?;
            }
            drafts.push(draft);
        }
        self.take_turn(&rule, drafts.len())?;
        Ok(drafts)
    }

    /// The topic besides its own whose state the event would end: that takes the same right as to write it.
    fn cleared(&self, draft: &Draft) -> Option<Topic> {
        let Some(Retention::ClearSibling(level)) = self.bus.schemas().retention(&draft.kind) else {
            return None;
        };
        let (parent, _) = draft.topic.as_str().rsplit_once('/')?;
        Topic::parse(&format!("{parent}/{level}")).ok()
    }

    fn take_turn(&self, rule: &Rule, count: usize) -> Result<(), Refused> {
        let Some(count) = u32::try_from(count).ok().and_then(NonZeroU32::new) else {
            return Ok(());
        };
        let wait = match rule.rate.check_n(count) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(not_until)) => not_until.wait_time_from(DefaultClock::default().now()),
            // More at once than the rate allows in a second: it will never fit.
            Err(InsufficientCapacity(most)) => {
                let reason = format!("more than {most} events at once (limits.publish-rate)");
                self.refused.increment(u64::from(count.get()));
                return Err(Refused::Refusal(Refusal::Invalid((most, reason))));
            }
        };
        self.throttled.increment(u64::from(count.get()));
        Err(Refused::Refusal(Refusal::Throttled(millis(wait))))
    }
}

impl Rule {
    fn new(limits: &Limits) -> Self {
        let rate = NonZeroU32::new(limits.publish_rate).unwrap_or(NonZeroU32::MIN);
        Self {
            event_bytes: limits.event_bytes,
            rate: RateLimiter::direct(Quota::per_second(rate)),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}

fn draft(event: wit::Event) -> Result<Draft, Invalid> {
    let data =
        RawValue::from_string(event.data).map_err(|e| Invalid(format!("data is not JSON: {e}")))?;
    let audience = event.audience.iter().map(|a| Audience::parse(a));
    Ok(Draft {
        kind: Kind::parse(&event.kind)?,
        topic: Topic::parse(&event.topic)?,
        labels: Labels::parse(event.labels)?,
        data,
        occurred_at: event.occurred_at.map(Timestamp::from_millis),
        retain: event.retain,
        audience: audience.collect::<Result<_, _>>()?,
    })
}

fn refusal(error: PublishError) -> Refusal {
    let at = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    match error {
        PublishError::Invalid { index, reason } => Refusal::Invalid((at(index), reason)),
        PublishError::TooLarge { index, .. } => Refusal::TooLarge(at(index)),
        PublishError::Reserved { index } => {
            let reason = "the kind or the topic is the gateway's own".to_owned();
            Refusal::Invalid((at(index), reason))
        }
        PublishError::Busy { retry_after } => Refusal::Throttled(millis(retry_after)),
        PublishError::Closed => Refusal::Throttled(1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Grants, Instance, Role};
    use crate::event::TopicFilter;
    use crate::plugins::manifest::Manifest;
    use crate::shard::Shards;
    use std::collections::BTreeMap;

    const MANIFEST: &str = r##"
        [plugin]
        id = "a"
        version = "0.1.0"
        api = "0.2"
        [publishes]
        kinds = ["entity.removed", "acme.blink", "gateway_like.kind"]
        [requests]
        publish = ["#"]
    "##;

    fn scene(granted: &[&str]) -> (Admission, Permissions, Bus) {
        let filter = |text: &&str| TopicFilter::parse(text).expect("a filter");
        let instance = Instance {
            name: InstanceName::parse("a").expect("a name"),
            role: Role::Source,
            plugin: "a".to_owned(),
            enabled: true,
            config: serde_json::Map::new(),
            secrets: BTreeMap::new(),
            tls_ca: Vec::new(),
            grants: Grants {
                publish: granted.iter().map(filter).collect(),
                ..Grants::default()
            },
            limits: Limits::default(),
        };
        let manifest = Manifest::parse(MANIFEST).expect("a good manifest");
        let bus = Bus::new(Shards::start(&config::Connections::default()));
        let admission = Admission::new(&instance.name, &instance.limits, bus.clone());
        (admission, Permissions::new(&manifest, &instance), bus)
    }

    fn event(kind: &str, topic: &str, data: &str) -> wit::Event {
        wit::Event {
            kind: kind.to_owned(),
            topic: topic.to_owned(),
            labels: Vec::new(),
            data: data.to_owned(),
            occurred_at: None,
            retain: false,
            audience: Vec::new(),
        }
    }

    #[tokio::test]
    async fn an_event_that_ends_another_topics_state_needs_the_right_to_that_topic() {
        let removed = || {
            vec![event(
                "entity.removed",
                "entity/light.a/registry",
                r#"{"entity_id":"light.a"}"#,
            )]
        };
        let (admission, permissions, _bus) = scene(&["entity/+/registry"]);
        let denied = admission.publish(&permissions, removed()).await;
        let Err(Refused::Denied(denied)) = denied else {
            panic!("{denied:?}")
        };
        assert!(
            denied.reason.contains("entity/light.a/state"),
            "{}",
            denied.reason
        );
        let (admission, permissions, _bus) = scene(&["entity/light.a/#"]);
        let sent = admission.publish(&permissions, removed()).await;
        assert!(sent.is_ok(), "{sent:?}");
    }

    #[tokio::test]
    async fn the_gateways_own_topics_can_not_be_written_whatever_is_granted() {
        let (admission, permissions, bus) = scene(&["#"]);
        for topic in ["gateway/plugin/b/state", "gateway"] {
            let events = vec![
                event("acme.blink", "a/b", "1"),
                event("acme.blink", topic, "1"),
            ];
            let refused = admission.publish(&permissions, events).await;
            let Err(Refused::Refusal(Refusal::Invalid((1, reason)))) = refused else {
                panic!("{topic}: {refused:?}")
            };
            assert!(reason.contains("gateway's own"), "{reason}");
        }
        assert_eq!(
            bus.position().seq,
            0,
            "nothing of either batch was accepted"
        );
    }
}

//! Finding the one subscription among 100,000 that an event is for: the shard's index, beside a scan of all.

use crate::os;
use crate::plan::Plan;
use crate::report::Report;
use anyhow::{Context, Result, ensure};
use hearthgate::event::{
    Condition, Draft, Event, Filter, InstanceName, Kind, Labels, Timestamp, Topic, TopicFilter,
};
use hearthgate::shard::index::{Index, Key};
use serde_json::json;
use serde_json::value::RawValue;
use std::hint::black_box;
use std::sync::OnceLock;

/// Events that are matched, each for another subscription.
const EVENTS: usize = 1000;
/// How often each is matched.
const REPEATS: usize = 20;
/// Most time for one match.
const GOAL_US: f64 = 10.0;

/// How subscriptions differ.
#[derive(Debug, Clone, Copy)]
enum Differ {
    /// Exact topics.
    Topic,
    /// Kinds, any topic.
    Kind,
    /// The value of one label, one wildcard topic for all.
    Label,
    /// Four forms of wildcard filters in turns.
    Wildcards,
}

/// Runs the benchmark.
///
/// # Errors
/// When the index finds anything else than the one subscription.
pub fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::new("matching");
    let count = plan.subscriptions;
    for (name, differ) in [
        ("topic", Differ::Topic),
        ("kind", Differ::Kind),
        ("label value", Differ::Label),
        ("mixed wildcards", Differ::Wildcards),
    ] {
        let filters: Vec<Filter> = (0..count)
            .map(|number| differ.filter(number))
            .collect::<Result<_>>()?;
        let step = count.div_euclid(EVENTS).max(1);
        let events: Vec<(usize, Event)> = (0..count)
            .step_by(step)
            .map(|number| Ok((number, differ.event(number)?)))
            .collect::<Result<_>>()?;
        let (mut index, keys, insert_us) = fill(&filters)?;
        let match_us = find(&mut index, &events)?;
        let scan_us = scan(&filters, &events[..events.len().min(20)])?;
        let start = os::monotonic_ns();
        keys.into_iter().for_each(|key| index.remove(key));
        let remove_us = micros_each(start, count);
        ensure!(index.is_empty(), "the index kept a removed subscription");
        report.goal(
            format!("differ in {name}: a match among {count}"),
            match_us,
            "µs",
            GOAL_US,
        );
        report.figure(format!("differ in {name}: a scan of all"), scan_us, "µs");
        report.figure(format!("differ in {name}: insert"), insert_us, "µs");
        report.figure(format!("differ in {name}: remove"), remove_us, "µs");
        report.raw.push(json!({
            "differ": name, "subscriptions": count, "match_us": match_us, "scan_us": scan_us,
            "insert_us": insert_us, "remove_us": remove_us,
        }));
    }
    Ok(report)
}

fn fill(filters: &[Filter]) -> Result<(Index, Vec<Key>, f64)> {
    let owned = filters.to_vec();
    let mut index = Index::default();
    let mut keys = Vec::with_capacity(owned.len());
    let start = os::monotonic_ns();
    for (number, filter) in owned.into_iter().enumerate() {
        let connection = u32::try_from(number).context("more subscriptions than slots")?;
        keys.push(index.insert(connection, filter, false, 0));
    }
    let insert_us = micros_each(start, filters.len());
    ensure!(
        index.len() == filters.len(),
        "the index lost a subscription"
    );
    Ok((index, keys, insert_us))
}

/// Matches all events again and again; each must find its one subscription.
fn find(index: &mut Index, events: &[(usize, Event)]) -> Result<f64> {
    for (number, event) in events {
        let found: Vec<u32> = index
            .matching(event)
            .map(|found| found.connection)
            .collect();
        ensure!(
            found.iter().all(|slot| *slot as usize == *number) && !found.is_empty(),
            "an event for subscription {number} was matched with {found:?}"
        );
    }
    let start = os::monotonic_ns();
    for _ in 0..REPEATS {
        for (_, event) in events {
            black_box(index.matching(event).count());
        }
    }
    Ok(micros_each(start, REPEATS * events.len()))
}

fn scan(filters: &[Filter], events: &[(usize, Event)]) -> Result<f64> {
    let start = os::monotonic_ns();
    for (number, event) in events {
        let found = filters
            .iter()
            .filter(|filter| filter.matches(event))
            .count();
        ensure!(
            found == 1,
            "{found} subscriptions ask for the event for {number}"
        );
    }
    Ok(micros_each(start, events.len()))
}

fn micros_each(start: u64, count: usize) -> f64 {
    (os::monotonic_ns() - start) as f64 / 1000.0 / count.max(1) as f64
}

impl Differ {
    fn filter(self, number: usize) -> Result<Filter> {
        let mut filter = Filter::default();
        match self {
            Self::Topic => filter
                .topics
                .push(TopicFilter::parse(&format!("device/{number}/status"))?),
            Self::Kind => filter.kinds.push(Kind::parse(&format!("bench.k{number}"))?),
            Self::Label => {
                filter.topics.push(TopicFilter::parse("entity/+/state")?);
                filter.conditions.push(Condition {
                    label: "room".into(),
                    any_of: vec![format!("room-{number}").into()],
                    matches_when_absent: false,
                });
            }
            Self::Wildcards => {
                let text = match number % 4 {
                    0 => format!("site/{number}/+/state"),
                    1 => format!("site/+/{number}/state"),
                    2 => format!("site/{number}/#"),
                    _ => format!("+/{number}/+/#"),
                };
                filter.topics.push(TopicFilter::parse(&text)?);
            }
        }
        Ok(filter)
    }

    /// An event for the subscription of this number, and for no other.
    fn event(self, number: usize) -> Result<Event> {
        let (mut topic, mut kind, mut labels) = (
            "entity/lamp/state".to_owned(),
            "bench.tick".to_owned(),
            Labels::default(),
        );
        match self {
            Self::Topic => topic = format!("device/{number}/status"),
            Self::Kind => kind = format!("bench.k{number}"),
            Self::Label => labels = Labels::parse([("room", format!("room-{number}"))])?,
            Self::Wildcards => {
                topic = match number % 4 {
                    1 => format!("site/x/{number}/state"),
                    _ => format!("site/{number}/x/state"),
                }
            }
        }
        Ok(Event {
            seq: 1,
            source: InstanceName::parse("bench")?,
            received_at: Timestamp::now(),
            accepted: std::time::Instant::now(),
            draft: Draft {
                kind: Kind::parse(&kind)?,
                topic: Topic::parse(&topic)?,
                labels,
                data: RawValue::from_string("{}".to_owned())?,
                occurred_at: None,
                retain: false,
                audience: Vec::new(),
            },
            native: OnceLock::new(),
        })
    }
}

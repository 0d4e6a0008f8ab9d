//! Thresholds: when a figure is beyond one for long enough, an alert is raised; when it is back beyond the point of
//! clearing, the alert is cleared. Between the two nothing changes, so that a figure on the edge does not flap.

use crate::names::Pattern;
use hearthgate_plugin::events::{
    Alert, AlertCleared, AlertRaised, AlertSeverity, AlertStatus, Object,
};
use hearthgate_plugin::{Event, Failure, duration};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// So many alerts may stand at once.
const MOST: usize = 200;

/// A threshold.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Threshold {
    pub name: String,
    pub metric: Pattern,
    #[serde(default)]
    pub target: Option<Pattern>,
    #[serde(default)]
    pub above: Option<f64>,
    #[serde(default)]
    pub below: Option<f64>,
    #[serde(default)]
    pub clear: Option<f64>,
    #[serde(default, rename = "for", deserialize_with = "duration")]
    pub hold: Duration,
    #[serde(default = "medium")]
    pub severity: AlertSeverity,
    #[serde(default = "device")]
    pub category: String,
    #[serde(default)]
    pub title: Option<String>,
}

fn medium() -> AlertSeverity {
    AlertSeverity::Medium
}

fn device() -> String {
    "device".to_owned()
}

/// Where a figure stands towards a threshold. Handed from one instance to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Standing {
    /// Beyond it since then, in milliseconds since the Unix epoch, and not for long enough.
    Beyond(u64),
    /// An alert stands: its category.
    Raised(String),
    /// The same, and the gateway forgot it.
    Untold(String),
}

/// The standings, by the alerts' ids.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standings(BTreeMap<String, Standing>);

impl Threshold {
    /// Checks it.
    ///
    /// # Errors
    /// What can't work, in words.
    pub fn check(&self) -> Result<(), String> {
        match (self.above, self.below, self.clear) {
            (None, None, _) | (Some(_), Some(_), _) => {
                Err("needs either above or below".to_owned())
            }
            (Some(above), _, Some(clear)) if clear > above => {
                Err("clear must not be more than above".to_owned())
            }
            (_, Some(below), Some(clear)) if clear < below => {
                Err("clear must not be less than below".to_owned())
            }
            _ if self.name.is_empty() || self.category.is_empty() => {
                Err("needs a name and a category".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn is_beyond(&self, value: f64) -> bool {
        self.above.is_some_and(|above| value > above)
            || self.below.is_some_and(|below| value < below)
    }

    fn is_back(&self, value: f64) -> bool {
        match (self.above, self.below) {
            (Some(above), _) => value <= self.clear.unwrap_or(above),
            (_, Some(below)) => value >= self.clear.unwrap_or(below),
            _ => true,
        }
    }

    fn alert(
        &self,
        id: &str,
        target: &str,
        metric: &str,
        value: f64,
        status: AlertStatus,
    ) -> Alert {
        let (word, limit) = match (self.above, self.below) {
            (Some(above), _) => ("above", above),
            (_, below) => ("below", below.unwrap_or_default()),
        };
        let title = self
            .title
            .clone()
            .unwrap_or_else(|| format!("{target}: {metric} is {word} {limit}"));
        let details = [
            ("threshold", self.name.as_str().into()),
            ("target", target.into()),
            ("metric", metric.into()),
            ("value", value.into()),
            ("limit", limit.into()),
        ];
        Alert {
            message: Some(format!(
                "{metric} of {target} is {value}; the threshold is {word} {limit}"
            )),
            reason: Some(self.name.clone()),
            details: Some(
                details
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect::<Object>(),
            ),
            ..Alert::new(id, &*self.category, self.severity, title, status)
        }
    }
}

impl Standings {
    /// The gateway forgot what was retained: alerts that stand are raised again at the next figure.
    pub fn untold(&mut self) {
        for standing in self.0.values_mut() {
            if let Standing::Raised(category) = standing {
                *standing = Standing::Untold(std::mem::take(category));
            }
        }
    }

    /// Holds the figures of a target against the thresholds. `now`: milliseconds since the Unix epoch.
    pub fn judge(
        &mut self,
        thresholds: &[Threshold],
        target: &str,
        metrics: &BTreeMap<String, f64>,
        now: u64,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for threshold in thresholds {
            if threshold
                .target
                .as_ref()
                .is_some_and(|pattern| !pattern.matches(target))
            {
                continue;
            }
            for (metric, value) in metrics
                .iter()
                .filter(|(name, _)| threshold.metric.matches(name))
            {
                events.extend(self.judge_one(threshold, target, metric, *value, now));
            }
        }
        events
    }

    fn judge_one(
        &mut self,
        threshold: &Threshold,
        target: &str,
        metric: &str,
        value: f64,
        now: u64,
    ) -> Option<Event> {
        let id = format!("{}:{target}:{metric}", threshold.name);
        let hold = u64::try_from(threshold.hold.as_millis()).unwrap_or(u64::MAX);
        let full = self.0.len() >= MOST;
        match self.0.get(&id) {
            Some(Standing::Raised(_) | Standing::Untold(_)) if threshold.is_back(value) => {
                self.0.remove(&id);
                let alert = threshold.alert(&id, target, metric, value, AlertStatus::Cleared);
                Some(labelled(
                    Event::of(&AlertCleared(alert)),
                    threshold.severity,
                    &threshold.category,
                ))
            }
            Some(Standing::Raised(_)) => None,
            Some(Standing::Untold(_)) => Some(self.raise(threshold, id, target, metric, value)),
            _ if !threshold.is_beyond(value) => {
                self.0.remove(&id);
                None
            }
            None if full => None,
            standing => {
                let since = match standing {
                    // A clock that was put back starts it anew.
                    Some(Standing::Beyond(since)) if *since <= now => *since,
                    _ => now,
                };
                if now - since < hold {
                    self.0.insert(id, Standing::Beyond(since));
                    return None;
                }
                Some(self.raise(threshold, id, target, metric, value))
            }
        }
    }

    fn raise(
        &mut self,
        threshold: &Threshold,
        id: String,
        target: &str,
        metric: &str,
        value: f64,
    ) -> Event {
        let alert = threshold.alert(&id, target, metric, value, AlertStatus::Open);
        let category = &threshold.category;
        self.0.insert(id, Standing::Raised(category.clone()));
        labelled(Event::of(&AlertRaised(alert)), threshold.severity, category)
    }

    /// Clears the alerts of thresholds that the configuration no longer has.
    pub fn keep_only(&mut self, thresholds: &[Threshold]) -> Vec<Event> {
        let mut events = Vec::new();
        self.0.retain(|id, standing| {
            let is_of = |t: &&Threshold| {
                id.strip_prefix(&*t.name)
                    .is_some_and(|rest| rest.starts_with(':'))
            };
            let threshold = thresholds.iter().find(is_of);
            let (Standing::Raised(category) | Standing::Untold(category)) = standing else {
                return threshold.is_some();
            };
            let keeps = threshold.is_some_and(|t| t.category == *category);
            if !keeps {
                let severity = threshold.map_or(AlertSeverity::Low, |t| t.severity);
                let mut alert = Alert::new(
                    &**id,
                    &**category,
                    severity,
                    "the threshold was removed",
                    AlertStatus::Cleared,
                );
                alert.message = Some("The configuration no longer has this threshold.".to_owned());
                events.push(labelled(
                    Event::of(&AlertCleared(alert)),
                    severity,
                    category,
                ));
            }
            keeps
        });
        events
    }
}

fn labelled(event: Event, severity: AlertSeverity, category: &str) -> Event {
    event
        .label("severity", severity.as_str())
        .label("category", category)
}

/// Checks all of them.
///
/// # Errors
/// Names the key.
pub fn check(thresholds: &[Threshold]) -> Result<(), Failure> {
    for (i, threshold) in thresholds.iter().enumerate() {
        let key = format!("thresholds.{i}");
        threshold
            .check()
            .map_err(|reason| Failure::misconfigured(&*key, reason))?;
        if thresholds[..i]
            .iter()
            .any(|other| other.name == threshold.name)
        {
            return Err(Failure::misconfigured(
                key,
                format!("there are two named {}", threshold.name),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! The metrics of guests: prefixed, labelled with the instance, and limited in number.

use crate::event::InstanceName;
use metrics::{Counter, Gauge, Histogram, Label, counter, gauge, histogram};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most labels of one series, besides the instance.
const MAX_LABELS: usize = 8;
/// Longest name of a metric or a label, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Longest value of a label, in bytes.
const MAX_VALUE_BYTES: usize = 128;

type Key = (Sort, String, Vec<(String, String)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sort {
    Counter,
    Gauge,
    Histogram,
}

enum Handle {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

/// The series of one instance.
pub struct Series {
    instance: InstanceName,
    most: AtomicUsize,
    known: Mutex<HashMap<Key, Handle>>,
    refused: Counter,
}

impl Series {
    /// At most so many series for `instance`.
    #[must_use]
    pub fn new(instance: &InstanceName, most: usize) -> Self {
        Self {
            instance: instance.clone(),
            most: AtomicUsize::new(most),
            known: Mutex::default(),
            refused: counter!("hearthgate_guest_metrics_refused_total", "instance" => instance.to_string()),
        }
    }

    /// Another limit; series that are there stay.
    pub fn limit(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
    }

    /// Adds to a counter.
    pub fn add(&self, name: String, delta: u64, labels: Vec<(String, String)>) {
        self.with(Sort::Counter, name, labels, |handle| {
            if let Handle::Counter(counter) = handle {
                counter.increment(delta);
            }
        });
    }

    /// Sets a gauge.
    pub fn set(&self, name: String, value: f64, labels: Vec<(String, String)>) {
        self.with(Sort::Gauge, name, labels, |handle| {
            if let Handle::Gauge(gauge) = handle {
                gauge.set(value);
            }
        });
    }

    /// Adds a value to a histogram.
    pub fn observe(&self, name: String, value: f64, labels: Vec<(String, String)>) {
        self.with(Sort::Histogram, name, labels, |handle| {
            if let Handle::Histogram(histogram) = handle {
                histogram.record(value);
            }
        });
    }

    fn with(
        &self,
        sort: Sort,
        name: String,
        labels: Vec<(String, String)>,
        record: impl FnOnce(&Handle),
    ) {
        let key = (sort, name, labels);
        let mut known = self.known.lock();
        if let Some(handle) = known.get(&key) {
            return record(handle);
        }
        // A name has one sort: the exporter would otherwise write contradicting lines.
        let clashes = known.keys().any(|(s, n, _)| *s != sort && *n == key.1);
        let full = known.len() >= self.most.load(Ordering::Relaxed);
        if full || clashes || !well_formed(&key) {
            self.refused.increment(1);
            return;
        }
        let handle = self.register(&key);
        record(&handle);
        known.insert(key, handle);
    }

    fn register(&self, (sort, name, labels): &Key) -> Handle {
        let name = format!("hearthgate_plugin_{name}");
        let own = Label::new("instance", self.instance.to_string());
        let given = labels.iter().map(|(k, v)| Label::new(k.clone(), v.clone()));
        let labels: Vec<Label> = std::iter::once(own).chain(given).collect();
        match sort {
            Sort::Counter => Handle::Counter(counter!(name, labels)),
            Sort::Gauge => Handle::Gauge(gauge!(name, labels)),
            Sort::Histogram => Handle::Histogram(histogram!(name, labels)),
        }
    }
}

fn well_formed((_, name, labels): &Key) -> bool {
    let word = |text: &str| {
        text.len() <= MAX_NAME_BYTES
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    word(name)
        && labels.len() <= MAX_LABELS
        && labels
            .iter()
            .all(|(k, v)| word(k) && k != "instance" && v.len() <= MAX_VALUE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_bounded_and_well_formed() {
        let series = Series::new(&InstanceName::parse("a").expect("a name"), 2);
        let label = |v: &str| vec![("room".to_owned(), v.to_owned())];
        series.add("polls_total".to_owned(), 1, label("a"));
        series.add("polls_total".to_owned(), 1, label("a"));
        assert_eq!(series.known.lock().len(), 1);
        series.set("polls_total".to_owned(), 1.0, label("b"));
        series.add("Bad-Name".to_owned(), 1, label("a"));
        series.add(
            "polls_total".to_owned(),
            1,
            vec![("instance".to_owned(), "x".to_owned())],
        );
        assert_eq!(
            series.known.lock().len(),
            1,
            "clash, bad name and the host's label are refused"
        );
        series.add("polls_total".to_owned(), 1, label("b"));
        series.add("polls_total".to_owned(), 1, label("c"));
        assert_eq!(series.known.lock().len(), 2, "no more than the limit");
    }
}

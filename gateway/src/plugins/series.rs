//! The metrics of guests: prefixed, labelled with the instance, and limited in number.

use crate::event::InstanceName;
use metrics::{Counter, Gauge, Histogram, Label, counter, gauge, histogram};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most labels of one series, besides the instance.
const MAX_LABELS: usize = 8;
/// Longest name of a metric or a label, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// Longest value of a label, in bytes.
const MAX_VALUE_BYTES: usize = 128;

/// The sort of each name, of all instances: two sorts under one name would spoil the whole page for its reader. Bounded by
/// the series of each instance.
static SORTS: LazyLock<Mutex<HashMap<String, Sort>>> = LazyLock::new(Mutex::default);

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
        mut labels: Vec<(String, String)>,
        record: impl FnOnce(&Handle),
    ) {
        // The same labels in another order are the same series.
        labels.sort_unstable();
        let key = (sort, name, labels);
        let mut known = self.known.lock();
        if let Some(handle) = known.get(&key) {
            return record(handle);
        }
        let full = known.len() >= self.most.load(Ordering::Relaxed);
        if full || !well_formed(&key) || !is_of_sort(&key.1, sort) {
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

/// Whether a name has that sort, or none yet: then it has it from now on.
fn is_of_sort(name: &str, sort: Sort) -> bool {
    *SORTS.lock().entry(name.to_owned()).or_insert(sort) == sort
}

fn well_formed((_, name, labels): &Key) -> bool {
    let word = |text: &str| {
        text.len() <= MAX_NAME_BYTES
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    // What the exporter adds to the names and labels of histograms.
    let of_histogram = ["_sum", "_count", "_bucket"]
        .iter()
        .any(|s| name.ends_with(s));
    let own = |label: &str| matches!(label, "instance" | "le" | "quantile");
    word(name)
        && !of_histogram
        && labels.len() <= MAX_LABELS
        && labels.windows(2).all(|two| two[0].0 != two[1].0)
        && labels
            .iter()
            .all(|(k, v)| word(k) && !own(k) && v.len() <= MAX_VALUE_BYTES)
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

    #[test]
    fn nothing_of_a_plugin_spoils_the_page() {
        let series = Series::new(&InstanceName::parse("a").expect("a name"), 10);
        let other = Series::new(&InstanceName::parse("b").expect("a name"), 10);
        let labels = |labels: &[(&str, &str)]| -> Vec<(String, String)> {
            let owned = |(k, v): &(&str, &str)| ((*k).to_owned(), (*v).to_owned());
            labels.iter().map(owned).collect()
        };
        let twice = labels(&[("room", "a"), ("room", "b")]);
        series.add("spoils_total".to_owned(), 1, twice);
        let reserved = labels(&[("quantile", "0.5")]);
        series.observe("spoils_seconds".to_owned(), 1.0, reserved);
        series.add("spoils_seconds_count".to_owned(), 1, Vec::new());
        assert_eq!(series.known.lock().len(), 0);
        let (ab, ba) = ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")]);
        series.add("spoils_total".to_owned(), 1, labels(&ab));
        series.add("spoils_total".to_owned(), 1, labels(&ba));
        assert_eq!(series.known.lock().len(), 1, "one series in either order");
        other.set("spoils_total".to_owned(), 1.0, Vec::new());
        assert_eq!(other.known.lock().len(), 0, "another's counter");
        other.add("spoils_total".to_owned(), 1, Vec::new());
        assert_eq!(other.known.lock().len(), 1, "of the same sort it may");
    }
}

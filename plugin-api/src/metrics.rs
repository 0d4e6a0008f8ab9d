//! The plugin's own figures, on the gateway's `/metrics` page. No grant is needed; `limits.metric-series` (200)
//! bounds the series. The host prefixes each name and adds the instance.

use crate::raw;

/// Counts up.
pub fn add(name: &str, delta: u64, labels: &[(&str, &str)]) {
    raw::metrics::add(name, delta, &owned(labels));
}

/// Sets a gauge.
pub fn set(name: &str, value: f64, labels: &[(&str, &str)]) {
    raw::metrics::set(name, value, &owned(labels));
}

/// Adds a value to a histogram.
pub fn observe(name: &str, value: f64, labels: &[(&str, &str)]) {
    raw::metrics::observe(name, value, &owned(labels));
}

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

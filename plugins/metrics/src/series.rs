//! From the lines of one scrape to figures: which are taken, what they are called, and what counters become.

use crate::exposition::{Bad, Line, Sample, Sort, line};
use crate::names::{Pattern, any};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a counter becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counters {
    /// Its rate per second.
    Rate,
    /// What it is.
    Raw,
    /// Both.
    Both,
}

/// Which series of a target are taken, and how.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Selection {
    #[serde(default)]
    pub select: Vec<Pattern>,
    #[serde(default)]
    pub skip: Vec<Pattern>,
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
    #[serde(default = "rate")]
    pub counters: Counters,
    #[serde(default)]
    pub buckets: bool,
    #[serde(default = "five_hundred")]
    pub max_series: usize,
}

fn rate() -> Counters {
    Counters::Rate
}

fn five_hundred() -> usize {
    500
}

/// The counters of a scrape, and when it was; handed from one to the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// Milliseconds since the Unix epoch.
    pub at: u64,
    pub counters: BTreeMap<String, f64>,
}

/// One scrape being read.
#[derive(Debug, Default)]
pub struct Reading {
    sorts: BTreeMap<String, Sort>,
    units: BTreeMap<String, String>,
    figures: BTreeMap<String, f64>,
    figure_units: BTreeMap<String, String>,
    counters: BTreeMap<String, f64>,
    ended: bool,
    /// Lines that could not be read, and the first reason.
    bad: u64,
    first_bad: Option<(Bad, String)>,
    /// Series beyond the bound.
    beyond: u64,
    samples: u64,
}

/// What came of a scrape.
#[derive(Debug, PartialEq)]
pub struct Figures {
    pub metrics: BTreeMap<String, f64>,
    pub units: BTreeMap<String, String>,
    pub before: Before,
    pub bad: u64,
    pub first_bad: Option<String>,
    pub beyond: u64,
}

impl Reading {
    /// Takes a line.
    pub fn take(&mut self, text: &str, selection: &Selection) {
        if self.ended {
            return;
        }
        match line(text) {
            Ok(Line::Type(name, sort)) => drop(self.sorts.insert(name.to_owned(), sort)),
            Ok(Line::Unit(name, unit)) => drop(self.units.insert(name.to_owned(), unit.to_owned())),
            Ok(Line::Sample(sample)) => self.sample(sample, selection),
            Ok(Line::End) => self.ended = true,
            Ok(Line::Nothing) => {}
            Err(bad) => {
                self.bad += 1;
                let start = || text.chars().take(100).collect();
                self.first_bad.get_or_insert_with(|| (bad, start()));
            }
        }
    }

    fn sample(&mut self, sample: Sample<'_>, selection: &Selection) {
        self.samples += 1;
        let (family, sort) = self.family(sample.name);
        let is_bucket = sort == Sort::Histogram && sample.name.ends_with("_bucket");
        let creation =
            sample.name.ends_with("_created") && sort != Sort::Gauge && family != sample.name;
        if (is_bucket && !selection.buckets) || creation || sort == Sort::Info {
            return;
        }
        let wanted = selection.select.is_empty() || any(&selection.select, sample.name);
        // JSON has neither infinity nor "not a number": a summary without observations has no quantiles.
        if !wanted || any(&selection.skip, sample.name) || !sample.value.is_finite() {
            return;
        }
        if self.figures.len() + self.counters.len() >= selection.max_series {
            self.beyond += 1;
            return;
        }
        let unit = self
            .units
            .get(family)
            .cloned()
            .or_else(|| unit_of(sample.name));
        let named = |name: &str| {
            series(
                selection.rename.get(name).map_or(name, String::as_str),
                &sample.labels,
            )
        };
        let counts = match sort {
            Sort::Counter => true,
            Sort::Histogram | Sort::Summary => family != sample.name,
            // 0.0.4 may leave the type out; the ending is what the naming rules ask of counters.
            Sort::Unknown => sample.name.ends_with("_total"),
            _ => false,
        };
        if !counts || selection.counters != Counters::Rate {
            self.figure(named(sample.name), sample.value, unit.clone());
        }
        if counts && selection.counters != Counters::Raw {
            let base = sample.name.strip_suffix("_total").unwrap_or(sample.name);
            let renamed = selection.rename.get(sample.name);
            let name = renamed.cloned().unwrap_or_else(|| format!("{base}_rate"));
            // With both, a new name is the counter's, and the rate goes by it with an ending.
            let name = match (selection.counters, renamed) {
                (Counters::Both, Some(renamed)) => format!("{renamed}_rate"),
                _ => name,
            };
            let name = series(&name, &sample.labels);
            if let Some(unit) = unit.filter(|_| !sample.name.ends_with("_count")) {
                self.figure_units
                    .insert(name.clone(), format!("{unit}_per_second"));
            }
            self.counters.insert(name, sample.value);
        }
    }

    fn figure(&mut self, name: String, value: f64, unit: Option<String>) {
        if let Some(unit) = unit {
            self.figure_units.insert(name.clone(), unit);
        }
        self.figures.insert(name, value);
    }

    /// The family of a sample, and what it is: `x` of `x_total`, `x_bucket`, ….
    fn family<'a>(&self, name: &'a str) -> (&'a str, Sort) {
        if let Some(sort) = self.sorts.get(name) {
            return (name, *sort);
        }
        let endings = [
            "_total", "_created", "_bucket", "_count", "_sum", "_gcount", "_gsum", "_info",
        ];
        let families = endings
            .iter()
            .filter_map(|ending| name.strip_suffix(ending));
        let mut known = families.filter_map(|family| Some((family, *self.sorts.get(family)?)));
        known.next().unwrap_or((name, Sort::Unknown))
    }

    /// The end: rates since the scrape before. A counter that is new, or began anew, has none.
    ///
    /// # Errors
    /// This was no scrape: nothing in it could be read.
    pub fn finish(
        self,
        before: Option<&Before>,
        now: u64,
        openmetrics: bool,
    ) -> Result<Figures, String> {
        let first_bad = self.first_bad.map(|(bad, text)| format!("{bad}: {text:?}"));
        if self.samples == 0 {
            return Err(first_bad.unwrap_or_else(|| "there is no sample in it".to_owned()));
        }
        if openmetrics && !self.ended {
            return Err("it was cut off: there is no # EOF".to_owned());
        }
        let mut metrics = self.figures;
        let elapsed = before
            .and_then(|b| now.checked_sub(b.at))
            .filter(|ms| *ms > 0);
        if let (Some(before), Some(elapsed)) = (before, elapsed) {
            for (name, value) in &self.counters {
                let since = before.counters.get(name).map(|before| value - before);
                if let Some(grown) = since.filter(|grown| *grown >= 0.0) {
                    let rate = grown * 1000.0 / elapsed as f64;
                    metrics.insert(name.clone(), (rate * 1e6).round() / 1e6);
                }
            }
        }
        let mut units = self.figure_units;
        units.retain(|name, _| metrics.contains_key(name));
        Ok(Figures {
            metrics,
            units,
            before: Before {
                at: now,
                counters: self.counters,
            },
            bad: self.bad,
            first_bad,
            beyond: self.beyond,
        })
    }
}

/// A series' name: the metric's, with its labels in their order by name.
fn series(name: &str, labels: &[(&str, String)]) -> String {
    if labels.is_empty() {
        return name.to_owned();
    }
    let mut labels: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    labels.sort();
    format!("{name}{{{}}}", labels.join(","))
}

/// The unit that a name ends with, by the naming rules.
fn unit_of(name: &str) -> Option<String> {
    let name = ["_total", "_sum", "_bucket", "_count"]
        .iter()
        .fold(name, |n, ending| n.strip_suffix(ending).unwrap_or(n));
    let units = [
        "seconds", "bytes", "celsius", "ratio", "volts", "amperes", "joules", "watts", "hertz",
        "meters", "grams",
    ];
    let found = units.iter().find(|unit| {
        name.strip_suffix(**unit)
            .is_some_and(|rest| rest.ends_with('_'))
    });
    found.map(|unit| (*unit).to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::{Value, json};

    fn scrape(
        text: &str,
        selection: Value,
        before: Option<&Before>,
        now: u64,
    ) -> Result<Figures, String> {
        let selection: Selection = serde_json::from_value(selection).unwrap();
        let mut reading = Reading::default();
        text.lines().for_each(|line| reading.take(line, &selection));
        reading.finish(before, now, text.contains("# EOF"))
    }

    fn metrics(figures: &Figures) -> Value {
        json!(figures.metrics)
    }

    const TEXT: &str = r#"
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1000
# TYPE temp_celsius gauge
temp_celsius 21.5
# TYPE rpc summary
rpc{quantile="0.5"} NaN
rpc{quantile="0.9"} 4773
rpc_sum 2000
rpc_count 10
# TYPE lat_seconds histogram
lat_seconds_bucket{le="0.5"} 5
lat_seconds_bucket{le="+Inf"} 8
lat_seconds_sum 3
lat_seconds_count 8
untyped_total 5
"#;

    #[test]
    fn counters_become_rates_and_the_rest_stays() {
        let first = scrape(TEXT, json!({}), None, 1_000).unwrap();
        assert_eq!(
            metrics(&first),
            json!({"temp_celsius": 21.5, "rpc{quantile=0.9}": 4773.0})
        );
        let later = TEXT
            .replace("1000\n", "1200\n")
            .replace("_sum 3", "_sum 5")
            .replace("untyped_total 5", "untyped_total 4");
        let second = scrape(&later, json!({}), Some(&first.before), 11_000).unwrap();
        assert_eq!(
            metrics(&second),
            json!({
                "temp_celsius": 21.5, "rpc{quantile=0.9}": 4773.0, "http_requests_rate{code=200,method=post}": 20.0,
                "rpc_sum_rate": 0.0, "rpc_count_rate": 0.0, "lat_seconds_sum_rate": 0.2, "lat_seconds_count_rate": 0.0,
            }),
            "a counter that began anew has no rate"
        );
        assert_eq!(second.units["lat_seconds_sum_rate"], "seconds_per_second");
        assert_eq!(second.units["temp_celsius"], "celsius");
        let same_moment = scrape(&later, json!({}), Some(&second.before), 11_000).unwrap();
        assert_eq!(
            same_moment.metrics.len(),
            2,
            "no time has passed to divide by"
        );
    }

    #[test]
    fn series_are_selected_renamed_and_bounded() {
        let only = |selection: Value| metrics(&scrape(TEXT, selection, None, 1).unwrap());
        assert_eq!(
            only(json!({"select": ["temp*"]})),
            json!({"temp_celsius": 21.5})
        );
        assert_eq!(only(json!({"skip": ["temp*", "rpc"]})), json!({}));
        let renamed =
            only(json!({"select": ["temp*"], "rename": {"temp_celsius": "room.temperature"}}));
        assert_eq!(renamed, json!({"room.temperature": 21.5}));
        let raw = only(json!({"select": ["http*", "untyped*"], "counters": "raw"}));
        assert_eq!(
            raw,
            json!({"http_requests_total{code=200,method=post}": 1000.0, "untyped_total": 5.0})
        );
        let buckets = only(json!({"select": ["lat*"], "counters": "raw", "buckets": true}));
        assert_eq!(buckets["lat_seconds_bucket{le=0.5}"], 5.0);
        let few = scrape(TEXT, json!({"max-series": 2}), None, 1).unwrap();
        assert_eq!(
            (few.metrics.len() + few.before.counters.len(), few.beyond),
            (2, 6)
        );
    }

    #[test]
    fn openmetrics_is_understood() {
        let text = "# TYPE a counter\n# UNIT a_seconds seconds\na_total 3\na_created 1520430000\n# TYPE b info\n\
                    b_info{version=\"1\"} 1\n# TYPE s stateset\ns{s=\"on\"} 1\n# EOF\nafter 1\n";
        let figures = scrape(text, json!({"counters": "raw"}), None, 1).unwrap();
        assert_eq!(metrics(&figures), json!({"a_total": 3.0, "s{s=on}": 1.0}));
        let cut = Reading {
            samples: 1,
            ..Reading::default()
        };
        assert_eq!(
            cut.finish(None, 1, true),
            Err("it was cut off: there is no # EOF".to_owned())
        );
    }

    #[test]
    fn a_bad_line_is_counted_and_the_rest_is_read() {
        let figures = scrape("a 1\nb{x=\"y\nc 3\n", json!({}), None, 1).unwrap();
        assert_eq!(metrics(&figures), json!({"a": 1.0, "c": 3.0}));
        assert_eq!(
            (figures.bad, figures.first_bad.as_deref()),
            (1, Some(r#"a label's value that doesn't end: "b{x=\"y""#))
        );
        let html = scrape("<html>\n<body>hello</body>\n", json!({}), None, 1);
        assert_eq!(html, Err(r#"no name: "<html>""#.to_owned()));
        assert_eq!(
            scrape("", json!({}), None, 1),
            Err("there is no sample in it".to_owned())
        );
    }
}

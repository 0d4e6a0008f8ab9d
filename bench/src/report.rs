//! What a benchmark found: figures beside the figures to reach, printed as a table and kept as JSON.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// One figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// In what.
    pub unit: &'static str,
    /// The figure to reach: at most this.
    pub at_most: Option<f64>,
}

/// What a benchmark found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The benchmark's name, as its subcommand.
    pub benchmark: &'static str,
    /// Tables that compare, ready to be printed.
    pub tables: Vec<String>,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// Everything that it saw, for whoever wants to look closer.
    pub raw: Vec<Value>,
}

impl Report {
    /// A report without figures.
    pub fn new(benchmark: &'static str) -> Self {
        Self {
            benchmark,
            tables: Vec::new(),
            figures: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// Adds a figure.
    pub fn figure(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure {
            name: name.into(),
            value,
            unit,
            at_most: None,
        });
    }

    /// Adds a figure that has one to reach.
    pub fn goal(&mut self, name: impl Into<String>, value: f64, unit: &'static str, at_most: f64) {
        self.figure(name, value, unit);
        if let Some(figure) = self.figures.last_mut() {
            figure.at_most = Some(at_most);
        }
    }

    /// Prints the table and writes `NAME.json` into the folder of results.
    ///
    /// # Errors
    /// When the folder can't be written to.
    pub fn publish(&self, results: &Path) -> Result<()> {
        println!("\n{}", self.benchmark);
        self.tables.iter().for_each(|text| println!("{text}"));
        println!("{}", table(&self.figures));
        let figures: Vec<Value> = self.figures.iter().map(Figure::to_json).collect();
        let document = json!({ "benchmark": self.benchmark, "figures": figures, "raw": self.raw });
        let path = results.join(format!("{}.json", self.benchmark));
        fs::write(&path, serde_json::to_string_pretty(&document)?)
            .with_context(|| format!("writing {}", path.display()))
    }
}

impl Figure {
    /// Whether the figure to reach is reached; `None` where there is none.
    pub fn reached(&self) -> Option<bool> {
        self.at_most.map(|most| self.value <= most)
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name, "value": self.value, "unit": self.unit,
            "at_most": self.at_most, "reached": self.reached(),
        })
    }
}

/// Figures as lines of a table.
pub fn table(figures: &[Figure]) -> String {
    let width = figures.iter().map(|f| f.name.chars().count()).max();
    let width = width.unwrap_or(0);
    let mut text = String::new();
    for figure in figures {
        let goal = match (figure.at_most, figure.reached()) {
            (Some(most), Some(true)) => format!("  reached (at most {})", number(most)),
            (Some(most), _) => format!("  MISSED (at most {})", number(most)),
            (None, _) => String::new(),
        };
        let value = number(figure.value);
        let Figure { name, unit, .. } = figure;
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {name:<width$}  {value:>12} {unit:<12}{goal}");
    }
    text
}

/// A number with as many decimals as are worth reading.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle value; 0 without any.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => 0.0,
        (count, half) if count % 2 == 1 => values[half],
        (_, half) => f64::midpoint(values[half - 1], values[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_odd_and_even() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median([]).abs() < f64::EPSILON);
    }

    #[test]
    fn a_missed_figure_is_shown_as_missed() {
        let mut report = Report::new("test");
        report.goal("good", 1.25, "×", 1.25);
        report.goal("bad", 1.26, "×", 1.25);
        let text = table(&report.figures);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains("reached"), "{text}");
        assert!(lines[1].contains("MISSED"), "{text}");
    }
}

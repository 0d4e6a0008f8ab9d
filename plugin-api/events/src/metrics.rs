//! Figures of machines, and what is computed from them.

use crate::Object;
use std::collections::BTreeMap;

record! {
    /// Figures of a target (a machine, a service) at one moment.
    MetricsSample {
        /// Whose figures: `host`, ….
        target: String,
        /// Name → figure.
        metrics: BTreeMap<String, f64>,
        ?
        /// Name → unit: `percent`, `bytes`, `bytes_per_second`, ….
        units: BTreeMap<String, String>,
    }
}

/// An analysis was made. Its data is an object of the source's own.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct AnalyticsUpdated {
    /// What it is about: the topic's second level, not part of the data.
    #[serde(skip)]
    pub scope: String,
    /// The data.
    #[serde(flatten)]
    pub data: Object,
}

/// Figures of how well something runs. Its data is an object of the source's own.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct PerformanceUpdated {
    /// What it is about: the topic's second level, not part of the data.
    #[serde(skip)]
    pub scope: String,
    /// The data.
    #[serde(flatten)]
    pub data: Object,
}

kinds! {
    MetricsSample = "metrics.sample", Keep, |d, _| ["metrics", &d.target];
    AnalyticsUpdated = "analytics.updated", None, |d, _| ["analytics", &d.scope];
    PerformanceUpdated = "performance.updated", None, |d, _| ["performance", &d.scope];
}

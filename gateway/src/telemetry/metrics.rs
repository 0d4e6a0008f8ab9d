//! Metrics, as Prometheus reads them. The recorder is the process's: gateways that share a process (tests do)
//! share its figures.

use super::described::describe;
use super::process;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;
use std::time::Duration;

/// How often what histograms gathered is folded up, so that it does not grow while nobody scrapes.
pub const UPKEEP: Duration = Duration::from_secs(5);

/// Buckets for everything in seconds, from 1 µs to 10 s.
const SECONDS: [f64; 15] = [
    1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0, 10.0,
];

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// The recorder, installed by the first who asks. Must be called before anything registers a metric.
    #[must_use]
    pub fn install() -> Self {
        static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = RECORDER.get_or_init(|| {
            let seconds = Matcher::Suffix("_seconds".to_owned());
            let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS);
            let recorder = builder.expect("the buckets are not empty").build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another metrics recorder is installed; /metrics will be empty");
            }
            describe();
            metrics::gauge!("hearthgate_build_info", "version" => env!("CARGO_PKG_VERSION"))
                .set(1.0);
            handle
        });
        Self(handle.clone())
    }

    /// All metrics as Prometheus text.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render() + &process::render()
    }

    /// Folds up what histograms gathered.
    pub fn upkeep(&self) {
        self.0.run_upkeep();
    }
}

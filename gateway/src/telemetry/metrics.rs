//! Metrics, as Prometheus reads them. The recorder is the process's: gateways that share a process (tests do)
//! share its figures.

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

/// A metric, its kind and what it means.
type Described = (&'static str, char, &'static str);

/// Every metric of the gateway: name, kind (c, g, h) and meaning.
const DESCRIBED: &[Described] = &[
    (
        "hearthgate_build_info",
        'g',
        "1, with the version as a label.",
    ),
    (
        "hearthgate_sockets_accepted_total",
        'c',
        "TCP connections accepted on client listeners and the admin listener.",
    ),
    (
        "hearthgate_accept_errors_total",
        'c',
        "Errors of accept(), out of file descriptors above all.",
    ),
    (
        "hearthgate_http_responses_total",
        'c',
        "HTTP responses on client listeners, by status; 101 is a WebSocket.",
    ),
    (
        "hearthgate_config_reloads_total",
        'c',
        "Reloads of the configuration, by outcome.",
    ),
    (
        "hearthgate_config_last_reload_success",
        'g',
        "Whether the last reload of the configuration was applied (1) or refused (0).",
    ),
    (
        "hearthgate_config_last_success_timestamp_seconds",
        'g',
        "When a configuration was last applied, in seconds since 1970.",
    ),
    (
        "hearthgate_draining",
        'g',
        "Whether the gateway is stopping.",
    ),
    (
        "hearthgate_events_accepted_total",
        'c',
        "Events accepted by the bus.",
    ),
    (
        "hearthgate_events_refused_total",
        'c',
        "Events refused by the bus.",
    ),
    (
        "hearthgate_retained_topics",
        'g',
        "Topics whose last event is kept.",
    ),
    (
        "hearthgate_publish_seconds",
        'h',
        "From an event's arrival at the bus to its place in every shard's queue.",
    ),
];

fn describe() {
    for (name, kind, meaning) in DESCRIBED {
        match kind {
            'c' => metrics::describe_counter!(*name, *meaning),
            'g' => metrics::describe_gauge!(*name, *meaning),
            _ => metrics::describe_histogram!(*name, *meaning),
        }
    }
    metrics::gauge!("hearthgate_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

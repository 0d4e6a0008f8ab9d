//! Every metric of the gateway, with what it means. A metric that is not here has no HELP, and a test fails.

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It counts values in buckets.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub sort: Sort,
    /// What it means, for people.
    pub meaning: &'static str,
}

const fn counter(name: &'static str, meaning: &'static str) -> Described {
    let sort = Sort::Counter;
    Described {
        name,
        sort,
        meaning,
    }
}

const fn gauge(name: &'static str, meaning: &'static str) -> Described {
    let sort = Sort::Gauge;
    Described {
        name,
        sort,
        meaning,
    }
}

const fn histogram(name: &'static str, meaning: &'static str) -> Described {
    let sort = Sort::Histogram;
    Described {
        name,
        sort,
        meaning,
    }
}

/// All of them, but those of plugins (`hearthgate_plugin_…`), which are the plugins' to explain.
pub const DESCRIBED: &[Described] = &[
    gauge("hearthgate_build_info", "1, with the version as a label."),
    counter(
        "hearthgate_sockets_accepted_total",
        "TCP connections accepted on client listeners and the admin listener.",
    ),
    counter(
        "hearthgate_sockets_refused_total",
        "TCP connections closed because too many of one listener had not become a WebSocket: the oldest silent one, or the newest (503) where all are being answered.",
    ),
    counter(
        "hearthgate_accept_errors_total",
        "Errors of accept(): the process is out of file descriptors, above all.",
    ),
    counter(
        "hearthgate_http_responses_total",
        "HTTP responses on client listeners, by status; 101 is a WebSocket.",
    ),
    counter(
        "hearthgate_tokens_checked_total",
        "Tokens that were checked, by outcome: ok, or why one was refused.",
    ),
    counter(
        "hearthgate_requests_unauthenticated_total",
        "Handshakes and requests that were turned away for the want of a valid token.",
    ),
    counter(
        "hearthgate_logins_total",
        "Logins of users, by outcome: ok, invalid, throttled, unavailable.",
    ),
    counter(
        "hearthgate_jwks_fetches_total",
        "Fetches of issuers' public keys, by issuer and outcome: fetched, failed.",
    ),
    counter(
        "hearthgate_audit_dropped_total",
        "Audit records that were not published, by reason: rate (refusals beyond 20 a second; not logged either), queue (logged).",
    ),
    counter(
        "hearthgate_config_reloads_total",
        "Reloads of the configuration, by outcome: applied, partial, refused.",
    ),
    gauge(
        "hearthgate_config_last_reload_success",
        "Whether the last reload of the configuration was applied (1) or refused (0).",
    ),
    gauge(
        "hearthgate_config_last_success_timestamp_seconds",
        "When a configuration was last applied, in seconds since 1970.",
    ),
    gauge("hearthgate_draining", "Whether the gateway is stopping."),
    counter(
        "hearthgate_events_accepted_total",
        "Events accepted by the bus.",
    ),
    counter(
        "hearthgate_events_refused_total",
        "Events refused by the bus: they do not fit their kind's schema, are too large, or reserved.",
    ),
    gauge(
        "hearthgate_retained_topics",
        "Topics whose last event is kept.",
    ),
    counter(
        "hearthgate_retained_refused_total",
        "Events that were delivered but not kept, because as many topics are kept as may be.",
    ),
    histogram(
        "hearthgate_publish_seconds",
        "From an event's arrival at the bus to its place in every shard's queue.",
    ),
    counter(
        "hearthgate_tap_missed_total",
        "Events that plugins and dialects missed because they did not take them in time.",
    ),
    gauge("hearthgate_connections_open", "Open client connections."),
    counter(
        "hearthgate_connections_closed_total",
        "Client connections that ended, by close code.",
    ),
    counter(
        "hearthgate_connections_refused_total",
        "Upgrades refused because a limit on connections is reached, by reason: full, listener, dialect, or a limit of [connections].",
    ),
    counter(
        "hearthgate_limits_reached_total",
        "Times that a client reached a limit, by limit and by whether it is only tried out (dry_run).",
    ),
    counter(
        "hearthgate_handshakes_failed_total",
        "Connections that ended before HTTP began, by what failed: tls, proxy.",
    ),
    counter(
        "hearthgate_certificate_reloads_total",
        "Changed certificate files that were read, by outcome: reloaded, refused.",
    ),
    gauge(
        "hearthgate_certificate_expiry_timestamp_seconds",
        "When a certificate ends, in seconds since 1970, by its file.",
    ),
    counter(
        "hearthgate_acme_orders_total",
        "Certificates ordered from the ACME server, by outcome: issued, unproven (it did not find the name here), rate_limited, refused, unreachable, failed.",
    ),
    counter(
        "hearthgate_origins_refused_total",
        "Requests of web pages refused with 403 because their origin is not allowed.",
    ),
    counter(
        "hearthgate_messages_received_total",
        "Messages received from clients.",
    ),
    counter(
        "hearthgate_messages_rate_limited_total",
        "Messages of dialects' clients dropped because of connections.messages-per-second; native clients get an error, counted in hearthgate_commands_refused_total.",
    ),
    counter(
        "hearthgate_commands_refused_total",
        "Client messages answered with an error, by its code.",
    ),
    counter(
        "hearthgate_deliveries_total",
        "Events put into clients' outboxes: one event to ten clients counts ten.",
    ),
    counter(
        "hearthgate_deliveries_dropped_total",
        "Events dropped from clients' outboxes, by dialect and reason; slow: the client did not read in time, and a native one was told of the gap; rights: they waited when the client's rights shrank.",
    ),
    counter(
        "hearthgate_frames_sent_total",
        "WebSocket frames written to clients.",
    ),
    counter("hearthgate_bytes_sent_total", "Bytes written to clients."),
    counter(
        "hearthgate_socket_writes_total",
        "Writes to clients' sockets: one may carry many frames.",
    ),
    counter(
        "hearthgate_events_encoded_total",
        "Events written in a client protocol, by dialect: once each, whatever the number of its clients.",
    ),
    counter(
        "hearthgate_slow_consumers_closed_total",
        "Connections closed with 4408 because not even a control frame could be written.",
    ),
    histogram(
        "hearthgate_shard_turn_seconds",
        "Time that a shard takes for one batch: matching, queueing, writing.",
    ),
    counter(
        "hearthgate_dialect_failures_total",
        "Calls into a dialect's plugin that gave nothing, by instance.",
    ),
    counter(
        "hearthgate_dialect_events_lost_total",
        "Events that the clients of a dialect missed: its plugin could not encode them, or is too slow, by instance.",
    ),
    gauge(
        "hearthgate_guest_up",
        "Whether an instance runs (1), by instance.",
    ),
    counter(
        "hearthgate_guest_state_changes_total",
        "Changes of an instance's state, by instance and state.",
    ),
    counter(
        "hearthgate_guest_calls_total",
        "Calls into an instance's guests.",
    ),
    histogram(
        "hearthgate_guest_call_seconds",
        "Time of calls into an instance's guests.",
    ),
    counter(
        "hearthgate_guest_faults_total",
        "Calls that ended with a trap or ran over their time, by instance.",
    ),
    counter(
        "hearthgate_guest_restarts_total",
        "Starts of a guest after a crash, by instance.",
    ),
    counter(
        "hearthgate_guest_reloads_total",
        "Reloads, by instance and outcome: reloaded, refused, rolled_back.",
    ),
    histogram(
        "hearthgate_guest_reload_pause_seconds",
        "How long inputs waited while a version was replaced.",
    ),
    gauge(
        "hearthgate_guest_memory_bytes",
        "Linear memory of an instance's guests.",
    ),
    gauge(
        "hearthgate_guest_mailbox_depth",
        "Inputs and calls that wait for an instance.",
    ),
    counter(
        "hearthgate_guest_over_limit_total",
        "Calls that an instance was refused because it had reached a limit: sockets, timers, files, store.",
    ),
    counter(
        "hearthgate_guest_published_total",
        "Events that an instance published.",
    ),
    counter(
        "hearthgate_guest_refused_total",
        "Events that an instance was refused: no grant, no such kind, wrong data.",
    ),
    counter(
        "hearthgate_guest_throttled_total",
        "Events that an instance was refused because of limits.publish-rate.",
    ),
    counter(
        "hearthgate_guest_denied_total",
        "Calls that an instance was refused because nothing grants them.",
    ),
    counter(
        "hearthgate_guest_events_missed_total",
        "Events that a reactor missed because it was too slow, by instance.",
    ),
    counter(
        "hearthgate_guest_files_unreadable_total",
        "Rotated files that an instance followed and that were packed before all of their lines were read.",
    ),
    counter(
        "hearthgate_guest_poison_inputs_total",
        "Inputs skipped because an instance crashed on them twice.",
    ),
    counter(
        "hearthgate_guest_log_lines_dropped_total",
        "Log lines beyond limits.log-rate, by instance.",
    ),
    counter(
        "hearthgate_guest_metrics_refused_total",
        "Metric series beyond limits.metric-series, by instance.",
    ),
    counter(
        "hearthgate_plugin_store_errors_total",
        "Errors of the database in which plugins store.",
    ),
];

/// Tells the recorder.
pub fn describe() {
    for Described {
        name,
        sort,
        meaning,
    } in DESCRIBED
    {
        match sort {
            Sort::Counter => metrics::describe_counter!(*name, *meaning),
            Sort::Gauge => metrics::describe_gauge!(*name, *meaning),
            Sort::Histogram => metrics::describe_histogram!(*name, *meaning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// Every `"hearthgate_…"` in the sources under a folder, but this file's.
    fn written(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                written(&path, found);
            } else if !path.ends_with("telemetry/described.rs") {
                let text = std::fs::read_to_string(&path).expect("sources are text");
                let rest = text.split("\"hearthgate_").skip(1);
                let names = rest.filter_map(|rest| rest.split('"').next());
                let plain = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                found.extend(names.filter(plain).map(|name| format!("hearthgate_{name}")));
            }
        }
    }

    #[test]
    fn every_metric_is_described_and_every_description_is_of_one() {
        let mut found = BTreeSet::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        written(&root.join("src"), &mut found);
        let described: BTreeSet<_> = DESCRIBED.iter().map(|d| d.name.to_owned()).collect();
        assert_eq!(described.len(), DESCRIBED.len(), "one is described twice");
        let without: Vec<_> = found.difference(&described).collect();
        assert!(without.is_empty(), "not described: {without:?}");
        let nowhere: Vec<_> = described.difference(&found).collect();
        assert!(nowhere.is_empty(), "no such metric: {nowhere:?}");
    }

    #[test]
    fn the_operators_guide_has_each_metric_as_it_is_described() {
        let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
        let guide = std::fs::read_to_string(guide).expect("the guide is there");
        for Described {
            name,
            sort,
            meaning,
        } in DESCRIBED
        {
            let sort = format!("{sort:?}").to_lowercase();
            let row = format!("| `{name}` | {sort} | {meaning} |");
            assert!(guide.contains(&row), "the guide lacks this row:\n{row}");
        }
    }
}

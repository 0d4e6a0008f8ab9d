//! The place that an instance's guests work in: everything of theirs that outlives one guest.

use super::admission::Admission;
use super::api::GatewayView;
use super::lines::Lines;
use super::replies::Replies;
use super::series::Series;
use super::services::Services;
use super::slots::Slots;
use crate::auth::Accounts;
use crate::bus::Bus;
use crate::config::Limits;
use crate::event::InstanceName;
use arc_swap::ArcSwap;
use metrics::{Counter, counter};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

/// The gateway around an instance: what its guests may ask beyond their own place.
#[derive(Clone)]
pub(super) struct Around {
    /// Where its events go, and what is retained.
    pub(super) bus: Bus,
    /// What it may be told of the gateway.
    pub(super) view: Arc<dyn GatewayView>,
    /// Who may log in.
    pub(super) accounts: Arc<dyn Accounts>,
    /// The other instances.
    pub(super) slots: Weak<Slots>,
}

/// The place of one instance.
pub struct Place {
    /// The instance's name: the source of its events.
    pub name: InstanceName,
    /// Sockets, files, timers, store and the rest of the outside world.
    pub services: Services,
    /// The way of its events.
    pub admission: Admission,
    /// The way of its log lines.
    pub lines: Arc<Lines>,
    /// Its metrics.
    pub series: Series,
    /// Answers that it still owes.
    pub replies: Arc<Replies>,
    /// The gateway around it.
    pub(super) around: Around,
    /// Linear memory of its guests, in bytes.
    pub memory: Arc<AtomicU64>,
    /// How often and how long its guests are called.
    pub calls: Calls,
    limits: ArcSwap<Limits>,
    denied: Counter,
    over_limit: Counter,
    denial: Denial,
}

/// Limits the lines about denials.
struct Denial(governor::DefaultDirectRateLimiter);

impl Place {
    /// A place for `name`.
    #[must_use]
    pub(super) fn new(
        name: &InstanceName,
        limits: &Limits,
        services: Services,
        around: Around,
    ) -> Self {
        let quota = governor::Quota::per_minute(std::num::NonZeroU32::MIN.saturating_add(5));
        Self {
            name: name.clone(),
            services,
            admission: Admission::new(name, limits, around.bus.clone()),
            lines: Arc::new(Lines::new(name, limits.log_rate)),
            series: Series::new(name, limits.metric_series),
            replies: Arc::new(Replies::new(limits.mailbox)),
            around,
            memory: Arc::new(AtomicU64::new(0)),
            calls: Calls::new(name),
            limits: ArcSwap::from_pointee(limits.clone()),
            denied: counter!("hearthgate_guest_denied_total", "instance" => name.to_string()),
            over_limit: counter!("hearthgate_guest_over_limit_total", "instance" => name.to_string()),
            denial: Denial(governor::RateLimiter::direct(quota)),
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Arc<Limits> {
        self.limits.load_full()
    }

    /// Puts other limits in force. Guests that run keep their memory limit until they are replaced.
    pub fn set_limits(&self, limits: &Limits) {
        self.admission.limit(limits);
        self.lines.limit(limits.log_rate);
        self.series.limit(limits.metric_series);
        self.limits.store(Arc::new(limits.clone()));
    }

    /// Counts a denial, and tells the operator which grant is missing: at most six times a minute.
    pub fn denied(&self, reason: &str) {
        self.denied.increment(1);
        if self.denial.0.check().is_ok() {
            let reason = super::lines::escape(reason, 512);
            tracing::warn!(instance = self.name.as_str(), reason, "denied to a plugin");
        }
    }
}

impl Place {
    /// Counts a refusal because of a limit, and tells the operator of which: as often as of denials.
    pub fn over_limit(&self, what: &str) {
        self.over_limit.increment(1);
        if self.denial.0.check().is_ok() {
            let reason = super::lines::escape(what, 512);
            tracing::warn!(
                instance = self.name.as_str(),
                reason,
                "a plugin reached a limit"
            );
        }
    }
}

/// The figures of calls into an instance's guests.
pub struct Calls {
    seconds: metrics::Histogram,
    faults: Counter,
    total: Counter,
}

impl Calls {
    fn new(name: &InstanceName) -> Self {
        let label = name.to_string();
        Self {
            seconds: metrics::histogram!("hearthgate_guest_call_seconds", "instance" => label.clone()),
            faults: counter!("hearthgate_guest_faults_total", "instance" => label.clone()),
            total: counter!("hearthgate_guest_calls_total", "instance" => label),
        }
    }

    /// A call that began then has ended.
    pub fn ended(&self, begun: std::time::Instant, faulty: bool) {
        self.total.increment(1);
        self.seconds.record(begun.elapsed());
        if faulty {
            self.faults.increment(1);
        }
    }
}

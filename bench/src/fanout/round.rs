//! One round of one server, and what rounds add up to.

use super::subject::Subject;
use crate::load::{Pace, Stretch};
use crate::report::{Report, median};
use serde_json::json;
use std::fmt::Write as _;

/// One round of one subject at one pace.
pub struct Round {
    /// Who was measured.
    pub subject: Subject,
    /// How fast was published.
    pub pace: Pace,
    /// What was seen.
    pub stretch: Stretch,
    /// Server time for one publication that nobody receives, in microseconds.
    pub publication_us: f64,
}

impl Round {
    /// Server time for one delivery, all included, in microseconds.
    fn delivery_us(&self) -> f64 {
        self.stretch.server_cpu_ns as f64 / 1000.0 / self.stretch.delivered.max(1) as f64
    }

    /// The same without what the publications alone cost.
    fn net_us(&self) -> f64 {
        let each = self.stretch.delivered.max(1) as f64 / self.stretch.published.max(1) as f64;
        self.delivery_us() - self.publication_us / each
    }

    fn per_second(&self) -> f64 {
        self.stretch.delivered as f64 * 1e9 / self.stretch.elapsed_ns.max(1) as f64
    }

    fn message_bytes(&self) -> f64 {
        self.stretch.payload_bytes as f64 / self.stretch.delivered.max(1) as f64
    }

    fn latency_us(&self, share: f64) -> f64 {
        self.stretch.latency_us.quantile(share) as f64
    }

    /// The round for those who wait.
    pub fn line(&self) -> String {
        format!(
            "{} {}: {:.3} µs/delivery, {:.0} deliveries/s, p99 {:.0} µs, lost {}, doubled {}",
            self.subject.name(),
            self.pace,
            self.delivery_us(),
            self.per_second(),
            self.latency_us(0.99),
            self.stretch.lost,
            self.stretch.doubled,
        )
    }

    /// All of it.
    pub fn to_json(&self) -> serde_json::Value {
        let stretch = &self.stretch;
        json!({
            "subject": self.subject.name(), "pace": self.pace.to_string(),
            "published": stretch.published, "delivered": stretch.delivered, "lost": stretch.lost,
            "doubled": stretch.doubled, "gaps": stretch.gaps, "elapsed_ns": stretch.elapsed_ns,
            "payload_bytes_mean": self.message_bytes(),
            "server_cpu_ns": stretch.server_cpu_ns, "load_cpu_ns": stretch.load_cpu_ns,
            "cpu_us_per_delivery": self.delivery_us(), "cpu_us_per_delivery_net": self.net_us(),
            "cpu_us_per_publication": self.publication_us,
            "latency_us": {
                "p50": self.latency_us(0.5), "p99": self.latency_us(0.99),
                "p999": self.latency_us(0.999), "max": stretch.latency_us.largest(),
            },
        })
    }
}

/// Everything that all rounds showed: a table of all servers for each pace, and the figures to reach.
pub fn report(name: &'static str, rounds: &[Round]) -> Report {
    let mut report = Report::new(name);
    report.raw = rounds.iter().map(Round::to_json).collect();
    let mut paces: Vec<Pace> = rounds.iter().map(|round| round.pace).collect();
    paces.dedup();
    for pace in paces {
        let same: Vec<&Round> = rounds.iter().filter(|round| round.pace == pace).collect();
        report.tables.push(table(pace, &same));
        goals(&mut report, pace, &same);
    }
    report
}

fn of<'a>(rounds: &[&'a Round], subject: Subject) -> Vec<&'a Round> {
    let fits = |round: &&&Round| round.subject == subject;
    rounds.iter().filter(fits).copied().collect()
}

fn ratio(rounds: &[&Round], subject: Subject) -> f64 {
    let (ours, bare) = (of(rounds, subject), of(rounds, Subject::Baseline));
    let pairs = ours.iter().zip(&bare);
    median(pairs.map(|(ours, bare)| ours.delivery_us() / bare.delivery_us()))
}

fn goals(report: &mut Report, pace: Pace, rounds: &[&Round]) {
    let gateway = of(rounds, Subject::Gateway);
    if gateway.is_empty() {
        return;
    }
    let title = format!("{pace}: gateway ÷ bare write loop, server CPU a delivery");
    match pace {
        Pace::PerSecond(_) => report.goal(title, ratio(rounds, Subject::Gateway), "×", 1.25),
        Pace::Window(_) => report.figure(title, ratio(rounds, Subject::Gateway), "×"),
    }
    let wrong = gateway
        .iter()
        .map(|round| round.stretch.lost + round.stretch.doubled);
    let title = format!("{pace}: lost or doubled by the gateway");
    report.goal(title, wrong.sum::<u64>() as f64, "events", 0.0);
}

/// One line for each server: medians over its rounds, sums for what was lost or doubled.
fn table(pace: Pace, rounds: &[&Round]) -> String {
    let mut text = format!(
        "{pace}\n  {:<16} {:>8} {:>8} {:>7} {:>9} {:>12} {:>9} {:>9} {:>9} {:>6} {:>7} {:>6}\n",
        "server",
        "µs CPU",
        "net",
        "÷ bare",
        "µs/publ.",
        "deliveries/s",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "lost",
        "doubled",
        "bytes"
    );
    for subject in Subject::ALL {
        let own = of(rounds, subject);
        if own.is_empty() {
            continue;
        }
        let middle = |figure: &dyn Fn(&Round) -> f64| median(own.iter().map(|round| figure(round)));
        let sum = |figure: fn(&Round) -> u64| own.iter().map(|round| figure(round)).sum::<u64>();
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "  {:<16} {:>8.3} {:>8.3} {:>7.3} {:>9.1} {:>12.0} {:>9.0} {:>9.0} {:>9.0} {:>6} {:>7} {:>6.1}",
            subject.name(),
            middle(&Round::delivery_us),
            middle(&Round::net_us),
            ratio(rounds, subject),
            middle(&|round| round.publication_us),
            middle(&Round::per_second),
            middle(&|round| round.latency_us(0.5)),
            middle(&|round| round.latency_us(0.99)),
            middle(&|round| round.latency_us(0.999)),
            sum(|round| round.stretch.lost),
            sum(|round| round.stretch.doubled),
            middle(&Round::message_bytes),
        );
    }
    text
}

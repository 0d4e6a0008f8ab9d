//! Fan-out: one event to many subscribers, the gateway beside the yardstick, in turns.

use crate::baseline;
use crate::child::{Folder, Server};
use crate::client::Client;
use crate::gateway::Setup;
use crate::load::{Load, Pace, Stretch};
use crate::plan::Plan;
use crate::publisher::{PADDING_KEY, Publish, Publisher, TOPIC};
use crate::report::{Report, median};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::time::Duration;

/// Bytes of a message that clients receive.
const MESSAGE_BYTES: usize = 128;
/// Events on their way when publishing as fast as possible: well below what a client's outbox holds.
const WINDOW: u64 = 256;

/// The two who take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Gateway,
    Baseline,
}

/// How the gateway's events come to the wanted size.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Bytes added to an event's data.
    padding: usize,
    /// Bytes that a client then receives.
    payload: usize,
}

/// One round of one subject at one pace.
struct Round {
    subject: Subject,
    pace: Pace,
    stretch: Stretch,
    /// Server time for one publication that nobody receives, in microseconds.
    publication_us: f64,
}

/// Runs the benchmark.
///
/// # Errors
/// When a server does not come up, or breaks off.
pub fn run(plan: &Plan) -> Result<Report> {
    let size = if plan.baseline_only {
        Size {
            padding: 0,
            payload: MESSAGE_BYTES,
        }
    } else {
        calibrate(plan)?
    };
    let mut rounds = Vec::new();
    for pace in [Pace::PerSecond(plan.rate), Pace::Window(WINDOW)] {
        for number in 0..plan.rounds {
            for subject in [Subject::Baseline, Subject::Gateway] {
                if plan.baseline_only && subject == Subject::Gateway {
                    continue;
                }
                let round = measure(plan, subject, pace, size)?;
                eprintln!(
                    "  round {} of {}: {}",
                    number + 1,
                    plan.rounds,
                    round.line(plan)
                );
                rounds.push(round);
            }
        }
    }
    Ok(report(plan, &rounds))
}

fn start(plan: &Plan, subject: Subject, size: Size) -> Result<(Server, Folder)> {
    let folder = Folder::new(&plan.results, "fanout")?;
    match subject {
        Subject::Baseline => Ok((
            baseline::start(plan.server_core, &folder, size.payload)?,
            folder,
        )),
        Subject::Gateway => {
            let setup = Setup {
                binary: plan.gateway.clone(),
                core: plan.server_core,
                folder,
                sources: String::new(),
            };
            Ok((setup.start()?, setup.folder))
        }
    }
}

/// Publishes one event and looks how long it arrives.
fn calibrate(plan: &Plan) -> Result<Size> {
    let (server, _folder) = start(
        plan,
        Subject::Gateway,
        Size {
            padding: 0,
            payload: 0,
        },
    )?;
    let bare = arrived_bytes(&server, 0)?;
    let Some(padding) = MESSAGE_BYTES
        .checked_sub(bare)
        .filter(|p| *p >= PADDING_KEY)
    else {
        return Ok(Size {
            padding: 0,
            payload: bare,
        });
    };
    let payload = arrived_bytes(&server, padding)?;
    Ok(Size { padding, payload })
}

fn arrived_bytes(server: &Server, padding: usize) -> Result<usize> {
    let mut client = Client::connect(server.clients, 0)?;
    client.subscribe(&[TOPIC.to_owned()], false)?;
    let mut publisher = Publisher::connect(server.admin, padding)?;
    publisher.publish(crate::publisher::FIRST, 0)?;
    for _ in 0..10 {
        let text = client.next_text().context("waiting for the first event")?;
        if crate::client::find(&text, b"\"n\":").is_some() {
            return Ok(text.len());
        }
    }
    bail!("the published event did not arrive")
}

fn measure(plan: &Plan, subject: Subject, pace: Pace, size: Size) -> Result<Round> {
    let (server, _folder) = start(plan, subject, size)?;
    let publisher = Publisher::connect(server.admin, size.padding)?;
    let pace_alone = Pace::PerSecond(plan.rate);
    let lone = Load::new(Vec::new(), publisher)?.stretch(&server, pace_alone, plan.stretch / 4)?;
    let mut clients = Vec::with_capacity(plan.subscribers);
    for number in 0..plan.subscribers {
        let mut client = Client::connect(server.clients, number)?;
        client.subscribe(&[TOPIC.to_owned()], false)?;
        clients.push(client);
    }
    let mut load = Load::new(clients, Publisher::connect(server.admin, size.padding)?)?;
    load.stretch(&server, pace, Duration::from_millis(500))?;
    let stretch = load.stretch(&server, pace, plan.stretch)?;
    Ok(Round {
        subject,
        pace,
        stretch,
        publication_us: lone.server_cpu_ns as f64 / 1000.0 / lone.published.max(1) as f64,
    })
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

    fn latency_us(&self, share: f64) -> f64 {
        self.stretch.latency_us.quantile(share) as f64
    }

    fn line(&self, plan: &Plan) -> String {
        format!(
            "{:?} {:?}, {} subscribers: {:.3} µs/delivery, {:.0} deliveries/s, p99 {:.0} µs, lost {}, doubled {}",
            self.subject,
            self.pace,
            plan.subscribers,
            self.delivery_us(),
            self.per_second(),
            self.latency_us(0.99),
            self.stretch.lost,
            self.stretch.doubled,
        )
    }

    fn to_json(&self) -> serde_json::Value {
        let stretch = &self.stretch;
        json!({
            "subject": format!("{:?}", self.subject), "pace": format!("{:?}", self.pace),
            "published": stretch.published, "delivered": stretch.delivered, "lost": stretch.lost,
            "doubled": stretch.doubled, "gaps": stretch.gaps, "elapsed_ns": stretch.elapsed_ns,
            "payload_bytes_mean": stretch.payload_bytes as f64 / stretch.delivered.max(1) as f64,
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

fn report(plan: &Plan, rounds: &[Round]) -> Report {
    let mut report = Report::new("fanout");
    report.raw = rounds.iter().map(Round::to_json).collect();
    for (pace, name) in [
        (Pace::PerSecond(plan.rate), format!("{}/s", plan.rate)),
        (Pace::Window(WINDOW), "fastest".to_owned()),
    ] {
        let of = |subject| -> Vec<&Round> {
            let fits = |round: &&Round| round.subject == subject && round.pace == pace;
            rounds.iter().filter(fits).collect()
        };
        let (baseline, gateway) = (of(Subject::Baseline), of(Subject::Gateway));
        describe(&mut report, &format!("{name}: bare write loop"), &baseline);
        if gateway.is_empty() {
            continue;
        }
        describe(&mut report, &format!("{name}: gateway"), &gateway);
        let pairs = gateway.iter().zip(&baseline);
        let ratio = median(pairs.map(|(ours, bare)| ours.delivery_us() / bare.delivery_us()));
        let title = format!("{name}: gateway ÷ bare, server CPU");
        match pace {
            Pace::PerSecond(_) => report.goal(title, ratio, "×", 1.25),
            Pace::Window(_) => report.figure(title, ratio, "×"),
        }
        let lost = gateway
            .iter()
            .map(|r| r.stretch.lost + r.stretch.doubled)
            .sum::<u64>();
        report.goal(
            format!("{name}: lost or doubled by the gateway"),
            lost as f64,
            "events",
            0.0,
        );
    }
    report
}

fn describe(report: &mut Report, who: &str, rounds: &[&Round]) {
    let middle = |figure: fn(&Round) -> f64| median(rounds.iter().map(|round| figure(round)));
    report.figure(
        format!("{who}, server CPU a delivery"),
        middle(Round::delivery_us),
        "µs",
    );
    report.figure(
        format!("{who}, without publishing"),
        middle(Round::net_us),
        "µs",
    );
    report.figure(
        format!("{who}, a publication alone"),
        middle(|r| r.publication_us),
        "µs",
    );
    report.figure(
        format!("{who}, deliveries"),
        middle(Round::per_second),
        "/s",
    );
    report.figure(
        format!("{who}, message"),
        middle(|r| r.stretch.payload_bytes as f64 / r.stretch.delivered.max(1) as f64),
        "bytes",
    );
    for (share, name) in [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")] {
        let value = median(rounds.iter().map(|round| round.latency_us(share)));
        report.figure(format!("{who}, latency {name}"), value, "µs");
    }
}

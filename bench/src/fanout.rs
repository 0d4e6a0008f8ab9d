//! Fan-out: one event to many subscribers, the gateway beside the yardstick, in turns; on demand beside public peers.

mod round;
mod subject;

use crate::client::{Client, find};
use crate::load::{Load, Pace};
use crate::plan::Plan;
use crate::publisher::{FIRST, PADDING_KEY, TOPIC};
use crate::report::Report;
use anyhow::{Context, Result, bail};
use round::{Round, report};
use std::time::Duration;
use subject::{Size, Subject};

/// Bytes of a message that clients receive.
pub const MESSAGE_BYTES: usize = 128;
/// Events on their way when publishing as fast as possible: well below what a client's outbox holds.
const WINDOW: u64 = 256;
/// Before measuring, the same goes on for so long.
const WARM_UP: Duration = Duration::from_millis(500);

/// The gateway beside the bare write loop.
///
/// # Errors
/// When a server does not come up, or breaks off.
pub fn run(plan: &Plan) -> Result<Report> {
    let subjects: &[Subject] = match plan.baseline_only {
        true => &[Subject::Baseline],
        false => &[Subject::Baseline, Subject::Gateway],
    };
    compare(plan, "fanout", subjects)
}

/// The same beside public peers, as far as they can be had.
///
/// # Errors
/// As [`run`].
pub fn peers(plan: &Plan) -> Result<Report> {
    let mut subjects = vec![Subject::Baseline];
    if plan.gateway.exists() {
        subjects.push(Subject::Gateway);
    }
    for peer in crate::peers::Peer::ALL {
        match peer.prepare(plan) {
            Ok(()) => subjects.push(Subject::Peer(peer)),
            Err(error) => eprintln!("  without {}: {error:#}", peer.name()),
        }
    }
    compare(plan, "peers", &subjects)
}

fn compare(plan: &Plan, name: &'static str, subjects: &[Subject]) -> Result<Report> {
    let size = match subjects.contains(&Subject::Gateway) {
        true => calibrate(plan)?,
        false => Size {
            padding: 0,
            payload: MESSAGE_BYTES,
        },
    };
    let mut rounds = Vec::new();
    for pace in [Pace::PerSecond(plan.rate), Pace::Window(WINDOW)] {
        for number in 1..=plan.rounds {
            for subject in subjects {
                let round = measure(plan, *subject, pace, size)
                    .with_context(|| format!("{} {pace}", subject.name()))?;
                eprintln!("  round {number} of {}: {}", plan.rounds, round.line());
                rounds.push(round);
            }
        }
    }
    Ok(report(name, &rounds))
}

/// Publishes one event and looks how long it arrives.
///
/// # Errors
/// When it does not.
pub fn calibrate(plan: &Plan) -> Result<Size> {
    let mut size = Size {
        padding: 0,
        payload: 0,
    };
    size.payload = arrived_bytes(plan, size)?;
    if let Some(padding) = MESSAGE_BYTES.checked_sub(size.payload)
        && padding >= PADDING_KEY
    {
        size.padding = padding;
        size.payload = arrived_bytes(plan, size)?;
    }
    Ok(size)
}

fn arrived_bytes(plan: &Plan, size: Size) -> Result<usize> {
    let (_folder, server) = Subject::Gateway.start(plan, size)?;
    let mut client = Client::connect(server.clients, 0)?;
    client.subscribe(&[TOPIC.to_owned()], false)?;
    let mut publisher = Subject::Gateway.publisher(&server, size)?;
    publisher.publish(FIRST, 0)?;
    for _ in 0..10 {
        let text = client
            .next_message()
            .context("waiting for the first event")?;
        if find(&text, b"\"n\":").is_some() {
            return Ok(text.len());
        }
    }
    bail!("the published event did not arrive")
}

fn measure(plan: &Plan, subject: Subject, pace: Pace, size: Size) -> Result<Round> {
    let (_folder, server) = subject.start(plan, size)?;
    let clients: Result<Vec<Client>> = (0..plan.subscribers)
        .map(|number| subject.client(&server, number))
        .collect();
    let mut load = Load::new(clients?, subject.publisher(&server, size)?)?;
    load.stretch(&server, pace, WARM_UP)?;
    let stretch = load.stretch(&server, pace, plan.stretch)?;
    drop(load);
    // Nobody listens any more: what is left is the cost of the publications, at the rate that was reached.
    let rate = stretch.published as u128 * 1_000_000_000 / u128::from(stretch.elapsed_ns.max(1));
    let rate = Pace::PerSecond(u64::try_from(rate)?.max(1));
    let mut alone = Load::new(Vec::new(), subject.publisher(&server, size)?)?;
    alone.stretch(&server, rate, WARM_UP)?;
    let alone = alone.stretch(&server, rate, plan.stretch / 4)?;
    Ok(Round {
        subject,
        pace,
        stretch,
        publication_us: alone.server_cpu_ns as f64 / 1000.0 / alone.published.max(1) as f64,
    })
}

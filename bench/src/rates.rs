//! What a rate limit costs each time that it is asked: for messages of a connection, and for handshakes of addresses
//! whose table is full.

use crate::os;
use crate::plan::Plan;
use crate::report::Report;
use anyhow::{Result, ensure};
use hearthgate::connection::rate::{Rate, Verdict};
use hearthgate::limits::{Knocks, Network};
use serde_json::json;
use std::hint::black_box;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Checks that are timed together.
const CHECKS: u32 = 1_000_000;
/// Addresses that take turns: more than are remembered, so that each check also forgets one.
const ADDRESSES: u32 = 100_000;
/// Most time for one check.
const GOAL_NS: f64 = 100.0;

/// Runs the benchmark.
///
/// # Errors
/// When a check says anything else than it should.
pub fn run(_plan: &Plan) -> Result<Report> {
    let mut report = Report::new("rates");
    let messages = messages()?;
    let one = addresses(1)?;
    let many = addresses(ADDRESSES)?;
    report.goal("a message of a connection", messages, "ns", GOAL_NS);
    report.goal("a handshake of one address", one, "ns", GOAL_NS);
    // Nobody's usual case, so it is told and not held: each check makes an entry and forgets another.
    report.figure("a handshake of 100,000 addresses in turns", many, "ns");
    report.raw.push(json!({
        "message_ns": messages, "one_address_ns": one, "many_addresses_ns": many,
    }));
    Ok(report)
}

/// With the clock that the gateway reads for each.
fn messages() -> Result<f64> {
    let mut rate = Rate::new(u32::MAX);
    let mut passed = 0;
    let start = os::monotonic_ns();
    for _ in 0..CHECKS {
        let verdict = rate.take(Instant::now(), black_box(u32::MAX));
        passed += u32::from(verdict == Verdict::Pass);
    }
    let spent = nanos_each(start);
    ensure!(passed == CHECKS, "{passed} passed");
    Ok(spent)
}

fn addresses(count: u32) -> Result<f64> {
    let knocks = Knocks::default();
    let networks: Vec<Network> = (0..count)
        .map(|n| Network::from(IpAddr::from(n.to_be_bytes())))
        .collect();
    for network in &networks {
        let _filled = knocks.take(*network, Instant::now(), u32::MAX);
    }
    let (mut passed, mut turns) = (0, networks.iter().cycle());
    let start = os::monotonic_ns();
    for _ in 0..CHECKS {
        let Some(network) = turns.next() else { break };
        let taken: Result<(), Duration> =
            knocks.take(black_box(*network), Instant::now(), u32::MAX);
        passed += u32::from(taken.is_ok());
    }
    let spent = nanos_each(start);
    ensure!(passed == CHECKS, "{passed} passed");
    Ok(spent)
}

fn nanos_each(start: u64) -> f64 {
    (os::monotonic_ns() - start) as f64 / f64::from(CHECKS)
}

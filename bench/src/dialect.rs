//! A dialect that a plugin speaks: what an event costs for its clients beside native ones, and what a client's message
//! costs. The plugin is the test guest `shout` (tests/guests), which is a pool of guests without state, as dialects are.

use crate::child::{Folder, free_address};
use crate::client::Client;
use crate::fanout;
use crate::gateway::Setup;
use crate::load::{Load, Pace};
use crate::plan::Plan;
use crate::publisher::{FIRST, Publisher, TOPIC};
use crate::report::{Report, median};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Before measuring, the same goes on for so long.
const WARM_UP: Duration = Duration::from_millis(500);
/// Clients that send messages, one after the other, each before it has its answer.
const TALKERS: usize = 16;
/// What a client sends: the guest reads it as JSON and answers with one text.
const MESSAGE: &str =
    r#"{"do":"send","texts":["an answer of the usual length, as dialects give them"]}"#;

/// Runs the benchmark.
///
/// # Errors
/// When the gateway does not come up, or breaks off.
pub fn run(plan: &Plan) -> Result<Report> {
    let mut report = Report::new("dialect");
    let mut ratios = Vec::new();
    let mut wrong = 0;
    for _ in 0..plan.rounds {
        let (native, _) = fan_out(plan, false, &mut report)?;
        let (dialect, lost) = fan_out(plan, true, &mut report)?;
        ratios.push(dialect / native);
        wrong += lost;
    }
    let title = "dialect ÷ native, server CPU a delivery".to_owned();
    report.goal(title, median(ratios), "×", 1.1);
    report.goal("lost or doubled in the dialect", wrong as f64, "", 0.0);
    let messages: Result<Vec<f64>> = (0..plan.rounds).map(|_| messages(plan)).collect();
    let messages = messages?;
    report.raw.push(json!({ "message_cpu_us": messages }));
    let title = "a client's message and its answer, server CPU";
    report.goal(title, median(messages), "µs", 15.0);
    Ok(report)
}

/// Server time for one delivery in microseconds, and how many were lost or doubled.
fn fan_out(plan: &Plan, dialect: bool, report: &mut Report) -> Result<(f64, u64)> {
    let (setup, talk) = setup(plan)?;
    let server = setup.start()?;
    let mut clients = Vec::with_capacity(plan.subscribers);
    for number in 0..plan.subscribers {
        clients.push(match dialect {
            true => speaker(talk, number)?,
            false => {
                let mut client = Client::connect(server.clients, number)?;
                client.subscribe(&[TOPIC.to_owned()], false)?;
                client
            }
        });
    }
    let padding = match dialect {
        // The guest sends an event's data as it is.
        true => fanout::MESSAGE_BYTES - bare_data().len(),
        false => fanout::calibrate(plan)?.padding,
    };
    let publisher = Publisher::connect(server.admin, padding)?;
    let mut load = Load::new(clients, Box::new(publisher))?;
    let pace = Pace::PerSecond(plan.rate);
    load.stretch(&server, pace, WARM_UP)?;
    let stretch = load
        .stretch(&server, pace, plan.stretch)
        .with_context(|| format!("the gateway printed:\n{}", server.printed()))?;
    let cpu = stretch.server_cpu_ns as f64 / 1000.0 / stretch.delivered.max(1) as f64;
    let bytes = stretch.payload_bytes as f64 / stretch.delivered.max(1) as f64;
    let name = if dialect { "dialect" } else { "native" };
    eprintln!("  {name}: {cpu:.3} µs/delivery of {bytes:.0} bytes");
    report.raw.push(json!({
        "subject": name, "published": stretch.published, "delivered": stretch.delivered, "lost": stretch.lost,
        "doubled": stretch.doubled, "cpu_us_per_delivery": cpu, "payload_bytes_mean": bytes,
        "latency_us": { "p50": stretch.latency_us.quantile(0.5), "p99": stretch.latency_us.quantile(0.99) },
    }));
    Ok((cpu, stretch.lost + stretch.doubled))
}

/// The data of an event as the publisher makes it without padding.
fn bare_data() -> String {
    format!(
        "{{\"n\":{FIRST},\"t\":{}}}",
        crate::publisher::CLOCK_OFFSET_US
    )
}

/// Server time for one message with its answer, in microseconds.
fn messages(plan: &Plan) -> Result<f64> {
    let (setup, talk) = setup(plan)?;
    let server = setup.start()?;
    let talkers: Result<Vec<Client>> = (0..TALKERS).map(|number| speaker(talk, number)).collect();
    let mut talkers = talkers?;
    exchange(&mut talkers, WARM_UP)?;
    let before = server.cpu_ns()?;
    let count = exchange(&mut talkers, plan.stretch)?;
    let micros = (server.cpu_ns()? - before) as f64 / 1000.0 / count.max(1) as f64;
    eprintln!("  message: {micros:.2} µs, {count} in {:?}", plan.stretch);
    Ok(micros)
}

/// All send, then all read, for so long; how many messages that were.
fn exchange(talkers: &mut [Client], lasts: Duration) -> Result<u64> {
    let (end, mut count) = (Instant::now() + lasts, 0);
    while Instant::now() < end {
        for talker in &mut *talkers {
            talker.send(MESSAGE)?;
        }
        for talker in &mut *talkers {
            let answer = talker.next_message()?;
            ensure!(
                answer.starts_with(b"an answer"),
                "an unexpected answer: {}",
                String::from_utf8_lossy(&answer)
            );
            count += 1;
        }
    }
    Ok(count)
}

/// A gateway that speaks the dialect on a listener of its own, whose address comes with it.
fn setup(plan: &Plan) -> Result<(Setup, SocketAddr)> {
    let talk = free_address()?;
    let setup = Setup {
        binary: plan.gateway.clone(),
        core: plan.server_core,
        folder: Folder::new(&plan.results, "dialect")?,
        sources: format!(
            "[[listener]]\naddress = \"{talk}\"\nroutes = [{{ path = \"/talk\", dialect = \"talk\" }}]\n\
             [dialects.talk]\nmessages-per-second = 1000000\nheartbeat-interval = \"1h\"\n\
             [handlers.talk]\nplugin = \"shout\"\nconfig = {{ plain = true }}\n\
             grants = {{ subscribe = [\"{TOPIC}\"] }}\n"
        ),
    };
    setup.install(&plan.target.join("guests/shout.wasm"), "shout")?;
    Ok((setup, talk))
}

/// A client of the dialect that has subscribed.
fn speaker(talk: SocketAddr, number: usize) -> Result<Client> {
    let mut client = Client::connect_silently(talk, "/talk", "", number)?;
    client.next_message().context("waiting for the greeting")?;
    client.send(&format!(
        r#"{{"do":"subscribe","name":"a","topics":["{TOPIC}"]}}"#
    ))?;
    let told = client.next_message()?;
    ensure!(told.starts_with(b"SUBSCRIBED"), "the dialect refused");
    Ok(client)
}

//! What it does wrong.

use crate::Config;
use hearthgate_plugin::net::{HttpRequest, WebSocketTarget};
use hearthgate_plugin::{Event, Failure, commands, files, log, metrics, publish_all, timers};
use serde::Deserialize;
use serde_json::json;
use std::hint::black_box;
use std::time::Duration;

/// The deed.
#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    None,
    Loop,
    Trap,
    MemoryBomb,
    BigString,
    EventFlood,
    LogFlood,
    HandleFlood,
    TableGrowth,
    ForgedSource,
    TopicOutside,
    SlowHostCall,
    OversizedState,
    FailNotReady,
    FailUnauthorized,
    FailMisconfigured,
    FailFatal,
    Allocate,
}

/// Does it.
pub fn commit(config: &Config, held: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
    let amount = |default: u64| {
        if config.amount == 0 {
            default
        } else {
            config.amount
        }
    };
    match config.what {
        // These are told by what the export returns.
        What::None | What::OversizedState => Ok(()),
        What::BigString if config.when.returns_text() => Ok(()),
        What::Loop => loop {
            black_box(());
        },
        What::Trap => panic!("told to trap"),
        What::MemoryBomb => loop {
            held.push(vec![1; 1 << 20]);
        },
        What::Allocate => {
            held.push(vec![
                1;
                usize::try_from(amount(1 << 20)).unwrap_or(usize::MAX)
            ]);
            Ok(())
        }
        What::BigString => {
            Event::new(
                "test.misbehave",
                "test/big",
                &json!({"big": big_string(config)}),
            )
            .publish()?;
            Ok(())
        }
        What::EventFlood => event_flood(amount(1_000_000)),
        What::LogFlood => {
            for n in 0..amount(1_000_000) {
                log::warn!("flood {n}\n{{\"level\":\"error\",\"message\":\"forged\"}}\u{1b}[31m");
            }
            Ok(())
        }
        What::HandleFlood => handle_flood(config, amount(100_000)),
        What::TableGrowth => table_growth(),
        What::ForgedSource => forged_source(),
        What::TopicOutside => {
            Event::new("test.misbehave", "forbidden/topic", &json!({})).publish()?;
            Ok(())
        }
        What::SlowHostCall => slow_host_call(config),
        What::FailNotReady => Err(Failure::not_ready(
            "told to wait",
            Duration::from_millis(amount(100)),
        )),
        What::FailUnauthorized => Err(Failure::unauthorized("told to be refused")),
        What::FailMisconfigured => Err(Failure::misconfigured("what", "told to be misconfigured")),
        What::FailFatal => Err(Failure::fatal("told to fail")),
    }
}

/// A sign of life, so that a test sees that it still runs.
pub fn tell(ticks: u64, held: usize) -> Result<(), Failure> {
    Event::new(
        "test.misbehave",
        "test/misbehave",
        &json!({"ticks": ticks, "held": held}),
    )
    .publish()?;
    Ok(())
}

/// As many bytes as are configured.
pub fn bytes(config: &Config, default: usize) -> Vec<u8> {
    let amount = usize::try_from(config.amount).unwrap_or(usize::MAX);
    vec![b'x'; if amount == 0 { default } else { amount }]
}

/// 100 MB unless another size is configured.
pub fn big_string(config: &Config) -> String {
    String::from_utf8(bytes(config, 100_000_000)).expect("x is text")
}

/// Publishes on and on, in batches, and does not care what the host says.
fn event_flood(amount: u64) -> Result<(), Failure> {
    for batch in 0..amount.div_ceil(100) {
        let event = |n: u64| {
            Event::new(
                "test.misbehave",
                "test/flood",
                &json!({"n": batch * 100 + n}),
            )
        };
        let _ = publish_all((0..100).map(event));
    }
    Ok(())
}

/// Asks for as much as it can of all that the host has to keep (timers, sockets, requests, followed files, series), and
/// tells how much of it it got.
fn handle_flood(config: &Config, amount: u64) -> Result<(), Failure> {
    let socket = WebSocketTarget::new(config.socket.as_str());
    let (mut timers, mut files, mut sockets, mut requests) = (0, 0, 0, 0);
    for n in 0..amount {
        timers += u64::from(timers::every(Duration::from_secs(3600), "flood").is_ok());
        files += u64::from(files::watch(&format!("/flood/{n}")).is_ok());
        sockets += u64::from(socket.open().is_ok());
        requests += u64::from(HttpRequest::get(config.url.as_str()).start().is_ok());
        metrics::add("flood", 1, &[("n", &n.to_string())]);
    }
    let got = json!({"asked": amount, "timers": timers, "files": files, "sockets": sockets, "requests": requests});
    Event::new("test.misbehave", "test/got", &got).publish()?;
    Ok(())
}

/// Stable Rust can't grow a table, so only the build with the feature `table-growth` can; see the README.
fn table_growth() -> Result<(), Failure> {
    #[cfg(feature = "table-growth")]
    {
        let grown = crate::table::grow_until_refused();
        Event::new("test.misbehave", "test/got", &json!({"elements": grown})).publish()?;
        Ok(())
    }
    #[cfg(not(feature = "table-growth"))]
    Err(Failure::misconfigured(
        "what",
        "this build lacks the feature `table-growth`",
    ))
}

/// Says in every place it can that another published this. The host's stamps must not be moved by it.
fn forged_source() -> Result<(), Failure> {
    let data = json!({"source": "gateway", "seq": 1, "received_at": 0, "timestamp": "1970-01-01T00:00:00.000Z"});
    Event::new("test.misbehave", "test/forged", &data)
        .label("source", "gateway")
        .publish()?;
    Ok(())
}

/// A host call that does not return for long: a command if one is configured, a request to a peer that never
/// answers if not.
fn slow_host_call(config: &Config) -> Result<(), Failure> {
    if config.command.is_empty() {
        let request = HttpRequest::get(config.url.as_str()).timeout(Duration::from_secs(3600));
        request.fetch()?;
    } else {
        commands::run(&config.command, &[])?;
    }
    Ok(())
}

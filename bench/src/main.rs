//! The load generator and the benchmarks. `README.md` beside this crate says what each figure means.

mod baseline;
mod child;
mod client;
mod fanout;
mod frame;
mod gateway;
mod histogram;
mod load;
mod os;
mod plan;
mod poll;
mod publisher;
mod report;
mod swarm;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use plan::Plan;
use report::Report;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures the gateway: servers on one core, the load on another, each beside something to compare with.
///
/// Build first: `cargo xtask build`. Results go to target/bench/*.json; tables are printed.
/// For figures to rely on, nothing else should run on the machine.
#[derive(Parser)]
#[command(name = "hearthgate-bench", version)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// A smoke run of less than a minute: fewer clients, short rounds; not for comparisons.
    #[arg(long, global = true)]
    quick: bool,
    /// The gateway's binary [default: target/release/hearthgate].
    #[arg(long, global = true, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// Rounds that each server gets, in turns [default: 5; quick: 1].
    #[arg(long, global = true)]
    rounds: Option<usize>,
    /// Measure only what needs no gateway.
    #[arg(long, global = true)]
    baseline_only: bool,
}

#[derive(Subcommand)]
enum What {
    /// All of the below, with a summary against the figures to reach.
    All,
    /// One event to 1,000 subscribers, at 100/s and as fast as possible, beside a bare write() loop.
    Fanout,
    /// The yardstick: a bare write() loop (started by `fanout`).
    #[command(hide = true)]
    ServeBaseline {
        clients: SocketAddr,
        admin: SocketAddr,
        payload: usize,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what was asked for; whether every figure to reach was reached.
fn start(arguments: &Arguments) -> Result<bool> {
    os::raise_open_files();
    if let What::ServeBaseline {
        clients,
        admin,
        payload,
    } = arguments.what
    {
        baseline::serve(clients, admin, payload)?;
        return Ok(true);
    }
    let plan = plan(arguments)?;
    let all: [fn(&Plan) -> Result<Report>; 1] = [fanout::run];
    let chosen: &[fn(&Plan) -> Result<Report>] = match arguments.what {
        What::All => &all,
        What::Fanout => &[fanout::run],
        What::ServeBaseline { .. } => &[],
    };
    let mut goals = Vec::new();
    for benchmark in chosen {
        let report = benchmark(&plan)?;
        report.publish(&plan.results)?;
        goals.extend(report.figures.into_iter().filter(|f| f.at_most.is_some()));
    }
    if chosen.len() > 1 {
        println!("\nfigures to reach\n{}", report::table(&goals));
    }
    Ok(goals.iter().all(|figure| figure.reached() != Some(false)))
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.context("the crate lies in the repository")?;
    let mut plan = Plan::new(root, arguments.gateway.clone(), arguments.quick);
    plan.baseline_only = arguments.baseline_only;
    plan.rounds = arguments.rounds.unwrap_or(plan.rounds).max(1);
    std::fs::create_dir_all(&plan.results)?;
    match plan.load_core {
        Some(core) => os::pin(core)?,
        None => eprintln!("only one core: servers and load share it, so latencies mean little"),
    }
    Ok(plan)
}

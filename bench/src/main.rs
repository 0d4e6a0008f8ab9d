//! The load generator and the benchmarks. `README.md` beside this crate says what each figure means.

mod auth;
mod baseline;
mod child;
mod client;
mod dialect;
mod edge;
mod fanout;
mod feed;
mod frame;
mod gateway;
mod histogram;
mod home;
mod idle;
mod load;
mod matching;
mod nats;
mod os;
mod peers;
mod pipe;
mod plan;
mod poll;
mod publish;
mod publisher;
mod rates;
mod relay;
mod reload;
mod report;
mod startup;
mod swarm;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use plan::Plan;
use report::{Figure, Report};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures the gateway: servers on one core, the load on another, each beside something to compare with.
///
/// Build first: `cargo xtask build`; `cargo xtask bench` does both. Tables are printed, raw figures written to
/// target/bench/NAME.json. Nothing else should run on the machine; bench/README.md says what each figure means.
/// Exits with 2 when a figure to reach was missed.
#[derive(Parser)]
#[command(name = "hearthgate-bench", version)]
struct Arguments {
    /// What to measure [default: all].
    #[command(subcommand)]
    what: Option<What>,
    /// A smoke run of less than a minute: fewer clients, short rounds; not for comparisons.
    #[arg(long, global = true)]
    quick: bool,
    /// The gateway's binary [default: target/release/hearthgate].
    #[arg(long, global = true, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// Rounds that each server gets, in turns [default: 5; quick: 1].
    #[arg(long, global = true)]
    rounds: Option<usize>,
}

#[derive(Subcommand, Clone, Copy, PartialEq, Eq)]
enum What {
    /// All of the below, with a summary against the figures to reach.
    All,
    /// One event to 1,000 subscribers, at 100/s and as fast as possible, beside a bare write() loop.
    Fanout {
        /// Measure only the bare write() loop; needs no gateway.
        #[arg(long)]
        baseline_only: bool,
    },
    /// A home of 10,000 entities through the plugin home-assistant: time, memory, and a client's share of it.
    Home,
    /// One event to 1,000 clients of a plugin's dialect beside native ones, and the cost of a client's message.
    Dialect,
    /// Resident memory per idle connection, between 1,000 and 10,000 of them.
    Idle,
    /// Finding one subscription among 100,000, and adding and removing them; needs no gateway.
    Matching,
    /// From a guest's publish to the client's socket, and from a device through a guest to the client.
    Publish,
    /// The pause of a plugin's reload under 1,000 events/s, and that nothing is lost or doubled.
    Reload,
    /// From the start of the process to the first event, with a cold and a warm plugin cache.
    Startup,
    /// What a rate limit costs each time; needs no gateway.
    Rates,
    /// What it costs to check a token, by algorithm, beside its signature alone; needs no gateway.
    Auth,
    /// Memory of idle connections over TLS, and latency beside 10,000 half-open sockets.
    Edge,
    /// The fan-out beside Node's `ws`, Bun and NATS too, as far as they can be had here; not part of `all`.
    Peers,
    /// The yardstick: a bare write() loop (started by `fanout`).
    #[command(hide = true)]
    ServeBaseline {
        clients: SocketAddr,
        admin: SocketAddr,
        payload: usize,
    },
}

type Benchmark = fn(&Plan) -> Result<Report>;

impl What {
    fn benchmarks(self) -> &'static [(&'static str, Benchmark)] {
        const ALL: &[(&str, Benchmark)] = &[
            ("fanout", fanout::run),
            ("dialect", dialect::run),
            ("idle", idle::run),
            ("matching", matching::run),
            ("publish", publish::run),
            ("reload", reload::run),
            ("startup", startup::run),
            ("rates", rates::run),
            ("home", home::run),
            ("auth", auth::run),
            ("edge", edge::run),
        ];
        match self {
            Self::All => ALL,
            Self::Fanout { .. } => &ALL[0..1],
            Self::Dialect => &ALL[1..2],
            Self::Idle => &ALL[2..3],
            Self::Matching => &ALL[3..4],
            Self::Publish => &ALL[4..5],
            Self::Reload => &ALL[5..6],
            Self::Startup => &ALL[6..7],
            Self::Rates => &ALL[7..8],
            Self::Home => &ALL[8..9],
            Self::Auth => &ALL[9..10],
            Self::Edge => &ALL[10..11],
            Self::Peers => &[("peers", fanout::peers)],
            Self::ServeBaseline { .. } => &[],
        }
    }
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
    let what = arguments.what.unwrap_or(What::All);
    if let What::ServeBaseline {
        clients,
        admin,
        payload,
    } = what
    {
        baseline::serve(clients, admin, payload)?;
        return Ok(true);
    }
    let plan = plan(arguments, what)?;
    let (mut goals, mut failed) = (Vec::new(), Vec::new());
    for (name, benchmark) in what.benchmarks() {
        eprintln!("{name} …");
        match benchmark(&plan) {
            Ok(report) => {
                report.publish(&plan.results)?;
                goals.extend(report.figures.into_iter().filter(|f| f.at_most.is_some()));
            }
            // The others are still worth measuring.
            Err(error) => {
                eprintln!("{name} failed: {error:#}");
                failed.push(*name);
            }
        }
    }
    if what == What::All {
        println!("\nfigures to reach\n{}", report::table(&goals));
    }
    anyhow::ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(goals
        .iter()
        .all(|figure: &Figure| figure.reached() != Some(false)))
}

fn plan(arguments: &Arguments, what: What) -> Result<Plan> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let root = root.context("the crate lies in the repository")?;
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2);
    let target = target.context("the program lies in cargo's target folder")?;
    let mut plan = Plan::new(root, target, arguments.gateway.clone(), arguments.quick);
    plan.baseline_only = what
        == (What::Fanout {
            baseline_only: true,
        });
    plan.rounds = arguments.rounds.unwrap_or(plan.rounds).max(1);
    std::fs::create_dir_all(&plan.results)?;
    match plan.load_core {
        Some(core) => os::pin(core)?,
        None => eprintln!("only one core: servers and load share it, so latencies mean little"),
    }
    Ok(plan)
}

//! The project's commands. Each subcommand is one file; what several of them need is in `workspace` (where things
//! are), `shell` (running a command) and `build` (what is built how).

mod bench;
mod build;
mod ci;
mod deny;
mod failures;
mod real;
mod run;
mod shell;
mod smoke;
mod test;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;
use workspace::Workspace;

/// Hearthgate's commands for development. Everything they make is in `target/`.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the gateway and the bundled plugins, and start it.
    ///
    /// Without arguments it runs `config/hearthgate.toml`; Ctrl-C or SIGTERM stops it in good order, and its exit
    /// code is this command's. Another configuration: `cargo xtask run -- --config FILE`.
    Run {
        /// Arguments of `hearthgate run`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Build for release: `target/release/hearthgate` and `target/plugins/*.wasm`.
    Build,
    /// Build the bundled plugins and the test guests only, for running single tests with cargo itself.
    Guests,
    /// Build the test guests, then run every test of the workspace, the documentation's examples included.
    ///
    /// Needs no service and no network beyond the crates. Uses cargo-nextest where it is installed.
    Test {
        /// Also run the tests against real parts (the Autobahn suite, Python's and Node's WebSocket clients), installing them in
        /// `target/real`: needs Python 2.7 (pyenv gets it), Python 3, Node with npm, and the network.
        #[arg(long)]
        real: bool,
        /// Only tests whose name contains this.
        filter: Option<String>,
    },
    /// Measure: fan-out, memory, matching, reload. Writes what it finds to the standard output.
    Bench {
        /// Arguments of `hearthgate-bench`; `-- --help` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// All that a change must pass: format, clippy, docs, cargo-deny, the tests, and the gateway started for real.
    Ci,
}

fn main() -> ExitCode {
    match dispatch(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<()> {
    let workspace = Workspace::locate()?;
    match command {
        Command::Run { arguments } => run::run(&workspace, &arguments),
        Command::Build => build::release(&workspace),
        Command::Guests => build::plugins_and_guests(&workspace),
        Command::Test { real, filter } => {
            test::test(&workspace, "default", real, filter.as_deref()).map(drop)
        }
        Command::Bench { arguments } => bench::bench(&workspace, &arguments),
        Command::Ci => ci::ci(&workspace),
    }
}

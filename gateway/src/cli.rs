//! The command line.

mod certificates;
mod config;
mod output;
mod plugin;
mod run;
mod systemd;
mod token;
mod unsafe_settings;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// It worked.
const OK: u8 = 0;
/// It failed while it ran.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong; clap's own code for a wrong command line.
const WRONG: u8 = 2;

/// One real-time gateway for everything that happens in a home.
#[derive(Debug, Parser)]
#[command(
    name = "hearthgate",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  hearthgate run                             runs config/hearthgate.toml, or without it the defaults
  hearthgate run --config /etc/hearthgate.toml
  hearthgate check --config new.toml         shows everything that is wrong with a file
  hearthgate config default > hearthgate.toml
  hearthgate plugin inspect plugins/metrics.wasm

Exit codes: 0 ok, 1 failed while running, 2 the command line or the configuration is wrong.
Every key of the file can be set in the environment: HEARTHGATE_ADMIN__ADDRESS=127.0.0.1:4002."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or SIGINT; SIGHUP reads the configuration anew
    ///
    /// A changed file is taken over while the gateway runs, and no client loses its connection;
    /// an invalid one changes nothing. SIGTERM and SIGINT stop it in good order; a second one at once.
    Run(ConfigArgs),
    /// Check a configuration and the plugins that it names; shows everything that is wrong
    Check(ConfigArgs),
    /// Show the version
    Version {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the reference of the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look into plugins, without running them
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Make tokens, and look into them
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Prepare what users log in with
    #[command(subcommand)]
    Auth(token::AuthCommand),
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration file [default: config/hearthgate.toml if there is one, else built-in defaults]
    #[arg(short, long, env = "HEARTHGATE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print a complete file with every key, its default and what it means
    Default,
    /// Print a JSON Schema of the file, for editors
    Schema,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// List the plugins in the configured folder
    List {
        #[command(flatten)]
        config: ConfigArgs,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a plugin offers, requests and takes as configuration
    Inspect {
        /// The .wasm file
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Check that the gateway would load a plugin
    Check {
        /// The .wasm file
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// Does what the command line says; for `main`, which ends the process with the code.
#[must_use]
pub fn main() -> ExitCode {
    let code = match Cli::parse().command {
        Command::Run(args) => run::run(args.config),
        Command::Check(args) => config::check(args.config),
        Command::Version { json } => output::version(json),
        Command::Config(ConfigCommand::Default) => {
            output::print(&crate::config::describe::default_file())
        }
        Command::Config(ConfigCommand::Schema) => {
            output::print_json(&crate::config::json_schema::schema())
        }
        Command::Plugin(PluginCommand::List { config, json }) => plugin::list(config.config, json),
        Command::Plugin(PluginCommand::Inspect { file, json }) => plugin::inspect(&file, json),
        Command::Plugin(PluginCommand::Check { file, json }) => plugin::check(&file, json),
        Command::Token(command) => token::run(command),
        Command::Auth(command) => token::auth(command),
    };
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}

//! The command `hearthgate`. Only here the process ends.

use std::process::ExitCode;

fn main() -> ExitCode {
    hearthgate::cli::main()
}

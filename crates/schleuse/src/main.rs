//! `schleuse`: the data lock's supervisor and command line. Links no parser of a foreign format.
//!
//! Exit status: 0 the session reconciled and nothing was withheld; 10 it reconciled and something was withheld; 2 usage or
//! configuration; 3 station fault, nothing unverified was released; 4 the device policy refuses the device; 5 a
//! person's request is refused, and that is on record; 6 a release waits for its target. `audit verify`, `verify-release`, `rules test` and
//! `doctor` end with 1 when what they check does not hold.

mod cli;
mod commands;
mod destination;
mod device;
mod estimate;
mod settings;
mod terminal;

use clap::Parser as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let filter = tracing_subscriber::EnvFilter::new(if cli.verbose { "info" } else { "warn" });
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(std::io::stderr().is_terminal()).with_writer(std::io::stderr).init();
    // Before anything of a medium is in memory.
    if let Err(error) = sandbox::forbid_dumps() {
        eprintln!("schleuse: {error}");
        return ExitCode::from(3);
    }
    match commands::run(&cli) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("schleuse: {error:#}");
            ExitCode::from(commands::status_of(&error))
        }
    }
}

//! `cargo xtask …`: what must work on every machine. See `cargo xtask --help`.

mod bench;
mod canaries;
mod checks;
mod clamd;
mod corpus;
mod demo;
mod fuzz;
mod kill;
mod run;
mod setup;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Everything around the product: set-up, demonstration, checks, measurements.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install the Debian packages and tools that are absent; says which.
    Setup,
    /// Set up, build, make the sample medium, take it through the lock, and show what came of it. Output stays in `demo/`.
    Demo,
    /// Set up and run every check.
    Test,
    /// What continuous integration runs: the same as `test`.
    Ci,
    /// Write the sample medium as a tree and as FAT32 images, and renew samples/MANIFEST.toml.
    Samples {
        /// Where to.
        #[arg(default_value = "target/samples")]
        dir: PathBuf,
    },
    /// Write the content the line is tried with at every start into crates/pipeline/src/canary/inert.
    Canaries,
    /// Run the line (release build) over a folder of documents and print what came of each format.
    Corpus {
        /// The folder; it is only read.
        dir: PathBuf,
    },
    /// Measure the ratios of the design (release build).
    Bench {
        /// Folder with `pdf/` and office documents; without it the sample documents are used.
        dir: Option<PathBuf>,
    },
    /// Kill supervisor, workers, reader, ClamAV or all of them at random moments, and check what is left, round after round.
    Kill {
        /// How often.
        #[arg(long, default_value_t = 100)]
        rounds: u32,
        /// Where moments and victims come from; another number gives others.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Fuzz the parsers of foreign bytes with libFuzzer; see fuzz/README.md. Fails when something was found.
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// How many targets run at once.
        #[arg(long, default_value_t = 2)]
        parallel: usize,
        /// Which; all without one.
        targets: Vec<String>,
    },
}

fn main() -> anyhow::Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().context("workspace")?.to_path_buf();
    std::env::set_current_dir(&root)?;
    match Cli::parse().command {
        Command::Setup => setup::setup(),
        Command::Demo => demo::demo(&root),
        Command::Test | Command::Ci => checks::all(&root),
        Command::Samples { dir } => demo::samples(&root, &dir),
        Command::Canaries => canaries::write(&root),
        Command::Corpus { dir } => corpus::corpus(&root, &dir),
        Command::Bench { dir } => bench::bench(&root, dir.as_deref()),
        Command::Kill { rounds, seed } => kill::kill(&root, rounds, seed),
        Command::Fuzz { seconds, parallel, targets } => fuzz::fuzz(&root, seconds, parallel, &targets),
    }
}

//! Starting programs, plainly.

use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A command of this workspace's tooling; nothing foreign is given to what it starts unconfined.
#[expect(clippy::disallowed_methods, reason = "xtask starts build tools and the product itself")]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// Runs a program and fails when it fails.
pub fn run(title: &str, command: &mut Command) -> anyhow::Result<()> {
    println!("── {title}");
    let status = command.status().with_context(|| format!("{title}: cannot be started"))?;
    if !status.success() {
        bail!("{title}: failed ({status})");
    }
    Ok(())
}

/// `cargo` with arguments, shown as it is run.
pub fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    run(&format!("cargo {}", arguments.join(" ")), command(cargo).args(arguments))
}

/// Whether a program answers `--version`.
pub fn answers(program: &str, arguments: &[&str]) -> bool {
    command(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// Output of a program, whatever its exit status.
pub fn output(command: &mut Command) -> anyhow::Result<Output> {
    command.output().with_context(|| format!("{} cannot be started", command.get_program().to_string_lossy()))
}

/// Where cargo puts programs of a profile (`debug`, `release`).
pub fn built(root: &Path, profile: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join(profile)
}

/// Builds the programs of the product and gives the directory they lie in.
pub fn build(root: &Path, release: bool) -> anyhow::Result<PathBuf> {
    let mut arguments = vec!["build", "--bins", "--package", "schleuse", "--package", "schleuse-worker", "--package", "schleuse-mountd"];
    if release {
        arguments.push("--release");
    }
    cargo(&arguments)?;
    Ok(built(root, if release { "release" } else { "debug" }))
}

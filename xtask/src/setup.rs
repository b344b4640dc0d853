//! Installing what is missing, by name, only if absent, and saying so.

use crate::run::{answers, command, output, run};
use anyhow::bail;

const PACKAGES: &str = include_str!("../../deploy/debian-packages.txt");

/// Installs absent Debian packages and `cargo-nextest`.
pub fn setup() -> anyhow::Result<()> {
    let wanted: Vec<&str> = PACKAGES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let absent: Vec<&str> = wanted.iter().copied().filter(|package| !installed(package)).collect();
    if absent.is_empty() {
        println!("── set-up: all {} Debian packages are there", wanted.len());
    } else {
        println!("── set-up: installing {} Debian packages: {}", absent.len(), absent.join(" "));
        apt(&["update", "-qq"])?;
        let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
        arguments.extend(&absent);
        apt(&arguments)?;
    }
    if !answers("cargo", &["nextest", "--version"]) {
        println!("── set-up: installing cargo-nextest");
        run("cargo install cargo-nextest", command("cargo").args(["install", "--locked", "cargo-nextest"]))?;
    }
    Ok(())
}

fn installed(package: &str) -> bool {
    let asked = output(command("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]));
    asked.is_ok_and(|answer| answer.stdout == b"installed")
}

fn apt(arguments: &[&str]) -> anyhow::Result<()> {
    let root = output(command("id").arg("-u"))?.stdout == b"0\n";
    let mut apt = if root {
        command("apt-get")
    } else if answers("sudo", &["-n", "true"]) {
        let mut sudo = command("sudo");
        sudo.args(["-n", "apt-get"]);
        sudo
    } else {
        bail!("installing Debian packages needs root: run `sudo apt-get {}` and start again", arguments.join(" "));
    };
    apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
    run(&format!("apt-get {}", arguments.first().copied().unwrap_or_default()), &mut apt)
}

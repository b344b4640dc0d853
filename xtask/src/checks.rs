//! Every check, in the order in which a failure is cheapest.

use crate::run::{answers, build, cargo, command, output, run};
use crate::setup::setup;
use anyhow::{Context as _, bail};
use std::path::Path;

/// What the supervisor must not link: parsers of foreign formats, and the crates that hold them.
const NOT_IN_SUPERVISOR: &[&str] = &[
    "inspect",
    "render",
    "medium",
    "hayro",
    "hayro-syntax",
    "image",
    "resvg",
    "usvg",
    "heic-decoder",
    "zip",
    "tar",
    "bzip2",
    "lzma-rust2",
    "cfb",
    "quick-xml",
    "infer",
    "yara",
    "yara-sys",
    "fatfs",
    "gpt",
    "csv",
];
/// What a worker must not link: stores, records, network, the line itself.
const NOT_IN_WORKER: &[&str] = &[
    "spool",
    "audit",
    "release",
    "scan",
    "pipeline",
    "age",
    "ring",
    "tokio",
    "clamav-client",
    "walkdir",
    "tempfile",
    "device",
    "udev",
    "libudev-sys",
];
/// What the privileged program must not link: neither side's work.
const NOT_IN_MOUNTD: &[&str] =
    &["inspect", "render", "medium", "device", "udev", "spool", "audit", "release", "scan", "pipeline", "tokio", "serde_json"];
/// Licences of what is linked in.
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "MPL-2.0",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
    "Unlicense",
    "MIT-0",
    "IJG",
    "CDLA-Permissive-2.0",
    "bzip2-1.0.6",
    "NCSA",
];

/// Runs all checks.
pub fn all(root: &Path) -> anyhow::Result<()> {
    setup()?;
    cargo(&["fmt", "--all", "--check"])?;
    direction("schleuse", NOT_IN_SUPERVISOR)?;
    direction("schleuse-worker", NOT_IN_WORKER)?;
    direction("schleuse-mountd", NOT_IN_MOUNTD)?;
    licences()?;
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    // The end-to-end tests start the programs as a user would; they must be there.
    let programs = build(root, false)?;
    cargo(&["nextest", "run", "--workspace", "--no-fail-fast"])?;
    cargo(&["test", "--workspace", "--doc", "--quiet"])?;
    run("schleuse rules test", command(programs.join("schleuse")).args(["rules", "test"]))?;
    println!("\nall checks passed");
    Ok(())
}

/// The dependency direction of the design: worker side and supervisor side never meet.
fn direction(package: &str, forbidden: &[&str]) -> anyhow::Result<()> {
    println!("── dependency direction of {package}");
    let tree = output(command("cargo").args(["tree", "--package", package, "--edges", "normal", "--prefix", "none", "--format", "{p}"]))?;
    if !tree.status.success() {
        bail!("cargo tree failed: {}", String::from_utf8_lossy(&tree.stderr));
    }
    let tree = String::from_utf8(tree.stdout)?;
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    if !names.contains(&"wire") {
        bail!("cargo tree of {package} does not even list wire; the check is blind");
    }
    match forbidden.iter().find(|name| names.contains(name)) {
        Some(name) => {
            bail!("{package} links {name}, which belongs to the other side; see `cargo tree --package {package} --invert {name}`")
        }
        None => Ok(()),
    }
}

/// `cargo deny` where it is installed; otherwise the licences straight from the metadata.
fn licences() -> anyhow::Result<()> {
    if answers("cargo", &["deny", "--version"]) {
        return cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]);
    }
    println!("── licences (cargo-deny is not installed; reading them from the metadata)");
    let metadata = output(command("cargo").args(["metadata", "--format-version", "1", "--locked"]))?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).context("cargo metadata")?;
    let packages = metadata.get("packages").and_then(|p| p.as_array()).context("cargo metadata lists no packages")?;
    let mut wrong = Vec::new();
    for package in packages {
        let text = |key: &str| package.get(key).and_then(|v| v.as_str()).unwrap_or_default();
        if !allowed(text("license")) {
            wrong.push(format!("{} {} ({})", text("name"), text("version"), text("license")));
        }
    }
    if wrong.is_empty() {
        println!("{} packages", packages.len());
        return Ok(());
    }
    bail!("licences that are not on the list: {}", wrong.join(", "))
}

/// Whether an SPDX expression can be met with the list: every `AND` part has an `OR` alternative that is on it.
fn allowed(expression: &str) -> bool {
    let normal = expression.replace('/', " OR ").replace(['(', ')'], " ");
    !normal.trim().is_empty()
        && normal
            .split(" AND ")
            .all(|part| part.split(" OR ").any(|one| LICENCES.contains(&one.split(" WITH ").next().unwrap_or_default().trim())))
}

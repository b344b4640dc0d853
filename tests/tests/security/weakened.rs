//! The denial tests can fail: with one rule taken out of a profile, or one layer left out, an attempt gets through.
//!
//! The product has no switch for that. So its source is copied, one line of it changed, and the copy built; the probe that
//! looks at it is the unchanged one.

use anyhow::{Context as _, Result, ensure};
use e2e::{command, program, run};
use sandbox::{Attempt, Limits, Role, probe};
use std::fs;
use std::path::{Path, PathBuf};

/// File of the crate, what is in it, what stands there instead, and the role and attempt that must then get through.
const WEAKENED: &[(&str, &str, &str, Role, &str)] = &[
    ("profiles/base.profile", "mmap when 2 & 0x4 == 0 ", "mmap ", Role::Inspect, "writable-executable-memory"),
    ("profiles/base.profile", "mprotect when 2 & 0x4 == 0 ", "mprotect ", Role::Render, "executable-later"),
    ("profiles/base.profile", "prlimit64 when 2 & 0xffffffffffffffff == 0", "prlimit64", Role::Verify, "set-limit"),
    ("profiles/base.profile", "tgkill when 2 & 0xffffffff == 6", "tgkill", Role::Read, "signal-thread-of-group"),
    ("profiles/base.profile", "default kill", "default kill #\nsocketpair # for this test", Role::Read, "socket-pair"),
    ("profiles/render-office.profile", "when 2 & 0x2 == 0 and 3 & 0x20 == 0", "when 2 & 0x2 == 0", Role::RenderOffice, "executable-memory"),
    ("profiles/render-office.profile", "when 0 & 0xffffffff == 1 and 1 & 0xf == 1", "", Role::RenderOffice, "tcp-socket"),
];

#[test]
fn a_profile_without_one_of_its_rules_lets_an_attempt_through() -> Result<()> {
    let copy = Copy::make()?;
    // Every rule in one build, because each attempt depends on one of them alone.
    for (file, rule, without, ..) in WEAKENED {
        let path = copy.root.join("crates/sandbox").join(file);
        let text = fs::read_to_string(&path)?;
        ensure!(text.matches(rule).count() == 1, "{rule:?} is not once in {file}");
        fs::write(&path, text.replace(rule, without))?;
    }
    let (weakened, whole) = (copy.build()?, program("schleuse-worker")?);
    let limits = Limits { cpu_seconds: 10, memory_bytes: 1 << 30, file_bytes: 0, processes: 16 };
    for (file, rule, _, role, attempt) in WEAKENED {
        let attempt: Attempt = attempt.parse()?;
        let held = |program: &Path| -> Result<bool> {
            let result = probe(program, *role, &limits, [attempt])?.pop().context("the attempt is not forbidden there")?;
            Ok(result.outcome.held())
        };
        ensure!(held(&whole)?, "{attempt:?} gets through without any change");
        ensure!(!held(&weakened)?, "{file} without {rule:?}: {attempt:?} is denied all the same");
    }
    Ok(())
}

/// A workspace with a copy of the sandbox crate alone.
struct Copy {
    root: PathBuf,
    _dir: tempfile::TempDir,
}

impl Copy {
    fn make() -> Result<Self> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace")?;
        let dir = tempfile::tempdir()?;
        let root = dir.path().join("copy");
        let from = workspace.join("crates/sandbox");
        for entry in walkdir::WalkDir::new(&from) {
            let entry = entry?;
            let to = root.join("crates/sandbox").join(entry.path().strip_prefix(&from)?);
            if entry.file_type().is_dir() {
                fs::create_dir_all(to)?;
            } else {
                fs::copy(entry.path(), to)?;
            }
        }
        // The same versions and lints, and no other member.
        let manifest = fs::read_to_string(workspace.join("Cargo.toml"))?;
        let begin = manifest.find("members = [").context("the members")?;
        let end = begin + manifest.get(begin..).and_then(|rest| rest.find(']')).context("the end of the members")?;
        let head = manifest.get(..begin).unwrap_or_default();
        let tail = manifest.get(end + 1..).unwrap_or_default();
        let alone = format!("{head}members = [\"crates/sandbox\"]{tail}").replace("default-members", "exclude");
        // Without the workspace's profiles: what is built runs for milliseconds and need not be fast.
        let alone = alone.split("[profile.").next().unwrap_or_default();
        fs::write(root.join("Cargo.toml"), alone)?;
        fs::copy(workspace.join("Cargo.lock"), root.join("Cargo.lock"))?;
        Ok(Self { root, _dir: dir })
    }

    /// Builds the copy's probe program.
    fn build(&self) -> Result<PathBuf> {
        let mut cargo = command(env!("CARGO"));
        cargo.current_dir(&self.root).env("CARGO_TARGET_DIR", self.root.join("target"));
        cargo.args(["build", "--offline", "--quiet", "-p", "sandbox", "--bin", "sandbox-probe"]);
        let built = run(&mut cargo)?;
        ensure!(built.status == 0, "{}", built.stderr);
        Ok(self.root.join("target/debug/sandbox-probe"))
    }
}

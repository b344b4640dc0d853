//! Set-up shared by the end-to-end tests: the real programs, a private ClamAV, scratch directories, the expected outcomes.
//!
//! **Invariant:** nothing here stands in for a part of the line; what is played lies: a scanner in [`fake_clamd`], a worker in
//! [`lies`].

pub mod again;
pub mod clamd;
pub mod collector;
pub mod expected;
pub mod fake_clamd;
pub mod fault;
pub mod kill;
pub mod lies;
pub mod loops;
pub mod processes;
pub mod prometheus;
pub mod relay;
pub mod released;
pub mod review;
pub mod servers;
pub mod stick;
pub mod udevd;

use anyhow::{Context as _, Result};
use model::report::SessionReport;
use model::{FormatTable, Policy};
use pipeline::Settings;
use pipeline::canary::{Remembered, Standing};
use scan::{ClamAv, ClamdAddress, HashList};
use sha2::{Digest as _, Sha256};
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use testkit::Sample;
use wire::RuleSource;

pub use clamd::Clamd;
pub use fake_clamd::{FakeClamd, ScanAnswer};
pub use relay::Relay;

/// A command that runs `program`.
#[expect(clippy::disallowed_methods, reason = "the tests run the programs as a person would, from outside")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    Command::new(program)
}

/// A program of the workspace: beside this one, or beside the folder of a test executable (`target/PROFILE/NAME`).
///
/// # Errors
/// When it has not been built.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("the test's own path")?;
    let mut places = own.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    places
        .find(|path| path.is_file())
        .with_context(|| format!("{name} is missing; build it with `cargo build -p schleuse -p schleuse-worker -p schleuse-mountd`"))
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Exit status; -1 after a signal.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started.
pub fn run(command: &mut Command) -> Result<Ended> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ended { status: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) })
}

/// Runs a command to its end with `input` on its standard input.
///
/// # Errors
/// When it cannot be started or does not take its input.
pub fn run_with(command: &mut Command, input: &str) -> Result<Ended> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    child.stdin.take().context("standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ended { status: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) })
}

/// A directory of a test's own, with a state, a release target and media; gone when dropped.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// An empty one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir().context("a scratch directory")?))
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The station's state.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// Where releases go.
    pub fn release(&self) -> PathBuf {
        self.path("release")
    }

    /// A directory medium with these samples.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tree(&self, name: &str, samples: &[Sample]) -> Result<PathBuf> {
        let dir = self.path(name);
        std::fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        testkit::write_tree(&dir, samples)?;
        Ok(dir)
    }

    /// A directory medium with one text file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn one_text_file(&self, name: &str) -> Result<PathBuf> {
        let dir = self.path(name);
        std::fs::create_dir(&dir)?;
        std::fs::write(dir.join("Notiz.txt"), "Der Ausflug an den See fällt aus.\n")?;
        Ok(dir)
    }

    /// `schleuse process SOURCE` with this state and release target, on a line that was tried a moment ago.
    ///
    /// # Errors
    /// When the program has not been built.
    pub fn process(&self, source: &Path, clamd: &str) -> Result<Command> {
        self.canaries_tried(clamd, "")?;
        self.process_untried(source, clamd)
    }

    /// [`Scratch::process`] under a policy, which is written as `policy.toml`.
    ///
    /// # Errors
    /// When the program has not been built.
    pub fn process_under(&self, source: &Path, clamd: &str, policy: &str) -> Result<Command> {
        std::fs::write(self.path("policy.toml"), policy)?;
        self.canaries_tried(clamd, if policy.is_empty() { "\n" } else { policy })?;
        let mut command = self.process_untried(source, clamd)?;
        command.arg("--policy").arg(self.path("policy.toml"));
        Ok(command)
    }

    /// Leaves the memory of a trial in which every canary ended as it must, with the scanner that answers now and this
    /// policy (the shipped one when it says nothing): a scanner that lies begins to lie after its canaries. Without a scanner,
    /// or with a policy that cannot be read, nothing is left.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn canaries_tried(&self, clamd: &str, policy: &str) -> Result<()> {
        self.tried_with(&program("schleuse-worker")?, clamd, policy)
    }

    /// [`Scratch::canaries_tried`] with another worker program.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tried_with(&self, worker: &Path, clamd: &str, policy: &str) -> Result<()> {
        use audit::Clock as _;
        use std::os::unix::fs::DirBuilderExt as _;
        let (Ok(address), Ok(settings)) = (clamd.parse::<ClamdAddress>(), settings(policy)) else { return Ok(()) };
        let now_ms = audit::SystemClock.now_unix_ms();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let Ok(clamav) = runtime.block_on(ClamAv::connect(&address, &settings.policy.scan, now_ms / 1_000)) else { return Ok(()) };
        let standing = Standing {
            worker: worker.to_path_buf(),
            engines: Arc::new(vec![Box::new(HashList::new([])), Box::new(clamav)]),
            settings: Arc::new(settings),
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(self.state())?;
        Ok(Remembered::new(now_ms, None, standing.tested()?).write(&self.state())?)
    }

    /// `schleuse process SOURCE`, on a line of which nothing is remembered unless an earlier session of this state tried it.
    ///
    /// # Errors
    /// When the program has not been built.
    pub fn process_untried(&self, source: &Path, clamd: &str) -> Result<Command> {
        let mut command = command(program("schleuse")?);
        command.arg("process").arg(source).arg("--release-to").arg(self.release()).arg("--state").arg(self.state());
        command.arg("--clamd").arg(clamd).arg("--report").arg(self.path("report.json"));
        Ok(command)
    }

    /// Another command of `schleuse`, on this state.
    ///
    /// # Errors
    /// When the program has not been built, or cannot be started.
    pub fn schleuse<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Result<Ended> {
        run(command(program("schleuse")?).args(arguments).arg("--state").arg(self.state()))
    }

    /// `schleuse verify-release DIR`.
    ///
    /// # Errors
    /// As [`Scratch::schleuse`].
    pub fn verify_release(&self, dir: &Path) -> Result<Ended> {
        self.schleuse(&[OsStr::new("verify-release"), dir.as_os_str()])
    }

    /// The report of the last session that ended.
    ///
    /// # Errors
    /// When there is none.
    pub fn report(&self) -> Result<SessionReport> {
        let text = std::fs::read(self.path("report.json")).context("the report")?;
        serde_json::from_slice(&text).context("the report's JSON")
    }

    /// Names in the release target, hidden ones too; empty when there is no target.
    ///
    /// # Errors
    /// When it cannot be listed.
    pub fn released_names(&self) -> Result<Vec<String>> {
        if !self.release().exists() {
            return Ok(Vec::new());
        }
        let entries = std::fs::read_dir(self.release())?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// When it cannot be read.
pub fn sha256_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    Ok(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())
}

/// The samples at these paths.
///
/// # Errors
/// When one is not there.
pub fn samples_at(paths: &[&str]) -> Result<Vec<Sample>> {
    let all = testkit::sample_medium()?;
    let at = |path: &&str| all.iter().find(|sample| sample.escaped_path() == **path).cloned();
    paths.iter().map(|path| at(path).with_context(|| format!("no sample {path}"))).collect()
}

/// One sample of each way through the line, quick ones: rebuilt text and pictures, a rendered PDF, an office document, an
/// archive, and two that are withheld.
///
/// # Errors
/// When a sample is not there.
pub fn small_medium() -> Result<Vec<Sample>> {
    samples_at(&[
        "Verträge und Angebote/Rahmenvertrag Müller & Söhne.pdf",
        "Verträge und Angebote/Angebot 2026-014.docx",
        "Verträge und Angebote/Gehaltsvereinbarung (verschlüsselt).pdf",
        "Buchhaltung/Jahresabschluss 2025/Kontoauszug.csv",
        "Schriftverkehr/Anlage.docx",
        "Bilder/Ausflug an den See/Foto 002 (gedreht).jpg",
        "Bilder/Ausflug an den See/Diagramm.png",
        "Bilder/Ausflug an den See/Fax.tiff",
    ])
}

/// A policy (the shipped one when it says nothing), with the format table and rules of this repository.
///
/// # Errors
/// When the files of the repository cannot be read.
pub fn settings(policy: &str) -> Result<Settings> {
    let rules_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules");
    let read = |name: &str| fs::read_to_string(rules_dir.join(name)).with_context(|| format!("reading rules/{name}"));
    let mut rules = Vec::new();
    for entry in fs::read_dir(rules_dir.join("yara"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "yar") {
            let name = path.file_name().context("a rule file's name")?.to_string_lossy().into_owned();
            rules.push(RuleSource { name, text: fs::read_to_string(&path)? });
        }
    }
    rules.sort_by(|a, b| a.name.cmp(&b.name));
    let policy = if policy.is_empty() { read("policies/strict.toml")? } else { policy.to_owned() };
    let (policy, formats) = (Policy::from_toml(&policy)?, read("formats.toml")?);
    let policy_sha256 = Settings::fingerprint(&policy.to_toml()?, &formats, &rules);
    Ok(Settings { policy, formats: FormatTable::from_toml(&formats)?, rules: Arc::new(rules), policy_sha256 })
}

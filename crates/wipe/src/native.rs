//! What the device itself offers for erasing, used in addition, before the last pass; never instead of it.
//!
//! Secure discard and discard go through the kernel. ATA and NVMe are spoken by `hdparm` and `nvme`, where these are
//! installed; without them the device's offer is left unused, and the certificate says so. `nvme sanitize` is not used: it
//! concerns every namespace of the controller and cannot be stopped; `nvme format` erases the one that was named.
//!
//! **Invariant.** Only [`plan`] decides, from what the system says; nothing a device answers leads to a call that is not in
//! the plan. What the device reports as done is reported, never believed: the level reached does not rise by it.

use crate::system::{self, System};
use crate::target::{Kind, Target};
use model::escape_text;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// Password set before an ATA erase, which the erase removes again. Known, so that a drive interrupted in between can be
/// opened again: `hdparm --user-master u --security-disable schleuse DEVICE`.
pub const ATA_PASSWORD: &str = "schleuse";

/// A way in which a device erases itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// ATA SECURITY ERASE UNIT, enhanced (ACS-4 section 7.43).
    AtaEnhancedErase,
    /// ATA SECURITY ERASE UNIT, normal.
    AtaErase,
    /// NVMe Format with secure erase (NVMe base specification 2.0 section 5.14).
    NvmeFormat,
    /// `BLKSECDISCARD` (eMMC secure erase or trim).
    SecureDiscard,
    /// `BLKDISCARD`.
    Discard,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The device reports that it has done it.
    ReportedDone,
    /// The device does not offer it after all.
    NotOffered,
    /// It failed.
    Failed,
    /// The device offers it, but it cannot be used here.
    NotUsed,
}

/// One line of the certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeResult {
    /// Which way.
    pub method: Method,
    /// What came of it.
    pub answer: Answer,
    /// Particulars, escaped.
    pub detail: String,
}

/// A step of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Run these programs, each after the one before succeeded. When one fails after another succeeded, the last one undoes
    /// what the first did.
    Programs(Method, Vec<Vec<OsString>>, Option<Vec<OsString>>),
    /// Ask the kernel.
    Kernel(Method),
    /// The device offers it; why it is not used.
    Unused(Method, &'static str),
}

/// Where `hdparm` and `nvme` are looked for.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Folders, first one first.
    pub folders: Vec<PathBuf>,
}

impl Default for Tools {
    fn default() -> Self {
        Self { folders: ["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from).to_vec() }
    }
}

impl Tools {
    fn find(&self, name: &str) -> Option<OsString> {
        self.folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()).map(PathBuf::into_os_string)
    }

    /// Runs a program to its end and gives what it printed, or what went wrong.
    #[expect(
        clippy::disallowed_methods,
        reason = "hdparm and nvme are the station's own programs and read nothing of the medium's content"
    )]
    fn run(command: &[OsString]) -> Result<String, String> {
        let Some((program, arguments)) = command.split_first() else { return Ok(String::new()) };
        let output = std::process::Command::new(program).args(arguments).env_clear().stdin(std::process::Stdio::null()).output();
        let output = output.map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(escape_text(&format!("{}: {}", output.status, said.lines().next().unwrap_or_default())))
    }
}

/// What the device offers and how it is to be used.
pub fn plan(target: &Target, system: &System, tools: &Tools) -> Vec<Step> {
    let Some(folder) = target.sysfs.as_ref().filter(|_| target.kind == Kind::Device) else { return Vec::new() };
    let mut steps = Vec::new();
    let attached = folder.join("device").canonicalize().unwrap_or_default();
    // A bridge (USB) may swallow the commands or never come back; only drives at an ATA port of their own.
    if attached.components().any(|part| part.as_os_str().to_string_lossy().strip_prefix("ata").is_some_and(is_number)) {
        steps.extend(ata(target, tools));
    }
    if let Some(controller) = target.name.strip_prefix("nvme").and_then(|rest| rest.split_once('n')).map(|(number, _)| number) {
        steps.push(nvme(target, controller, system, tools));
    }
    if target.name.starts_with("mmcblk") {
        steps.push(Step::Kernel(Method::SecureDiscard));
    }
    let discards = system::text(&folder.join("queue/discard_max_bytes")).and_then(|bytes| bytes.parse::<u64>().ok());
    if discards.is_some_and(|bytes| bytes > 0) {
        steps.push(Step::Kernel(Method::Discard));
    }
    steps
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn ata(target: &Target, tools: &Tools) -> Option<Step> {
    let Some(hdparm) = tools.find("hdparm") else { return Some(Step::Unused(Method::AtaErase, "hdparm is not installed")) };
    let device = target.path.clone().into_os_string();
    let said = Tools::run(&[hdparm.clone(), "-I".into(), device.clone()]).ok()?;
    let security = said.split_once("Security:")?.1;
    let lines: Vec<Vec<&str>> = security.lines().map(|line| line.split_whitespace().collect()).collect();
    let says = |wanted: &[&str]| lines.iter().any(|line| line == wanted);
    if !says(&["supported"]) {
        return None;
    }
    if !(says(&["not", "enabled"]) && says(&["not", "locked"]) && says(&["not", "frozen"])) {
        return Some(Step::Unused(Method::AtaErase, "the drive's security is enabled, locked or frozen"));
    }
    let enhanced = says(&["supported:", "enhanced", "erase"]);
    let (method, erase) =
        if enhanced { (Method::AtaEnhancedErase, "--security-erase-enhanced") } else { (Method::AtaErase, "--security-erase") };
    let command = |order: &str| -> Vec<OsString> {
        vec![hdparm.clone(), "--user-master".into(), "u".into(), order.into(), ATA_PASSWORD.into(), device.clone()]
    };
    Some(Step::Programs(method, vec![command("--security-set-pass"), command(erase)], Some(command("--security-disable"))))
}

fn nvme(target: &Target, controller: &str, system: &System, tools: &Tools) -> Step {
    let unused = |why| Step::Unused(Method::NvmeFormat, why);
    // Formatting one namespace may erase all of the controller's (FNA bit 1); they may hold the system.
    let prefix = format!("nvme{controller}n");
    let entries = fs::read_dir(system.sys.join("block")).into_iter().flatten().flatten();
    let spaces = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).count();
    if spaces != 1 {
        return unused("the controller has more than one namespace");
    }
    let Some(tool) = tools.find("nvme") else { return unused("nvme is not installed") };
    let command = ["format", "--ses=1", "--force"].map(OsString::from);
    let command = std::iter::once(tool).chain(command).chain([target.path.clone().into_os_string()]);
    Step::Programs(Method::NvmeFormat, vec![command.collect()], None)
}

/// Runs the commands in their order; says what failed, and what came of undoing.
fn programs(commands: &[Vec<OsString>], undo: Option<&[OsString]>) -> Result<(), String> {
    for (done, command) in commands.iter().enumerate() {
        let Err(why) = Tools::run(command) else { continue };
        return Err(match undo.filter(|_| done > 0).map(Tools::run) {
            None => why,
            Some(Ok(_)) => format!("{why}; the password was taken off again"),
            Some(Err(kept)) => format!("{why}; the password {ATA_PASSWORD} may still be set: {kept}"),
        });
    }
    Ok(())
}

/// Carries out the plan on the opened device.
pub fn run(steps: &[Step], device: BorrowedFd<'_>, size_bytes: u64) -> Vec<NativeResult> {
    let result = |method, answer, detail: &str| NativeResult { method, answer, detail: detail.to_owned() };
    let one = |step: &Step| match step {
        Step::Unused(method, why) => result(*method, Answer::NotUsed, why),
        Step::Programs(method, commands, undo) => match programs(commands, undo.as_deref()) {
            Ok(()) => result(*method, Answer::ReportedDone, ""),
            Err(why) => result(*method, Answer::Failed, &why),
        },
        Step::Kernel(method) => match sandbox::discard(device, size_bytes, *method == Method::SecureDiscard) {
            Ok(()) => result(*method, Answer::ReportedDone, ""),
            Err(error) if error.kind() == std::io::ErrorKind::Unsupported => result(*method, Answer::NotOffered, ""),
            Err(error) => result(*method, Answer::Failed, &error.to_string()),
        },
    };
    steps.iter().map(one).collect()
}

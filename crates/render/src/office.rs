//! Office documents to PDF, by LibreOffice inside the jail.
//!
//! **Invariant:** the suite runs with macros, links, Java, recovery and updates off, with an import filter we chose, in a
//! profile written for this one document. What it produces is as foreign as what it read. Its exit code says nothing
//! (0 when loading failed): only the output file counts.

use crate::error::RenderError;
use model::Format;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::time::Duration;
use wire::{OfficeJob, WireError};

/// The suite's program directory (Debian).
pub const PROGRAM_DIRECTORY: &str = "/usr/lib/libreoffice/program";

/// How a confined run of the suite ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfficeExit {
    /// It ended by itself, in whatever way.
    Ended,
    /// It overran the wall clock and was killed.
    TimedOut,
}

/// Runs a program with arguments inside the jail and waits for it, at most for the duration.
pub type OfficeRun<'a> = dyn Fn(&Path, &[OsString], Duration) -> io::Result<OfficeExit> + 'a;

/// Converts a document. `work` is an empty writable directory inside the jail with an absolute path; `output` takes the PDF
/// in pieces.
///
/// # Errors
/// [`RenderError::Content`], [`RenderError::Start`], [`RenderError::Timeout`], [`RenderError::NoOutput`],
/// [`RenderError::Output`], [`RenderError::Unsupported`] for formats the suite is not used for, [`RenderError::Sink`].
pub fn office_to_pdf(
    run: &OfficeRun<'_>,
    work: &Path,
    content: &mut dyn Read,
    job: &OfficeJob,
    output: &mut dyn FnMut(&[u8]) -> Result<(), WireError>,
) -> Result<(), RenderError> {
    let arguments = office_arguments(work, job)?;
    prepare(work, content, job).map_err(RenderError::Content)?;
    let program = Path::new(PROGRAM_DIRECTORY).join("soffice.bin");
    let exit = run(&program, &arguments, Duration::from_secs(job.wall_seconds.into())).map_err(RenderError::Start)?;
    if exit == OfficeExit::TimedOut {
        return Err(RenderError::Timeout(job.wall_seconds));
    }
    hand_over(&work.join("out/in.pdf"), job.max_output_bytes, output)
}

/// The command line of one conversion.
///
/// # Errors
/// [`RenderError::Unsupported`] for formats the suite is not used for.
pub fn office_arguments(work: &Path, job: &OfficeJob) -> Result<Vec<OsString>, RenderError> {
    let export = export_filter(job.format).ok_or(RenderError::Unsupported)?;
    let mut profile = OsString::from("-env:UserInstallation=file://");
    profile.push(work.join("profile"));
    let range = format!(r#"{{"PageRange":{{"type":"string","value":"1-{}"}}}}"#, job.max_pages.max(1));
    let mut arguments = vec![profile];
    for switch in ["--headless", "--norestore", "--nolockcheck", "--nodefault", "--nologo", "--nofirststartwizard"] {
        arguments.push(switch.into());
    }
    arguments.push(format!("--infilter={}", job.import_filter).into());
    arguments.push("--convert-to".into());
    arguments.push(format!("pdf:{export}:{range}").into());
    arguments.push("--outdir".into());
    arguments.push(work.join("out").into());
    arguments.push(work.join(input_name(job.format)).into());
    Ok(arguments)
}

const fn export_filter(format: Format) -> Option<&'static str> {
    Some(match format {
        Format::Doc | Format::Docx | Format::Docm | Format::Dotx | Format::Dotm => "writer_pdf_Export",
        Format::Odt | Format::OdfFlat | Format::Rtf | Format::Epub | Format::OldDocument => "writer_pdf_Export",
        Format::Eml | Format::Mht | Format::Msg | Format::Txt => "writer_pdf_Export",
        Format::Html => "writer_web_pdf_Export",
        Format::Xls | Format::Xlsx | Format::Xlsm | Format::Xlsb | Format::Xltx => "calc_pdf_Export",
        Format::Xltm | Format::Xlam | Format::Ods | Format::Csv => "calc_pdf_Export",
        Format::Ppt | Format::Pptx | Format::Pptm | Format::Ppsx | Format::Potx | Format::Odp => "impress_pdf_Export",
        Format::Odg | Format::Visio | Format::Metafile => "draw_pdf_Export",
        _ => return None,
    })
}

fn input_name(format: Format) -> String {
    let extension = match format {
        Format::OdfFlat => "fodt",
        Format::Visio => "vsdx",
        other => other.as_str(),
    };
    format!("in.{extension}")
}

fn prepare(work: &Path, content: &mut dyn Read, job: &OfficeJob) -> io::Result<()> {
    fs::create_dir_all(work.join("profile/user/extensions"))?;
    fs::create_dir_all(work.join("out"))?;
    let version = installed_version(&program_file("bootstraprc"));
    fs::write(work.join("profile/user/registrymodifications.xcu"), profile(&version))?;
    // Without its build number here the suite prepares its extension cache and ends with 81, asking to be started again.
    let build = program_file("versionrc");
    fs::write(work.join("profile/user/extensions/buildid"), format!("{}\n", build_number(&build)))?;
    let mut input = File::options().write(true).create_new(true).open(work.join(input_name(job.format)))?;
    io::copy(content, &mut input)?;
    input.flush()
}

/// A file of the program directory, empty when there is none: the suite then fails to start, which is reported as such.
fn program_file(name: &str) -> String {
    fs::read_to_string(Path::new(PROGRAM_DIRECTORY).join(name)).unwrap_or_default()
}

/// The value of `buildid=` in `versionrc`.
fn build_number(version_file: &str) -> &str {
    version_file.lines().find_map(|line| line.strip_prefix("buildid=")).unwrap_or_default()
}

/// `7.4` from `ProductKey=LibreOffice 7.4`. Without it the suite tests its graphics on every start, which costs most of
/// a second and nothing else.
fn installed_version(bootstrap: &str) -> String {
    let key = bootstrap.lines().find_map(|line| line.strip_prefix("ProductKey="));
    let version = key.and_then(|key| key.rsplit(' ').next()).unwrap_or("0.0");
    version.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect()
}

/// Path, property, value of everything the profile sets.
const SETTINGS: [(&str, &str, &str); 26] = [
    ("/org.openoffice.Setup/Office", "ooSetupInstCompleted", "true"),
    ("/org.openoffice.Setup/Office", "OfficeRestartInProgress", "false"),
    ("/org.openoffice.Office.Common/Security/Scripting", "DisableMacrosExecution", "true"),
    ("/org.openoffice.Office.Common/Security/Scripting", "MacroSecurityLevel", "3"),
    ("/org.openoffice.Office.Common/Security/Scripting", "BlockUntrustedRefererLinks", "true"),
    ("/org.openoffice.Office.Common/Security/Scripting", "DisableActiveContent", "true"),
    ("/org.openoffice.Office.Common/Security/Scripting", "DisableOLEAutomation", "true"),
    ("/org.openoffice.Office.Common/Security/Scripting", "RemovePersonalInfoOnSaving", "true"),
    ("/org.openoffice.Office.Common/Save/Document", "AutoSave", "false"),
    ("/org.openoffice.Office.Common/Misc", "FirstRun", "false"),
    ("/org.openoffice.Office.Common/Misc", "CollectUsageInformation", "false"),
    ("/org.openoffice.Office.Common/Misc", "CrashReport", "false"),
    ("/org.openoffice.Office.Common/Misc", "ShowTipOfTheDay", "false"),
    ("/org.openoffice.Office.Recovery/AutoSave", "Enabled", "false"),
    ("/org.openoffice.Office.Recovery/RecoveryInfo", "Enabled", "false"),
    ("/org.openoffice.Office.Recovery/RecoveryInfo", "Crashed", "false"),
    ("/org.openoffice.Office.Java/VirtualMachine", "Enable", "false"),
    ("/org.openoffice.Office.Writer/Content/Update", "Link", "0"),
    ("/org.openoffice.Office.Writer/Content/Update", "Field", "false"),
    ("/org.openoffice.Office.Writer/Content/Update", "Chart", "false"),
    ("/org.openoffice.Office.WriterWeb/Content/Update", "Link", "0"),
    ("/org.openoffice.Office.Calc/Content/Update", "Link", "1"),
    ("/org.openoffice.Office.Calc/Formula/Load", "OOXMLRecalcMode", "1"),
    ("/org.openoffice.Office.Calc/Formula/Load", "ODFRecalcMode", "1"),
    ("/org.openoffice.Office.Jobs/Jobs/org.openoffice.Office.Jobs:Job['UpdateCheck']/Arguments", "AutoCheckEnabled", "false"),
    ("/org.openoffice.Office.Common/Help", "ExtendedTip", "false"),
];

fn profile(version: &str) -> String {
    let item = |path: &str, property: &str, value: &str| {
        format!(r#"<item oor:path="{path}"><prop oor:name="{property}" oor:op="fuse"><value>{value}</value></prop></item>"#) + "\n"
    };
    let mut out = String::from(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?>"#,
        "\n",
        r#"<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" "#,
        r#"xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">"#,
        "\n"
    ));
    out.push_str(&item("/org.openoffice.Setup/Product", "ooSetupLastVersion", version));
    for (path, property, value) in SETTINGS {
        out.push_str(&item(path, property, value));
    }
    out.push_str("</oor:items>\n");
    out
}

fn hand_over(path: &Path, max_bytes: u64, output: &mut dyn FnMut(&[u8]) -> Result<(), WireError>) -> Result<(), RenderError> {
    // Not followed: the program that made it is as little trusted as its input.
    let length = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).map_or(0, |metadata| metadata.len());
    if length == 0 {
        return Err(RenderError::NoOutput);
    }
    if length > max_bytes {
        return Err(RenderError::Output(max_bytes));
    }
    let mut file = File::open(path).map_err(RenderError::Content)?.take(max_bytes);
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(RenderError::Content)?;
        match buffer.get(..count) {
            Some(piece) if !piece.is_empty() => output(piece)?,
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

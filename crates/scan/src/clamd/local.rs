//! What only a local daemon lets one see: its configuration, and from there how old its signatures are.
//!
//! The peer of its Unix socket leads to its command line, that to its configuration, that to the database directory. There
//! official files carry their build time in the header (`ClamAV-VDB:…`, 512 bytes of text); others count with the time they
//! were last written. `VERSION` carries a date only with the official daily database.
//!
//! **Invariant:** what cannot be seen is unknown, never assumed. A peer that is not the daemon itself, nor the service
//! manager that listens for it, is somebody in between, whose configuration says nothing.

use super::ClamdAddress;
use std::path::{Path, PathBuf};
use time::{OffsetDateTime, PrimitiveDateTime};

const DEFAULT_CONFIG: &str = "/etc/clamav/clamd.conf";
const DEFAULT_DATABASE: &str = "/var/lib/clamav";
/// Extensions ClamAV loads signatures from.
const SIGNATURE_FILES: &[&str] =
    &["cvd", "cld", "cud", "hdb", "hsb", "mdb", "msb", "ndb", "ndu", "ldb", "ldu", "idb", "fp", "sfp", "yar", "yara", "cdb", "crb"];

/// The configuration of a local daemon; `None` when it cannot be read from here.
pub async fn configuration(address: &ClamdAddress) -> Option<String> {
    let ClamdAddress::Unix(socket) = address else { return None };
    let stream = tokio::net::UnixStream::connect(socket).await.ok()?;
    let pid = stream.peer_cred().ok()?.pid()?;
    tokio::task::spawn_blocking(move || configuration_of(pid)).await.ok()?
}

/// The newest date among the signature files of the daemon with this configuration, or `None` when there are none.
pub async fn newest_signature_date(configuration: &str) -> Option<OffsetDateTime> {
    let directory = values(configuration, "DatabaseDirectory").next().unwrap_or(DEFAULT_DATABASE).to_owned();
    tokio::task::spawn_blocking(move || newest_in(Path::new(&directory))).await.ok()?
}

/// Whether the daemon looks for signatures in all of the content before it answers with a heuristic (clamd.conf(5),
/// `HeuristicScanPrecedence`, default `no`).
pub fn signatures_come_first(configuration: &str) -> bool {
    values(configuration, "HeuristicScanPrecedence").all(|value| ["no", "false", "0"].iter().any(|no| value.eq_ignore_ascii_case(no)))
}

/// The values of an option; its name may be written in any case.
fn values<'a>(configuration: &'a str, option: &'a str) -> impl Iterator<Item = &'a str> {
    let named = move |line: &'a str| {
        let (name, value) = line.trim().split_once(char::is_whitespace)?;
        name.eq_ignore_ascii_case(option).then_some(value.trim())
    };
    configuration.lines().filter_map(named)
}

fn configuration_of(pid: i32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    // The socket may be held by the service manager, process 1, until the daemon is wanted.
    if pid != 1 && name.trim() != "clamd" {
        return None;
    }
    let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    std::fs::read_to_string(config_path(&command_line).unwrap_or_else(|| DEFAULT_CONFIG.into())).ok()
}

fn config_path(command_line: &[u8]) -> Option<PathBuf> {
    let mut arguments = command_line.split(|b| *b == 0).map(|a| String::from_utf8_lossy(a).into_owned());
    while let Some(argument) = arguments.next() {
        if let Some(path) = argument.strip_prefix("--config-file=") {
            return Some(path.into());
        }
        if argument == "-c" || argument == "--config-file" {
            return arguments.next().map(Into::into);
        }
    }
    None
}

fn newest_in(directory: &Path) -> Option<OffsetDateTime> {
    let files = std::fs::read_dir(directory).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    let signatures = files.filter(|path| path.extension().and_then(|e| e.to_str()).is_some_and(|e| SIGNATURE_FILES.contains(&e)));
    signatures.filter_map(|path| date_of(&path)).max()
}

fn date_of(path: &Path) -> Option<OffsetDateTime> {
    let head = head_of(path)?;
    if let Some(fields) = head.strip_prefix("ClamAV-VDB:") {
        // `12 Oct 2025 08-40 +0000:27789:…`; the zone is ignored: a day's limit does not turn on hours.
        let format = time::macros::format_description!("[day padding:none] [month repr:short] [year] [hour]-[minute]");
        let stamp = fields.split(" +").next()?.split(" -0").next()?;
        return PrimitiveDateTime::parse(stamp, format).ok().map(PrimitiveDateTime::assume_utc);
    }
    std::fs::metadata(path).ok()?.modified().ok().map(OffsetDateTime::from)
}

fn head_of(path: &Path) -> Option<String> {
    use std::io::Read as _;
    let mut head = Vec::new();
    std::fs::File::open(path).ok()?.take(512).read_to_end(&mut head).ok()?;
    Some(String::from_utf8_lossy(&head).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_found_in_the_command_line() {
        assert_eq!(config_path(b"clamd\0--config-file=/a/b.conf\0"), Some("/a/b.conf".into()));
        assert_eq!(config_path(b"clamd\0-c\0/x\0"), Some("/x".into()));
        assert_eq!(config_path(b"clamd\0"), None);
    }

    #[test]
    fn only_a_plain_no_or_silence_puts_signatures_first() {
        assert!(signatures_come_first("LocalSocket /run/x\n# HeuristicScanPrecedence yes\n"));
        assert!(signatures_come_first("heuristicscanprecedence No\n"));
        for text in
            ["HeuristicScanPrecedence yes", "  heuristicScanPrecedence\ttrue", "HeuristicScanPrecedence no\nHeuristicScanPrecedence 1"]
        {
            assert!(!signatures_come_first(text), "{text}");
        }
    }

    #[test]
    fn official_files_count_with_their_header_and_others_with_their_time() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("daily.cld"), "ClamAV-VDB:12 Oct 2025 08-40 +0000:27789:2000:90:x:y:build:1\n").unwrap();
        std::fs::write(dir.path().join("notes.txt"), "newer, but no signatures").unwrap();
        assert_eq!(newest_in(dir.path()).unwrap().unix_timestamp(), 1_760_258_400);
        std::fs::write(dir.path().join("own.hdb"), "44d8:68:Eicar\n").unwrap();
        assert!(newest_in(dir.path()).unwrap().unix_timestamp() > 1_760_258_400);
    }
}

//! Samples for analysts, packed by a confined worker: the supervisor links no archive code.

use super::conversation::{Conversation, Trouble};
use crate::fault::StationFault;
use model::policy::Policy;
use sandbox::Role;
use spool::SpoolFile;
use std::io::Write;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;
use wire::{Answer, MAX_FRAME_BYTES, Request};

/// Most bytes an archive of two stored members has beside them: headers, extra fields, salts, codes, directory.
// BOUND: what the worker writes is below 1 KiB.
const OVERHEAD_BYTES: u64 = 4 << 10;
/// Signature of the first local header (APPNOTE 4.3.7).
const SIGNATURE: &[u8] = b"PK\x03\x04";

/// Packs the original of a hold as `name` (letters, digits, `.` and `-`), with its record as `record.json`, into a ZIP archive
/// with the password [`wire::SAMPLE_PASSWORD`], and writes that to `out`. Blocking.
///
/// What the worker gives is compared with what it must be, as far as that shows from outside: its beginning, and its length,
/// which is that of both members and a little more, because nothing is compressed.
///
/// # Errors
/// [`Trouble`]; then what was written to `out` is no sample.
pub fn pack_sample(
    worker: &Path,
    policy: &Policy,
    content: &SpoolFile,
    name: &str,
    record_json: &[u8],
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    let inert = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    if name.is_empty() || name.len() > 100 || name.starts_with('.') || !name.chars().all(inert) {
        return Err(Trouble::Protocol("name of a sample"));
    }
    // BOUND: a request is one frame.
    if record_json.len() > MAX_FRAME_BYTES / 2 {
        return Err(Trouble::Protocol("record of a sample"));
    }
    let limits = policy.worker.scaled_to(content.size_bytes);
    let wall = Duration::from_secs(limits.wall_seconds.into());
    let mut conversation = Conversation::start(worker, Role::Inspect, &limits, wall, None)?;
    let file = content.open().map_err(|error| Trouble::Station(error.into()))?;
    conversation.ask(&Request::Pack { name: name.into(), record: record_json.to_vec() }, Some(file.as_fd()))?;
    let least = content.size_bytes + record_json.len() as u64;
    let mut written = 0u64;
    let answer = conversation.hear_bytes(|bytes| {
        let expected = SIGNATURE.iter().skip(usize::try_from(written).unwrap_or(usize::MAX));
        if !expected.zip(bytes).all(|(wanted, got)| wanted == got) {
            return Err(Trouble::Protocol("beginning of a sample"));
        }
        written += bytes.len() as u64;
        if written > least + OVERHEAD_BYTES {
            return Err(Trouble::Protocol("length of a sample"));
        }
        out.write_all(bytes).map_err(|source| Trouble::Station(StationFault::Sample { source }))
    })?;
    if answer != Answer::Done || written < least {
        return Err(Trouble::Protocol("answer to pack"));
    }
    Ok(())
}

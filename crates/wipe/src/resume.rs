//! Whether the medium in hand is the one a journal is about.
//!
//! A serial number proves nothing: cheap sticks share theirs. The stream does: only the medium that was being wiped holds it,
//! and only up to where the journal says. Anything else begins anew, which is always right.

use crate::error::WipeFault;
use crate::journal::{Journal, Stage};
use crate::medium::{Aligned, Medium};
use crate::stream::{KEY_BYTES, KeyStream, UNIT_BYTES};

/// Looks for the stream at the beginning and at the end of what the journal says was written last.
///
/// # Errors
/// When the stream cannot be made; a medium that cannot be read is not the one.
pub(crate) fn is_of(journal: &Journal, medium: &dyn Medium, key: &[u8; KEY_BYTES]) -> Result<bool, WipeFault> {
    let size = medium.size_bytes();
    let (pass, places) = match journal.stage {
        Stage::Writing { pass: 0 | 1, offset: 0 } => return Ok(true),
        Stage::Writing { pass, offset: 0 } => (pass - 1, vec![0, size]),
        Stage::Writing { pass, offset } => (pass, vec![0, offset.min(size)]),
        Stage::ReadingBack => (journal.passes, vec![0, size]),
        // The new file system may cover the beginning.
        Stage::Formatting => (journal.passes, vec![size]),
    };
    let stream = KeyStream::new(key, pass)?;
    for end in places {
        if !unit_holds(&stream, medium, end)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the last unit that begins before `end` holds the stream.
fn unit_holds(stream: &KeyStream, medium: &dyn Medium, end: u64) -> Result<bool, WipeFault> {
    let unit = UNIT_BYTES as u64;
    let offset = end.saturating_sub(1) / unit * unit;
    let end = if end == 0 { unit.min(medium.size_bytes()) } else { end };
    let length = (end - offset) as usize;
    let (mut read, mut wanted) = (Aligned::new(UNIT_BYTES), vec![0; length]);
    stream.fill(offset, &mut wanted)?;
    let read = read.first(length);
    Ok(medium.read_at(read, offset).is_ok() && read == wanted)
}

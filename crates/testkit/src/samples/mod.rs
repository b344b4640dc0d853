//! The sample medium of the demo: an employee's USB stick, with what such a stick holds and what an attacker puts on it.

mod archive_tricks;
mod archives;
mod documents;
mod names;
mod picture_tricks;
mod pictures;
mod prose;
mod scripts;
mod text_tricks;
mod texts;

use crate::tree::Sample;
use anyhow::Result;

/// All samples of the demo medium, in a fixed order.
///
/// # Errors
/// When one of the writing libraries refuses; that is a mistake in this crate.
pub fn sample_medium() -> Result<Vec<Sample>> {
    let mut all = documents::contracts()?;
    all.extend(documents::bookkeeping()?);
    all.extend(documents::presentations());
    all.extend(documents::letters()?);
    all.extend(pictures::samples()?);
    all.extend(picture_tricks::samples()?);
    all.extend(texts::samples());
    all.extend(text_tricks::samples());
    all.extend(archives::samples()?);
    all.extend(archive_tricks::samples());
    all.extend(scripts::samples()?);
    all.extend(names::samples());
    Ok(all)
}

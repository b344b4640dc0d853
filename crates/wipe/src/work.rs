//! The work on the medium: passes, native erase before the last one, read-back, file system. It can stop anywhere and goes on
//! from the journal.

use crate::blocks::Cut;
use crate::error::WipeFault;
use crate::format::Layout;
use crate::journal::{Journal, Journals, PassRecord, Stage};
use crate::medium::{Medium, removed};
use crate::native::NativeResult;
use crate::pass;
use crate::progress::{At, Progress};
use crate::stream::{KEY_BYTES, KeyStream};
use crate::verify::{self, ReadBack};
use audit::Clock;

/// Everything the work needs.
pub(crate) struct Work<'a> {
    pub(crate) medium: &'a dyn Medium,
    pub(crate) key: &'a [u8; KEY_BYTES],
    pub(crate) cut: Cut,
    pub(crate) layout: &'a Layout,
    /// The device's own erasing.
    pub(crate) native: &'a dyn Fn() -> Vec<NativeResult>,
    pub(crate) journals: &'a Journals,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) progress: &'a dyn Progress,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Worked {
    pub(crate) read_back: ReadBack,
    /// Whether the file system read back as written; none when none was written, because the wipe had failed before.
    pub(crate) formatted: Option<bool>,
}

impl Work<'_> {
    /// The order in which a medium is wiped, from where `journal` says. Only what this very run reads back counts.
    pub(crate) fn run(&self, journal: &mut Journal) -> Result<Worked, WipeFault> {
        while let Stage::Writing { pass, offset } = journal.stage {
            if pass == journal.passes && journal.native.is_none() {
                journal.native = Some((self.native)());
                self.journals.save(journal)?;
            }
            if !self.write(journal, pass, offset)? {
                return Ok(Worked { read_back: ReadBack::default(), formatted: None });
            }
        }
        let mut read_back = ReadBack::default();
        if journal.stage == Stage::ReadingBack {
            let size = self.medium.size_bytes();
            let stream = KeyStream::new(self.key, journal.passes)?;
            read_back =
                verify::read_back(self.medium, &stream, self.cut, &mut |offset| self.progress.reached(At::Reading { offset, size }))?;
            journal.stage = Stage::Formatting;
            self.journals.save(journal)?;
        }
        let holds = read_back.complete && read_back.bad.is_empty() && journal.bad.is_empty();
        let formatted = if holds { Some(self.format()?) } else { None };
        Ok(Worked { read_back, formatted })
    }

    /// One pass to its end; the next stage stands in the journal. Gives whether it came to the end.
    fn write(&self, journal: &mut Journal, pass: u32, from: u64) -> Result<bool, WipeFault> {
        let (size, passes) = (self.medium.size_bytes(), journal.passes);
        let stream = KeyStream::new(self.key, pass)?;
        let begun = self.clock.now_unix_ms();
        let mut bad = std::mem::take(&mut journal.bad);
        let complete = pass::write(self.medium, &stream, from, self.cut, &mut bad, &mut |offset, synced| {
            if let Some(bad) = synced {
                journal.stage = Stage::Writing { pass, offset };
                bad.clone_into(&mut journal.bad);
                self.journals.save(journal)?;
            }
            self.progress.reached(At::Writing { pass, passes, offset, size, synced: synced.is_some() });
            Ok(())
        })?;
        let milliseconds = u64::try_from(self.clock.now_unix_ms().saturating_sub(begun)).unwrap_or(0);
        journal.bad = bad;
        journal.written.push(PassRecord { pass, bytes: size, milliseconds, complete });
        journal.stage = if pass >= passes { Stage::ReadingBack } else { Stage::Writing { pass: pass + 1, offset: 0 } };
        self.journals.save(journal)?;
        Ok(complete)
    }

    fn format(&self) -> Result<bool, WipeFault> {
        self.progress.reached(At::Formatting);
        match self.layout.write(self.medium, self.cut.block_bytes) {
            Ok(equal) => Ok(equal),
            Err(_refused) => removed(self.medium, 0).map(|()| false),
        }
    }
}

#[cfg(test)]
mod tests;

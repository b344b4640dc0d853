//! Where a medium did not do what it was told.

use serde::{Deserialize, Serialize};

/// What went wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// It could not be written.
    Write,
    /// It could not be read back.
    Read,
    /// It read back as something else than was written.
    Differs,
}

/// A range of addresses with the same trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRange {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
    /// What.
    pub trouble: Trouble,
}

impl BadRange {
    /// The byte after the last one.
    pub const fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes)
    }
}

/// All bad ranges, in the order in which they were met; past a limit they are only counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BadRanges {
    /// The first ones.
    pub ranges: Vec<BadRange>,
    /// Ranges that are not listed.
    pub unlisted: u64,
    /// Bytes of all, listed or not.
    pub bytes: u64,
}

impl BadRanges {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Adds a range; one that follows on the last, with the same trouble, makes that longer.
    pub fn add(&mut self, range: BadRange, most: usize) {
        self.bytes = self.bytes.saturating_add(range.bytes);
        let room = self.ranges.len() < most;
        match self.ranges.last_mut() {
            Some(last) if last.trouble == range.trouble && last.end() == range.offset => last.bytes += range.bytes,
            _ if room => self.ranges.push(range),
            _ => self.unlisted += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range_and_the_list_has_an_end() {
        let mut bad = BadRanges::default();
        let range = |offset, trouble| BadRange { offset, bytes: 512, trouble };
        for (offset, trouble) in [(0, Trouble::Read), (512, Trouble::Read), (1024, Trouble::Differs), (4096, Trouble::Differs)] {
            bad.add(range(offset, trouble), 2);
        }
        let expected = [BadRange { offset: 0, bytes: 1024, trouble: Trouble::Read }, range(1024, Trouble::Differs)];
        assert_eq!(bad, BadRanges { ranges: expected.to_vec(), unlisted: 1, bytes: 2048 });
    }
}

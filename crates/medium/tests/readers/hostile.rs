//! Images changed at random: whatever they say, reading them ends within its limits, without a panic and without a write,
//! and every entry that was sent is answered for.

use crate::unix_trees::{Hashed, try_read};
use medium::{ReadError, ReadLimits};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

pub const LIMITS: ReadLimits = ReadLimits { max_entries: 500, max_depth: 12, max_file_bytes: 1 << 20 };

/// Numbers that look random and are the same every time.
pub struct Numbers(u64);

impl Numbers {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// What came of the variants of an image.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// As the whole image.
    pub unchanged: usize,
    /// With a line or a content that says what could not be read.
    pub with_troubles: usize,
    /// Other entries, or other contents, or no volume at all.
    pub otherwise: usize,
    /// Ended at a limit.
    pub limits: usize,
}

/// Reads `rounds` variants: bytes changed (three of four times in `structures`, where a reader decides something), or cut.
/// After each change `mend` may put checksums right, so that what they guard is tried as well.
pub fn try_variants(image: &[u8], structures: std::ops::Range<usize>, rounds: usize, mend: impl Fn(&mut [u8], usize)) -> Outcomes {
    let path = tempfile::NamedTempFile::new().unwrap();
    let writer = path.as_file();
    let whole = || File::open(path.path()).unwrap();
    writer.write_all_at(image, 0).unwrap();
    let (wanted, done) = try_read(whole(), LIMITS);
    done.unwrap();
    assert!(wanted.troubles() == 0 && wanted.contents.len() > 3, "{wanted:?}");
    let written = |range: &std::ops::Range<usize>| range.clone().filter(|at| image[*at] != 0).collect::<Vec<_>>();
    let (decisive, anywhere) = (written(&structures), written(&(0..image.len())));
    let mut numbers = Numbers::new(0x2026_1123);
    let mut outcomes = Outcomes::default();
    for round in 0..rounds {
        let mut variant = image.to_vec();
        if round % 10 == 9 {
            variant.truncate(numbers.below(image.len()));
        } else {
            for _ in 0..=numbers.below(4) {
                let places = if numbers.below(4) == 0 { &anywhere } else { &decisive };
                // A number that was zero is as telling as the one beside it.
                let at = (places[numbers.below(places.len())] + numbers.below(3)).min(image.len() - 1);
                let old = variant[at];
                let bit = 1 << numbers.below(8);
                variant[at] = [0, 0xFF, 0x80, old ^ bit, old ^ bit, old.wrapping_add(1), old.wrapping_sub(1), numbers.below(256) as u8]
                    [numbers.below(8)];
                mend(&mut variant, at);
            }
        }
        writer.set_len(0).unwrap();
        writer.write_all_at(&variant, 0).unwrap();
        let (sent, done) = try_read(whole(), LIMITS);
        judge(&wanted, &sent, done, &mut outcomes);
    }
    eprintln!("{rounds} variants: {outcomes:?}");
    outcomes
}

fn judge(wanted: &Hashed, sent: &Hashed, done: Result<(), ReadError>, outcomes: &mut Outcomes) {
    assert!(sent.entries.len() <= LIMITS.max_entries as usize);
    match done {
        Err(ReadError::Limit { .. }) => outcomes.limits += 1,
        Err(ReadError::Source { .. }) => outcomes.otherwise += 1,
        Err(error) => panic!("{error}"),
        Ok(()) if sent == wanted => outcomes.unchanged += 1,
        Ok(()) if sent.troubles() > 0 => outcomes.with_troubles += 1,
        Ok(()) => outcomes.otherwise += 1,
    }
}

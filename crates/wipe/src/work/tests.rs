//! Media that lie, break and vanish. The real ones (image files, loop devices) are in `tests/tests/wipe.rs`.

use super::*;
use crate::bad::{BadRange, BadRanges, Trouble};
use crate::format::{FileSystem, Label};
use crate::resume;
use crate::stream::UNIT_BYTES;
use crate::verify::{CapacityLie, LieKind};
use std::cell::RefCell;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const KEY: [u8; KEY_BYTES] = [5; KEY_BYTES];
const UNIT: u64 = UNIT_BYTES as u64;
const SIZE: u64 = 64 * UNIT;

/// What is wrong with a medium.
#[derive(Debug, Clone, Copy)]
enum Flaw {
    None,
    /// Smaller than it says; addresses past the end are those from the beginning again.
    Wraps(u64),
    /// Smaller than it says; what is written past the end is lost, and zeroes are read.
    Drops(u64),
    /// This range cannot be written.
    Unwritable(u64, u64),
    /// This range cannot be read.
    Unreadable(u64, u64),
    /// One bit of this byte turns.
    FlipsBit(u64),
    /// Pulled out at the write with this number, and the kernel notices only at the next sync.
    NoticedLate(u32),
    /// Made read-only at the write with this number.
    ProtectedAt(u32),
    /// Pulled out at the write with this number.
    RemovedAt(u32),
}

/// A medium in memory.
struct Playing {
    content: Mutex<Vec<u8>>,
    flaw: Flaw,
    writes: AtomicU32,
    present: AtomicBool,
}

impl Playing {
    fn new(flaw: Flaw) -> Self {
        let content = Mutex::new(b"secret! ".repeat(SIZE as usize / 8));
        Self { content, flaw, writes: AtomicU32::new(0), present: AtomicBool::new(true) }
    }
    fn place(&self, address: u64) -> Option<usize> {
        match self.flaw {
            Flaw::Wraps(real) => Some((address % real) as usize),
            Flaw::Drops(real) if address >= real => None,
            _ => Some(address as usize),
        }
    }
    fn content(&self) -> Vec<u8> {
        self.content.lock().unwrap().clone()
    }
}

fn touches(offset: u64, bytes: usize, range: (u64, u64)) -> bool {
    offset < range.1 && offset + bytes as u64 > range.0
}

impl Medium for Playing {
    fn size_bytes(&self) -> u64 {
        SIZE
    }
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        match self.flaw {
            Flaw::Unwritable(from, to) if touches(offset, bytes.len(), (from, to)) => return Err(io::Error::other("bad")),
            Flaw::RemovedAt(last) if number >= last => {
                self.present.store(false, Ordering::Relaxed);
                return Err(io::Error::other("gone"));
            }
            Flaw::ProtectedAt(last) if number >= last => return Err(io::ErrorKind::PermissionDenied.into()),
            Flaw::NoticedLate(last) if number >= last => return Err(io::Error::other("gone")),
            _ => {}
        }
        let mut content = self.content.lock().unwrap();
        for (byte, address) in bytes.iter().zip(offset..) {
            if let Some(place) = self.place(address) {
                content[place] = match self.flaw {
                    Flaw::FlipsBit(flips) if flips == address => byte ^ 1,
                    _ => *byte,
                };
            }
        }
        Ok(())
    }
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        if let Flaw::Unreadable(from, to) = self.flaw
            && touches(offset, bytes.len(), (from, to))
        {
            return Err(io::Error::other("bad"));
        }
        let content = self.content.lock().unwrap();
        for (byte, address) in bytes.iter_mut().zip(offset..) {
            *byte = self.place(address).map_or(0, |place| content[place]);
        }
        Ok(())
    }
    fn sync(&self) -> io::Result<()> {
        if matches!(self.flaw, Flaw::NoticedLate(last) if self.writes.load(Ordering::Relaxed) > last) {
            self.present.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
    fn read_only(&self) -> bool {
        matches!(self.flaw, Flaw::ProtectedAt(_))
    }
    fn present(&self) -> bool {
        self.present.load(Ordering::Relaxed)
    }
}

/// Keeps what it hears.
#[derive(Default)]
struct Heard(RefCell<Vec<At>>);

impl Progress for Heard {
    fn reached(&self, at: At) {
        self.0.borrow_mut().push(at);
    }
}

struct Standing;

impl Clock for Standing {
    fn now_unix_ms(&self) -> i64 {
        0
    }
}

/// A station's journals, and one wipe in them.
struct Rig {
    _state: tempfile::TempDir,
    journals: Journals,
    journal: Journal,
    heard: Heard,
}

impl Rig {
    fn new(passes: u32) -> Self {
        let state = tempfile::tempdir().unwrap();
        let journals = Journals::open(state.path()).unwrap();
        let journal = Journal {
            wipe: "wipe-1".into(),
            medium: "m".into(),
            started: String::new(),
            passes,
            interruptions: 0,
            stage: Stage::Writing { pass: 1, offset: 0 },
            written: Vec::new(),
            native: None,
            bad: BadRanges::default(),
            certificates: std::ffi::OsString::new(),
        };
        journals.keep_key("m", &KEY).unwrap();
        Self { _state: state, journals, journal, heard: Heard::default() }
    }

    fn run(&mut self, medium: &Playing) -> Result<Worked, WipeFault> {
        let layout = Layout::plan(FileSystem::Exfat, SIZE, 512, &Label::new("LEER").unwrap(), 7).unwrap();
        let cut = Cut { block_bytes: 2 * UNIT_BYTES, sync_bytes: 8 * UNIT, max_bad_ranges: 20 };
        let (native, clock) = (&Vec::new, &Standing);
        let work = Work { medium, key: &KEY, cut, layout: &layout, native, journals: &self.journals, clock, progress: &self.heard };
        work.run(&mut self.journal)
    }
}

#[test]
fn a_good_medium_holds_the_last_stream_and_nothing_of_before() {
    let (mut rig, medium) = (Rig::new(2), Playing::new(Flaw::None));
    let worked = rig.run(&medium).unwrap();
    assert_eq!(worked.formatted, Some(true));
    assert!(worked.read_back.complete && worked.read_back.bad.is_empty());
    assert_eq!(worked.read_back.equal_bytes, SIZE);
    assert!(!medium.content().windows(8).any(|run| run == b"secret! "));
    let mut wanted = vec![0; UNIT_BYTES];
    KeyStream::new(&KEY, 2).unwrap().fill(SIZE - UNIT, &mut wanted).unwrap();
    assert_eq!(medium.content()[(SIZE - UNIT) as usize..], wanted);
    let synced: Vec<(u32, u64)> = rig
        .heard
        .0
        .borrow()
        .iter()
        .filter_map(|at| match at {
            At::Writing { pass, offset, synced: true, .. } => Some((*pass, *offset)),
            _ => None,
        })
        .collect();
    assert_eq!(synced, (1..=2).flat_map(|pass| (1..=8).map(move |n| (pass, n * 8 * UNIT))).collect::<Vec<_>>());
}

#[test]
fn a_medium_that_wraps_is_known_with_its_real_size() {
    // Not a power of two, and not a multiple of a unit either.
    for real in [SIZE / 4, 13 * UNIT + 1_536, SIZE - 4_096] {
        let mut rig = Rig::new(2);
        let worked = rig.run(&Playing::new(Flaw::Wraps(real))).unwrap();
        let lie = worked.read_back.capacity_lie.unwrap();
        assert_eq!((lie.kind, lie.real_bytes, lie.read_at), (LieKind::Wraps, Some(real), 0));
        assert_eq!(lie.holds.map(|address| address % real), Some(0));
        assert_eq!(worked.read_back.equal_bytes, real);
        assert_eq!(worked.formatted, None, "a failed medium is not made to look usable");
    }
}

#[test]
fn a_medium_that_drops_is_known_with_its_real_size() {
    let real = 20 * UNIT + 512;
    let worked = Rig::new(2).run(&Playing::new(Flaw::Drops(real))).unwrap();
    let lie = CapacityLie { kind: LieKind::Drops, real_bytes: Some(real), read_at: real, holds: None };
    assert_eq!(worked.read_back.capacity_lie, Some(lie));
    assert_eq!(worked.read_back.bad.ranges, [BadRange { offset: real, bytes: SIZE - real, trouble: Trouble::Differs }]);
}

#[test]
fn bad_places_are_ranges_and_no_lie_about_size() {
    let range = |offset, bytes, trouble| vec![BadRange { offset, bytes, trouble }];
    let (from, to) = (9 * UNIT + 4_096, 9 * UNIT + 12_288);
    let mut rig = Rig::new(2);
    let worked = rig.run(&Playing::new(Flaw::Unreadable(from, to))).unwrap();
    assert_eq!(worked.read_back.bad.ranges, range(from, to - from, Trouble::Read));
    assert_eq!((worked.read_back.equal_bytes, worked.read_back.capacity_lie), (SIZE - (to - from), None));

    let worked = Rig::new(2).run(&Playing::new(Flaw::FlipsBit(from + 700))).unwrap();
    assert_eq!((worked.read_back.bad.ranges, worked.read_back.capacity_lie), (range(from + 512, 512, Trouble::Differs), None));

    let mut rig = Rig::new(2);
    let worked = rig.run(&Playing::new(Flaw::Unwritable(from, to))).unwrap();
    // Once in each pass.
    assert_eq!(rig.journal.bad.bytes, 2 * (to - from));
    assert_eq!(worked.read_back.bad.ranges, range(from, to - from, Trouble::Differs));
    assert_eq!(worked.formatted, None);
}

#[test]
fn a_medium_that_takes_nothing_is_given_up() {
    let mut rig = Rig::new(3);
    let worked = rig.run(&Playing::new(Flaw::Unwritable(0, SIZE))).unwrap();
    assert!(!worked.read_back.complete && worked.formatted.is_none());
    assert_eq!(rig.journal.written.iter().map(|pass| pass.complete).collect::<Vec<_>>(), [false]);
    // One stretch at most, not the whole medium.
    assert!(rig.journal.bad.bytes <= 8 * UNIT, "{}", rig.journal.bad.bytes);
}

#[test]
fn a_medium_that_is_pulled_out_goes_on_at_the_last_sync() {
    let (mut rig, first) = (Rig::new(2), Playing::new(Flaw::RemovedAt(32 + 9)));
    assert!(matches!(rig.run(&first), Err(WipeFault::Removed { .. })));
    let (journal, key) = rig.journals.load("m").unwrap().unwrap();
    // 32 writes of two units are a pass; the ninth of the next was refused, the eighth was the second sync.
    assert_eq!((journal.stage, journal.bad.bytes, key), (Stage::Writing { pass: 2, offset: 16 * UNIT }, 0, KEY));

    let again = Playing { flaw: Flaw::None, content: Mutex::new(first.content()), ..Playing::new(Flaw::None) };
    assert!(resume::is_of(&journal, &again, &KEY).unwrap());
    // The same number on another stick.
    assert!(!resume::is_of(&journal, &Playing::new(Flaw::None), &KEY).unwrap());
    rig.journal = journal;
    rig.heard = Heard::default();
    let worked = rig.run(&again).unwrap();
    assert_eq!((worked.formatted, worked.read_back.equal_bytes), (Some(true), SIZE));
    let begins = rig.heard.0.borrow().first().copied();
    assert!(matches!(begins, Some(At::Writing { pass: 2, offset, .. }) if offset > 8 * UNIT), "{begins:?}");
}

#[test]
fn a_medium_is_known_again_at_every_stage_and_no_other_is() {
    let (mut rig, medium) = (Rig::new(2), Playing::new(Flaw::None));
    rig.run(&medium).unwrap();
    let (foreign, last) = (Playing::new(Flaw::None), rig.journal.clone());
    for stage in [Stage::Formatting, Stage::Writing { pass: 2, offset: SIZE - UNIT }] {
        let journal = Journal { stage, ..last.clone() };
        // The file system has covered the beginning.
        assert_eq!(resume::is_of(&journal, &medium, &KEY).unwrap(), stage == Stage::Formatting);
        assert!(!resume::is_of(&journal, &foreign, &KEY).unwrap());
        assert!(!resume::is_of(&journal, &medium, &[6; KEY_BYTES]).unwrap());
    }
    let fresh = Journal { stage: Stage::Writing { pass: 1, offset: 0 }, ..last.clone() };
    assert!(resume::is_of(&fresh, &foreign, &KEY).unwrap(), "nothing was written yet");
    let second = Journal { stage: Stage::Writing { pass: 2, offset: 0 }, ..last };
    assert!(!resume::is_of(&second, &foreign, &KEY).unwrap(), "the first pass is not on it");
}

#[test]
fn what_was_read_back_before_an_interruption_counts_for_nothing() {
    for (stage, wiped) in [(Stage::Formatting, true), (Stage::ReadingBack, false)] {
        let (mut rig, medium) = (Rig::new(2), Playing::new(Flaw::None));
        rig.run(&medium).unwrap();
        // Interrupted before the file system; the first unit is the stream's still.
        let mut first = vec![0; 16 * UNIT_BYTES];
        KeyStream::new(&KEY, 2).unwrap().fill(0, &mut first).unwrap();
        medium.content.lock().unwrap()[..first.len()].copy_from_slice(&first);
        rig.journal.stage = stage;
        // Meanwhile somebody puts new data into the middle, between what tells the medium from others.
        let middle = 20 * UNIT_BYTES..44 * UNIT_BYTES;
        medium.content.lock().unwrap()[middle.clone()].fill(b'n');
        assert!(resume::is_of(&rig.journal, &medium, &KEY).unwrap());
        rig.journal.take_up();
        let worked = rig.run(&medium).unwrap();
        assert_eq!((worked.formatted.is_some(), worked.read_back.bad.is_empty()), (wiped, wiped), "{stage:?}");
        assert_eq!(rig.journal.written.iter().map(|record| record.pass).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(medium.content()[middle].windows(8).any(|run| run == b"nnnnnnnn"), !wiped, "{stage:?}");
        assert!(rig.heard.0.borrow().iter().filter(|at| matches!(at, At::Reading { offset: SIZE, .. })).count() >= 2);
    }
}

#[test]
fn a_medium_whose_removal_is_noticed_late_is_not_certified_as_bad() {
    let (mut rig, medium) = (Rig::new(2), Playing::new(Flaw::NoticedLate(9)));
    assert!(matches!(rig.run(&medium), Err(WipeFault::Removed { .. })));
    // Four writes are a stretch; the third one was not synced, and nothing of it is in the journal.
    let (journal, _) = rig.journals.load("m").unwrap().unwrap();
    assert_eq!((journal.stage, journal.bad), (Stage::Writing { pass: 1, offset: 16 * UNIT }, BadRanges::default()));

    let medium = Playing::new(Flaw::Unreadable(0, UNIT));
    let stream = KeyStream::new(&KEY, 2).unwrap();
    // A stretch is one block, so that its end is heard after all its errors.
    let cut = Cut { block_bytes: UNIT_BYTES, sync_bytes: UNIT, max_bad_ranges: 5 };
    let found = verify::read_back(&medium, &stream, cut, &mut |_| medium.present.store(false, Ordering::Relaxed));
    assert!(matches!(found, Err(WipeFault::Removed { .. })));
}

#[test]
fn a_medium_that_this_machine_made_read_only_is_not_certified_as_bad() {
    let (mut rig, medium) = (Rig::new(2), Playing::new(Flaw::ProtectedAt(9)));
    assert!(matches!(rig.run(&medium), Err(WipeFault::ReadOnly { .. })));
    let (journal, _) = rig.journals.load("m").unwrap().unwrap();
    assert_eq!((journal.stage, journal.bad), (Stage::Writing { pass: 1, offset: 16 * UNIT }, BadRanges::default()));
}

//! Delivery to a folder: whatever breaks at whatever operation, the release is whole on the target or not visible, once.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use audit::{OsEntropy, StationKey};
use model::policy::ReleasePolicy;
use release::target::{Directory, Target, TargetError};
use release::{Delivered, Release, deliver, partial_name, verify_release, withdraw};
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const SESSION: &str = "20261123-080000-abcd";

struct Place {
    scratch: TempDir,
    key: StationKey,
}

impl Place {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let key = StationKey::load_or_create(&scratch.path().join("state"), &OsEntropy::new()).unwrap();
        fs::create_dir(scratch.path().join("share")).unwrap();
        let place = Self { scratch, key };
        let mut release = Release::begin(&place.outbox(), SESSION).unwrap();
        for folder in [&["files"][..], &["files", "leer"], &["files", "Grüße; $(x) %n"]] {
            release.add_folder(&folder.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>()).unwrap();
        }
        for (name, bytes) in [("files/a.txt", 3), ("files/Grüße; $(x) %n/b'c.pdf", 400_000), ("files/null", 0), ("session-report.json", 20)]
        {
            release.add_record(name, &vec![7; bytes]).unwrap();
        }
        release.seal(&place.key).unwrap().publish().unwrap();
        place
    }
    fn outbox(&self) -> PathBuf {
        self.scratch.path().join("outbox")
    }
    fn sealed(&self) -> PathBuf {
        self.outbox().join(SESSION)
    }
    fn share(&self) -> PathBuf {
        self.scratch.path().join("share")
    }
    fn target(&self) -> Directory {
        Directory::open(&self.share(), "").unwrap()
    }
    fn deliver(&self, target: &mut dyn Target) -> Result<Delivered, TargetError> {
        deliver(&self.sealed(), SESSION, target, &policy(3), &|_| {})
    }
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.share()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
    fn check_whole(&self) {
        assert_eq!(self.names(), [SESSION]);
        verify_release(&self.share().join(SESSION), Some(&self.key.public_key())).unwrap();
        assert!(self.share().join(SESSION).join("files/leer").is_dir());
    }
}

fn policy(attempts: u32) -> ReleasePolicy {
    ReleasePolicy { attempts, backoff_ms: 100, min_free_bytes: 0, ..ReleasePolicy::default() }
}

/// What breaks: asked before and after each operation, by number from 1; `Some` is what the caller sees.
type Breaks<'a> = Box<dyn FnMut(usize, When, &str) -> Option<TargetError> + Send + 'a>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Before,
    After,
}

struct Breaking<'a> {
    inner: Directory,
    calls: usize,
    puts: usize,
    breaks: Breaks<'a>,
}

impl<'a> Breaking<'a> {
    fn new(inner: Directory, breaks: impl FnMut(usize, When, &str) -> Option<TargetError> + Send + 'a) -> Self {
        Self { inner, calls: 0, puts: 0, breaks: Box::new(breaks) }
    }
    fn call<T>(&mut self, path: &str, operation: impl FnOnce(&mut Directory) -> Result<T, TargetError>) -> Result<T, TargetError> {
        self.calls += 1;
        if let Some(error) = (self.breaks)(self.calls, When::Before, path) {
            return Err(error);
        }
        let done = operation(&mut self.inner)?;
        (self.breaks)(self.calls, When::After, path).map_or(Ok(done), Err)
    }
}

impl Target for Breaking<'_> {
    fn place(&self) -> &str {
        self.inner.place()
    }
    fn free_bytes(&mut self) -> Result<Option<u64>, TargetError> {
        self.call("", Target::free_bytes)
    }
    fn make_dir(&mut self, path: &str) -> Result<(), TargetError> {
        self.call(path, |inner| inner.make_dir(path))
    }
    fn put(&mut self, path: &str, from: &Path) -> Result<(), TargetError> {
        self.puts += 1;
        self.call(path, |inner| inner.put(path, from))
    }
    fn settle(&mut self, path: &str) -> Result<(), TargetError> {
        self.call(path, |inner| inner.settle(path))
    }
    fn read_back(&mut self, path: &str, sink: &mut dyn FnMut(&[u8])) -> Result<(), TargetError> {
        self.call(path, |inner| inner.read_back(path, sink))
    }
    fn list(&mut self, path: &str) -> Result<Vec<String>, TargetError> {
        self.call(path, |inner| inner.list(path))
    }
    fn exists(&mut self, path: &str) -> Result<bool, TargetError> {
        self.call(path, |inner| inner.exists(path))
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), TargetError> {
        self.call(from, |inner| inner.rename(from, to))
    }
    fn remove_tree(&mut self, path: &str) -> Result<(), TargetError> {
        self.call(path, |inner| inner.remove_tree(path))
    }
}

fn gone() -> TargetError {
    TargetError::gone("the test", "pulled")
}

/// Calls a delivery makes when nothing breaks.
fn calls_of_one() -> usize {
    let place = Place::new();
    let mut target = Breaking::new(place.target(), |_, _, _| None);
    place.deliver(&mut target).unwrap();
    place.check_whole();
    assert_eq!(target.puts, 6);
    target.calls
}

/// All that lies in a folder, at any depth.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path));
        }
        found.push(path);
    }
    found
}

#[test]
fn a_release_is_delivered_once_and_readable_by_all() {
    let place = Place::new();
    let first = place.deliver(&mut place.target()).unwrap();
    assert_eq!((first.files, first.written, first.already), (6, 6, false));
    place.check_whole();
    let mode = |path: &str| fs::metadata(place.share().join(SESSION).join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("SHA256SUMS")), (0o755, 0o644));
    // Whoever the target is for gets to the bottom of it.
    for entry in walk(&place.share().join(SESSION)) {
        let wanted = if entry.is_dir() { 0o755 } else { 0o644 };
        assert_eq!(fs::metadata(&entry).unwrap().permissions().mode() & 0o777, wanted, "{}", entry.display());
    }
    // The program ended between the rename and its record.
    let again = place.deliver(&mut place.target()).unwrap();
    assert_eq!((again.written, again.already), (0, true));
    place.check_whole();
}

#[test]
fn broken_for_good_at_any_operation_it_is_hidden_until_the_next_delivery_completes_it() {
    for when in [When::Before, When::After] {
        for at in 1..=calls_of_one() {
            let place = Place::new();
            let mut target = Breaking::new(place.target(), |call, now, _| (call > at || (call == at && now == when)).then(gone));
            // Only the last one, which lists what was renamed, can break when it is visible already.
            let ended = place.deliver(&mut target);
            assert!(matches!(ended, Err(TargetError::Gone { .. })), "{at} {when:?}: {ended:?}");
            assert!(place.names().iter().all(|name| *name == partial_name(SESSION) || *name == SESSION), "{at}: {:?}", place.names());
            if place.names().contains(&SESSION.to_owned()) {
                place.check_whole();
            }
            place.deliver(&mut place.target()).unwrap();
            place.check_whole();
        }
    }
}

#[test]
fn broken_once_at_any_operation_it_is_tried_again() {
    for when in [When::Before, When::After] {
        for at in 1..=calls_of_one() {
            let place = Place::new();
            let mut target = Breaking::new(place.target(), |call, now, _| (call == at && now == when).then(gone));
            place.deliver(&mut target).unwrap_or_else(|error| panic!("{at} {when:?}: {error}"));
            place.check_whole();
        }
    }
}

#[test]
fn what_is_given_up_leaves_nothing() {
    for at in 1..=calls_of_one() {
        let place = Place::new();
        let mut target = Breaking::new(place.target(), |call, _, _| (call == at).then(|| TargetError::full("the test", "no room")));
        assert!(matches!(place.deliver(&mut target), Err(TargetError::Full { .. })), "{at}");
        let visible = place.names() == [SESSION];
        assert!(visible || place.names().is_empty(), "{at}: {:?}", place.names());
        // One that is gone leaves its rest until it is taken back.
        let mut target = Breaking::new(place.target(), |call, _, _| (call >= at).then(gone));
        if !visible && place.deliver(&mut target).is_err() {
            withdraw(SESSION, &mut place.target()).unwrap();
        }
        assert!(place.names().is_empty() || place.names() == [SESSION], "{at}: {:?}", place.names());
    }
}

#[test]
fn what_is_there_already_is_not_sent_again() {
    let place = Place::new();
    let mut target = Breaking::new(place.target(), |_, _, path| (path.ends_with("session-report.json")).then(gone));
    assert!(place.deliver(&mut target).is_err());
    // One of the three that arrived was damaged meanwhile, and something half-written lies in a file's place.
    fs::write(place.share().join(partial_name(SESSION)).join("files/a.txt"), "abc").unwrap();
    fs::write(place.share().join(partial_name(SESSION)).join("session-report.json"), "ha").unwrap();
    let mut target = Breaking::new(place.target(), |_, _, _| None);
    let ended = place.deliver(&mut target).unwrap();
    assert_eq!((ended.written, target.puts), (4, 4), "the damaged one, the half one, manifest and signature");
    place.check_whole();
}

#[test]
fn a_target_that_changes_bytes_is_told_and_shows_nothing() {
    let place = Place::new();
    let damaged = place.share().join(partial_name(SESSION)).join("files/a.txt");
    let times = RefCell::new(0);
    // Once: it is written again.
    for (limit, whole) in [(1, true), (usize::MAX, false)] {
        *times.borrow_mut() = 0;
        let fresh = Place::new();
        let damaged = if whole { &damaged } else { &fresh.share().join(partial_name(SESSION)).join("files/a.txt") };
        let here = if whole { &place } else { &fresh };
        let count = std::sync::Mutex::new(0);
        let mut target = Breaking::new(here.target(), |_, when, path| {
            let mut count = count.lock().unwrap();
            if when == When::Before && !path.contains('/') && path.starts_with('.') && damaged.exists() && *count < limit {
                *count += 1;
                fs::write(damaged, "xyz").unwrap();
            }
            None
        });
        let ended = here.deliver(&mut target);
        if whole {
            ended.unwrap();
            here.check_whole();
        } else {
            assert!(matches!(ended, Err(TargetError::Altered { attempts: 3, .. })), "{ended:?}");
            assert!(here.names().is_empty());
        }
    }
}

#[test]
fn a_foreign_thing_of_that_name_is_neither_overwritten_nor_taken_for_it() {
    let place = Place::new();
    fs::create_dir(place.share().join(SESSION)).unwrap();
    fs::write(place.share().join(SESSION).join("theirs.txt"), "theirs").unwrap();
    assert!(matches!(place.deliver(&mut place.target()), Err(TargetError::Exists { .. })));
    // A copy of the manifest alone is not the release either.
    for name in ["SHA256SUMS", "SHA256SUMS.sig"] {
        fs::copy(place.sealed().join(name), place.share().join(SESSION).join(name)).unwrap();
    }
    assert!(matches!(place.deliver(&mut place.target()), Err(TargetError::Exists { .. })));
    assert_eq!(fs::read_to_string(place.share().join(SESSION).join("theirs.txt")).unwrap(), "theirs");
    assert_eq!(place.names(), [SESSION]);
}

#[test]
fn a_name_taken_just_before_the_rename_is_not_overwritten() {
    let place = Place::new();
    let share = place.share();
    let mut target = Breaking::new(place.target(), |_, when, path| {
        if when == When::Before && path.ends_with("SHA256SUMS.sig") && !share.join(SESSION).exists() {
            fs::create_dir(share.join(SESSION)).unwrap();
        }
        None
    });
    assert!(matches!(place.deliver(&mut target), Err(TargetError::Exists { .. })));
    assert_eq!(place.names(), [SESSION]);
    assert_eq!(fs::read_dir(share.join(SESSION)).unwrap().count(), 0);
}

#[test]
fn an_outbox_that_was_tampered_with_delivers_nothing() {
    let changes: [fn(&Path); 5] = [
        |sealed| fs::write(sealed.join("files/a.txt"), "foreign").unwrap(),
        |sealed| fs::remove_file(sealed.join("files/a.txt")).unwrap(),
        |sealed| fs::write(sealed.join("SHA256SUMS"), "").unwrap(),
        |sealed| fs::write(sealed.join("SHA256SUMS.sig"), "ed25519 00 00\n").unwrap(),
        |sealed| {
            fs::remove_file(sealed.join("files/a.txt")).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", sealed.join("files/a.txt")).unwrap();
        },
    ];
    for (number, change) in changes.iter().enumerate() {
        let place = Place::new();
        change(&place.sealed());
        let ended = place.deliver(&mut place.target());
        assert!(matches!(ended, Err(TargetError::Outbox { .. })), "{number}: {ended:?}");
        assert!(place.names().is_empty(), "{number}");
    }
    // What the manifest does not name stays where it is.
    let place = Place::new();
    fs::write(place.sealed().join("files/smuggled.exe"), "MZ").unwrap();
    place.deliver(&mut place.target()).unwrap();
    place.check_whole();
}

#[test]
fn room_is_looked_for_before_anything_is_written() {
    let place = Place::new();
    let all = ReleasePolicy { min_free_bytes: u64::MAX, ..policy(3) };
    let ended = deliver(&place.sealed(), SESSION, &mut place.target(), &all, &|_| {});
    assert!(matches!(&ended, Err(TargetError::Full { cause, .. }) if cause.contains("min_free_bytes")), "{ended:?}");
    assert!(place.names().is_empty());
}

#[test]
fn pauses_double_up_to_a_minute() {
    let place = Place::new();
    let pauses = RefCell::new(Vec::new());
    let mut target = Breaking::new(place.target(), |_, _, _| Some(gone()));
    let ended = deliver(&place.sealed(), SESSION, &mut target, &policy(13), &|pause| pauses.borrow_mut().push(pause));
    assert!(ended.is_err());
    let pauses: Vec<u128> = pauses.into_inner().iter().map(Duration::as_millis).collect();
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
}

#[test]
fn a_link_on_the_share_leads_nowhere() {
    let place = Place::new();
    let elsewhere = place.scratch.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for link in [SESSION.to_owned(), partial_name(SESSION), "kunde".to_owned()] {
        std::os::unix::fs::symlink(&elsewhere, place.share().join(&link)).unwrap();
        let ended = match Directory::open(&place.share(), "kunde") {
            Ok(_) => place.deliver(&mut place.target()).map(drop),
            Err(error) => Err(error),
        };
        assert!(ended.is_err(), "{link}");
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{link}");
        let _ = fs::remove_file(place.share().join(&link));
        let _ = fs::remove_dir(place.share().join("kunde"));
    }
}

#[test]
fn a_target_without_its_top_folder_is_away_and_not_made() {
    let place = Place::new();
    let absent = place.share().join("absent");
    assert!(matches!(Directory::open(&absent, "kunde"), Err(TargetError::Gone { .. })));
    assert!(!absent.exists());
    let mut target = Directory::open(&place.share(), "kunde/2026").unwrap();
    place.deliver(&mut target).unwrap();
    verify_release(&place.share().join("kunde/2026").join(SESSION), None).unwrap();
}

#[test]
fn a_session_that_is_no_folder_name_goes_nowhere() {
    let place = Place::new();
    for session in ["", "..", "a/b", ".x", "a\\b"] {
        let ended = deliver(&place.sealed(), session, &mut place.target(), &policy(1), &|_| {});
        assert!(matches!(ended, Err(TargetError::Outbox { .. })), "{session}");
    }
}

//! A tree that is hard on readers, the programs that put it on media, and what a reader sends as digests.

use medium::{ReadError, ReadLimits};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output};
use wire::{Answer, EntryKind, Failure, Foreign, Frame, FrameReader, FrameWriter};

pub const LIMITS: ReadLimits = ReadLimits { max_entries: 10_000, max_depth: 100, max_file_bytes: 8 << 30 };

/// Path, raw, its components joined by `/`, of what was sent.
pub type Raw = Vec<u8>;

/// What a reader sent, contents as digests only.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Hashed {
    pub kinds: Vec<String>,
    pub entries: Vec<(Raw, EntryKind, u64)>,
    /// By position: bytes, SHA-256, and how it ended.
    pub contents: BTreeMap<u32, (u64, String, Option<Failure>)>,
}

impl Hashed {
    /// Length and digest of every complete content, by path.
    pub fn files(&self) -> BTreeMap<Raw, (u64, String)> {
        let mut files = BTreeMap::new();
        for (index, (bytes, digest, failure)) in &self.contents {
            let (path, _, size) = &self.entries[*index as usize];
            let shown = String::from_utf8_lossy(path);
            assert_eq!((*failure, bytes), (None, size), "{shown}");
            assert!(files.insert(path.clone(), (*bytes, digest.clone())).is_none(), "{shown} twice");
        }
        files
    }

    /// Paths of one kind.
    pub fn of(&self, kind: EntryKind) -> Vec<String> {
        let mut paths: Vec<String> =
            self.entries.iter().filter(|entry| entry.1 == kind).map(|entry| String::from_utf8_lossy(&entry.0).into()).collect();
        paths.sort();
        paths
    }

    /// Every content that did not end as it should, and every line that says so.
    pub fn troubles(&self) -> usize {
        let unreadable = self.entries.iter().filter(|entry| entry.1 == EntryKind::Unreadable).count();
        unreadable + self.contents.values().filter(|content| content.2.is_some()).count()
    }
}

/// Reads an image; what was sent before an error comes with it, and every test thereby checks the order of the answers.
pub fn try_read(file: File, limits: ReadLimits) -> (Hashed, Result<(), ReadError>) {
    let (from, to) = std::io::pipe().unwrap();
    let reader = std::thread::spawn(move || medium::image::read_image(file, limits, &mut FrameWriter::new(to)));
    let mut frames = FrameReader::new(from);
    let mut sent = Hashed::default();
    let mut open: Option<(u32, u64, Sha256)> = None;
    let mut ended = false;
    while let Some(frame) = frames.read_frame::<Answer>().unwrap() {
        match frame {
            Frame::Control(Answer::Volume(volume)) => sent.kinds.push(plain(volume.file_system)),
            Frame::Control(Answer::Entry { path, kind, size_bytes }) => {
                assert!(!ended);
                let path: Vec<Raw> = path.into_iter().map(plain).collect();
                sent.entries.push((path.join(&b'/'), kind, size_bytes));
            }
            Frame::Control(Answer::InventoryEnd { entries, .. }) => {
                assert_eq!(entries as usize, sent.entries.len());
                ended = true;
            }
            Frame::Control(Answer::Content { index }) => {
                assert!(open.is_none() && sent.entries[index as usize].1.has_content());
                open = Some((index, 0, Sha256::new()));
            }
            Frame::Bytes(bytes) => {
                let (_, length, digest) = open.as_mut().unwrap();
                *length += bytes.len() as u64;
                digest.update(&bytes);
            }
            Frame::Control(Answer::EntryEnd { failure, .. }) => {
                let (index, length, digest) = open.take().unwrap();
                assert!(length <= limits.max_file_bytes);
                assert!(sent.contents.insert(index, (length, hex(digest), failure)).is_none());
            }
            Frame::Control(other) => panic!("{other:?}"),
        }
    }
    let done = reader.join().unwrap();
    if done.is_ok() {
        let wanted = sent.entries.iter().filter(|entry| entry.1.has_content()).count();
        assert!(ended && sent.contents.len() == wanted, "an entry without an answer");
    }
    (sent, done)
}

pub fn read(image: &Path) -> Hashed {
    let (sent, done) = try_read(File::open(image).unwrap(), LIMITS);
    done.unwrap();
    sent
}

fn plain<T: Clone>(value: Foreign<T>) -> T {
    let Ok(value) = value.into_untrusted().check(|value| Ok::<_, Infallible>(value.clone()));
    value
}

fn hex(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Length and SHA-256 of every regular file below a directory, by its path.
pub fn files_below(root: &Path) -> BTreeMap<Raw, (u64, String)> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(here) = waiting.pop() {
        for entry in std::fs::read_dir(here).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path().strip_prefix(root).unwrap().as_os_str().as_bytes().to_vec();
                files.insert(path, digest_of(File::open(entry.path()).unwrap()));
            }
        }
    }
    files
}

fn digest_of(mut file: File) -> (u64, String) {
    let (mut digest, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return (length, hex(digest)),
            n => {
                length += n as u64;
                digest.update(&buffer[..n]);
            }
        }
    }
}

/// `length` bytes that are different in every file.
pub fn noise(seed: usize, length: usize) -> Vec<u8> {
    (0..length).map(|i| ((i + seed * 7_919).wrapping_mul(0x9E37_79B1) >> 13) as u8).collect()
}

/// Names that are hard on readers, and all different after folding to ASCII capitals of eight letters or not.
pub fn odd_names() -> Vec<Raw> {
    let mut names: Vec<Raw> = [
        "Übersicht groß.txt",
        "naïve café.md",
        "日本語のファイル名.txt",
        "Ελληνικά.doc",
        "Привет мир.xls",
        "emoji 😀🔒.png",
        "عربى.txt",
        "-rf",
        "--help",
        " vorn",
        "hinten ",
        "zwei\nZeilen.txt",
        "Tab\tim Namen",
        "Punkt.",
        "...",
        "..versteckt",
        ".dot",
        "a;1",
        "b;17",
        "Semikolon;",
        "*?<>|\"",
        "back\\slash",
        "CON",
        "nul.txt",
        "x",
        "UPPER.TXT",
        "e\u{301}.txt",
        "RTL \u{202E}fdp.exe",
        "%2e%2e",
        "$(id)",
        "\u{1}steuer",
        "'quote'",
        "=1+1",
        "foo:bar",
    ]
    .iter()
    .map(|name| name.as_bytes().to_vec())
    .collect();
    names.push(vec![b'l'; 255]);
    names.push("ü".repeat(127).into_bytes());
    names.push([b"nicht utf-8 ".to_vec(), vec![0xFF, 0xFE, 0xE4]].concat());
    names
}

/// Lengths around the limits of sectors and blocks.
const LENGTHS: [usize; 18] = [0, 1, 2, 59, 60, 61, 155, 159, 511, 512, 513, 1_023, 1_025, 2_047, 2_048, 2_049, 4_096, 4_097];

/// Makes a tree of more than 1,000 files: many in one directory, deep ones, odd names, every length, holes.
pub fn make(root: &Path, names: &[Raw]) {
    let many = root.join("viele");
    std::fs::create_dir_all(&many).unwrap();
    for number in 0..1_000 {
        std::fs::write(
            many.join(format!("Datei Nummer {number:04} mit einem mittellangen Namen.bin")),
            noise(number, LENGTHS[number % LENGTHS.len()]),
        )
        .unwrap();
    }
    let odd = root.join("Namen ü");
    std::fs::create_dir_all(&odd).unwrap();
    for (number, name) in names.iter().enumerate() {
        std::fs::write(odd.join(OsStr::from_bytes(name)), noise(number, 100 + number)).unwrap();
    }
    let mut deep = root.to_owned();
    for level in 0..20 {
        deep.push(format!("Ebene {level}"));
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("Datei.txt"), noise(level, 3_000 + level)).unwrap();
    }
    for name in ["leer", "lost and found", "leer/noch leerer"] {
        std::fs::create_dir_all(root.join(name)).unwrap();
    }
    std::fs::write(root.join("groß.bin"), noise(5, 3_000_000)).unwrap();
    let mut holes = File::create(root.join("Löcher.bin")).unwrap();
    for number in 0..20 {
        holes.seek(SeekFrom::Start(number * 100_000)).unwrap();
        holes.write_all(&noise(number as usize, 5_000)).unwrap();
    }
}

/// A file of more than 4 GiB that is nearly all hole.
pub fn make_huge(path: &Path) {
    let mut file = File::create(path).unwrap();
    for at in [0, (2 << 30) - 7, (4 << 30) - 2_048 - 5, (4 << 30) + 12_345] {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&noise(at as usize, 9_000)).unwrap();
    }
    file.set_len((4 << 30) + 70_001).unwrap();
}

/// Runs a program to its end.
pub fn output(program: &str, arguments: &[&OsStr]) -> Output {
    #[expect(clippy::disallowed_methods, reason = "makes, or reads, the test's own image")]
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8").env("SOURCE_DATE_EPOCH", "1768478400").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.output().unwrap_or_else(|error| panic!("{program}: {error}; see deploy/debian-packages.txt"))
}

/// Runs a program that must succeed; what it printed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let done = output(program, &arguments.iter().map(OsStr::new).collect::<Vec<_>>());
    let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{program} {arguments:?}: {}{}", printed(&done.stdout), printed(&done.stderr));
    printed(&done.stdout)
}

/// Fails with a short list instead of two maps of a thousand lines.
pub fn assert_same(found: &BTreeMap<Raw, (u64, String)>, wanted: &BTreeMap<Raw, (u64, String)>) {
    let show = |map: &BTreeMap<Raw, (u64, String)>, other: &BTreeMap<Raw, (u64, String)>| -> Vec<String> {
        let differing = map.iter().filter(|(path, content)| other.get(*path) != Some(content));
        differing.take(12).map(|(path, content)| format!("{} {content:?}", path.escape_ascii())).collect()
    };
    let (extra, missing) = (show(found, wanted), show(wanted, found));
    assert!(extra.is_empty() && missing.is_empty(), "sent {}, not sent {}", extra.join("\n"), missing.join("\n"));
}

//! Trees of more than a thousand files with everything in them that readers stumble over, and their digests.

use crate::common::pattern;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// Content of a file.
pub enum Content {
    Bytes(Vec<u8>),
    /// Bytes at places, zeros everywhere else.
    Holes {
        length: u64,
        pieces: Vec<(u64, Vec<u8>)>,
    },
}

/// A tree as it was written: digests by path, and directories.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub files: BTreeMap<String, String>,
    pub directories: BTreeSet<String>,
}

impl Tree {
    /// Writes a file and keeps what it was.
    pub fn write(&mut self, root: &Path, path: &str, content: &Content) {
        let at = root.join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut file = File::create(&at).unwrap_or_else(|error| panic!("{path}: {error}"));
        match content {
            Content::Bytes(bytes) => file.write_all(bytes).unwrap(),
            Content::Holes { length, pieces } => {
                file.set_len(*length).unwrap();
                for (at, bytes) in pieces {
                    file.write_all_at(bytes, *at).unwrap();
                }
            }
        }
        self.keep(path, &digest(content));
    }

    pub fn write_all(&mut self, root: &Path, files: &[(String, Content)]) {
        for (path, content) in files {
            self.write(root, path, content);
        }
    }

    pub fn keep(&mut self, path: &str, digest: &str) {
        let shown = shown(path);
        self.directories.extend(shown.match_indices('/').filter_map(|(end, _)| shown.get(..end).map(str::to_owned)));
        assert!(self.files.insert(shown, digest.to_owned()).is_none(), "{path} twice");
    }

    /// What a driver shows of a mounted volume.
    pub fn seen(root: &Path) -> Self {
        let mut tree = Self::default();
        let mut waiting = vec![root.to_owned()];
        while let Some(here) = waiting.pop() {
            for entry in std::fs::read_dir(&here).unwrap() {
                let path = entry.unwrap().path();
                let name = shown(path.strip_prefix(root).unwrap().to_str().unwrap());
                if path.is_dir() {
                    tree.directories.insert(name);
                    waiting.push(path);
                } else {
                    tree.files.insert(name, hashed(File::open(&path).unwrap()));
                }
            }
        }
        tree
    }

    /// Fills the volume, deletes every second of many files as long as a cluster, and writes one into the gaps.
    pub fn fragment(&mut self, root: &Path, cluster: usize) {
        let name = |number: usize| format!("Lücken/{number:03}.bin");
        for number in 0..300 {
            let bytes = Content::Bytes(pattern(cluster - number % 7));
            if number % 2 == 0 {
                self.write(root, &name(number), &bytes);
            } else {
                Self::default().write(root, &name(number), &bytes);
            }
        }
        let filling = root.join("Füllung.bin");
        let whole = pattern(64 << 20);
        let mut file = File::create(&filling).unwrap();
        let mut step = 256 << 10;
        let mut at = 0;
        while step > 0 {
            match file.write(&whole[at..at + step]) {
                Ok(n) => at += n,
                Err(error) if error.kind() == ErrorKind::StorageFull => step /= 2,
                Err(error) => panic!("{error}"),
            }
        }
        drop(file);
        let length = std::fs::metadata(&filling).unwrap().len() as usize;
        self.keep("Füllung.bin", &digest(&Content::Bytes(whole[..length].to_vec())));
        (1..300).step_by(2).for_each(|number| std::fs::remove_file(root.join(name(number))).unwrap());
        self.write(root, "Zerstückelt.bin", &Content::Bytes(pattern(140 * cluster - 11)));
    }
}

fn shown(path: &str) -> String {
    path.split('/').map(|part| model::escape_bytes(part.as_bytes())).collect::<Vec<_>>().join("/")
}

fn hashed(mut file: File) -> String {
    let mut hash = Hash::new(file.metadata().unwrap().len());
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return hash.finish(),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// SHA-256 of a content; of one above 1 GiB, of its blocks that are not zeros, with their places, and of its length: as good
/// for telling whether two are equal, and a hundred times faster.
pub struct Hash {
    sum: Sha256,
    by_block: bool,
    at: u64,
    block: Vec<u8>,
}

static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

impl Hash {
    pub fn new(length: u64) -> Self {
        Self { sum: Sha256::new(), by_block: length > 1 << 30, at: 0, block: Vec::new() }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        if !self.by_block {
            return self.sum.update(bytes);
        }
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(ZEROS.len() - self.block.len()));
            self.at += now.len() as u64;
            if now != ZEROS {
                self.block.extend_from_slice(now);
            }
            if self.block.len() == ZEROS.len() {
                self.end_block();
            }
            bytes = later;
        }
    }

    fn end_block(&mut self) {
        if self.block != ZEROS[..self.block.len()] {
            self.sum.update(self.at.to_le_bytes());
            self.sum.update(&self.block);
        }
        self.block.clear();
    }

    pub fn finish(mut self) -> String {
        if self.by_block {
            self.end_block();
            self.sum.update(self.at.to_le_bytes());
        }
        self.sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The hash of a content, which need not fit into memory.
pub fn digest(content: &Content) -> String {
    match content {
        Content::Bytes(bytes) => {
            let mut hash = Hash::new(bytes.len() as u64);
            hash.update(bytes);
            hash.finish()
        }
        Content::Holes { length, pieces } => {
            let mut hash = Hash::new(*length);
            let zeros = vec![0; 1 << 20];
            let mut at = 0;
            for (place, bytes) in pieces.iter().map(|(place, bytes)| (*place, bytes.as_slice())).chain([(*length, &[][..])]) {
                while at < place {
                    let n = (place - at).min(zeros.len() as u64);
                    hash.update(&zeros[..n as usize]);
                    at += n;
                }
                hash.update(bytes);
                at += bytes.len() as u64;
            }
            hash.finish()
        }
    }
}

/// More than a thousand files whose names every file system can hold.
pub fn thousand() -> Vec<(String, Content)> {
    let sizes = [0, 1, 2, 511, 512, 513, 700, 1_024, 4_095, 4_096, 4_097, 8_192, 12_289];
    let mut files: Vec<(String, usize)> =
        (0..1_040).map(|n| (format!("Ordner {:02}/Datei {n:04}.bin", n % 26), sizes[n % sizes.len()])).collect();
    let deep = (0..40).map(|level| format!("Ebene {level}/")).collect::<String>();
    files.push((deep + "ganz unten.txt", 33));
    for name in [
        "Größe & Übermaß – ÄÖÜ ß.txt",
        "Ελληνικά/Русский/日本語/한국어.txt",
        "العربية עברית.txt",
        "😀 🏴‍☠️ 👨‍👩‍👧.txt",
        " vorn ein Leerzeichen.txt",
        "zwei  Leerzeichen.txt",
        "ohne Endung",
        ".versteckt",
        "viele.Punkte.im.Namen...txt",
        "e\u{301} zerlegt und é zusammengesetzt.txt",
        "\u{202E}fdp.exe",
        "CON.txt",
        "'einfach'.txt",
        "$Wichtig.txt",
        "[Klammern] {und} (andere);=,+!@#%^~`.txt",
    ] {
        files.push((format!("Namen/{name}"), name.len()));
    }
    files.push((format!("Namen/{}", "x".repeat(255)), 255));
    files.push((format!("Namen/{}", "y".repeat(254)), 254));
    for length in [13, 15, 16, 26, 30, 31] {
        files.push((format!("Namen/{}", "n".repeat(length)), length));
    }
    files.push(("groß/eine Million.bin".to_owned(), 1_000_003));
    files.into_iter().map(|(path, length)| (path, Content::Bytes(pattern(length)))).collect()
}

//! LUKS version 2 (on-disk format specification 1.0.1): two copies of a header with metadata in JSON.
//!
//! Not opened: authenticated encryption, detached headers, several segments, a conversion under way.

use super::cipher::SectorCipher;
use super::kdf::{Hash, Kdf};
use super::luks::{KeyDigest, Run, Slot, volume_key};
use super::plain::Plain;
use super::{Attempts, array, text};
use crate::cache::Window;
use argon2::Algorithm;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use wire::Locked;

const FIRST: &[u8; 6] = b"LUKS\xBA\xBE";
const SECOND: &[u8; 6] = b"SKUL\xBA\xBE";
const BINARY_BYTES: usize = 4096;
/// Lengths a header may have, and so the places of the second one (specification, 2.2).
const HEADER_BYTES: [u64; 9] = [0x4000, 0x8000, 0x1_0000, 0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000, 0x20_0000, 0x40_0000];
/// Most key slots of a volume.
const MAX_SLOTS: usize = 32;
/// Longest key: two of 256 bits.
const MAX_KEY_BYTES: usize = 64;
/// Longest salt or digest.
const MAX_FIELD_BYTES: usize = 512;

/// Opens a volume with the first key that fits.
///
/// # Errors
/// Why it stays closed.
pub(super) fn open(volume: &Window, attempts: &mut Attempts<'_>) -> Result<Plain, Locked> {
    let metadata = metadata(volume).ok_or(Locked::Damaged)?;
    let segment = metadata.segment()?;
    let offset = segment.offset;
    let slots = metadata.slots()?;
    let after = volume.length().checked_sub(offset).ok_or(Locked::Damaged)?;
    let length = match segment.size.as_str() {
        "dynamic" => after,
        bytes => bytes.parse::<u64>().ok().filter(|bytes| *bytes <= after).ok_or(Locked::Damaged)?,
    };
    let key = volume_key(volume, &slots, attempts)?;
    let cipher = SectorCipher::by_name(&segment.encryption, &key).ok_or(Locked::Unsupported)?;
    let layout = Run { offset, first_number: segment.iv_tweak };
    Ok(Plain::new(volume, Box::new(layout), cipher, segment.sector_size, length))
}

/// Whether a second header lies where one may be, whole.
pub(super) fn has_second_header(volume: &Window) -> bool {
    HEADER_BYTES.iter().any(|at| header(volume, *at, SECOND).is_some())
}

/// The metadata of the newer of the two headers that are whole.
fn metadata(volume: &Window) -> Option<Metadata> {
    let first = header(volume, 0, FIRST);
    // Where the first one is whole it says where the second is; otherwise it is looked for.
    let places = first.as_ref().map_or_else(|| HEADER_BYTES.to_vec(), |(_, length, _)| vec![*length]);
    let second = places.into_iter().find_map(|at| header(volume, at, SECOND));
    let newest = [first, second].into_iter().flatten().max_by_key(|(sequence, ..)| *sequence);
    newest.map(|(.., metadata)| metadata)
}

/// Sequence number, length and metadata of a header, if its checksum is right.
fn header(volume: &Window, at: u64, magic: &[u8; 6]) -> Option<(u64, u64, Metadata)> {
    let mut head = [0u8; BINARY_BYTES];
    volume.read_exact_at(at, &mut head).ok()?;
    let number = |at| array(&head, at).map(u64::from_be_bytes);
    let length = number(8)?;
    let known = head.starts_with(magic) && array(&head, 6) == Some([0, 2]) && number(256)? == at && HEADER_BYTES.contains(&length);
    if !known || text(&head, 72, 32) != Some("sha256") {
        return None;
    }
    // BOUND: 4 MiB, the longest of the lengths above.
    let mut whole = vec![0; length as usize];
    volume.read_exact_at(at, &mut whole).ok()?;
    let checksum: [u8; 32] = array(&whole, 448)?;
    whole.get_mut(448..512)?.fill(0);
    if <[u8; 32]>::from(Sha256::digest(&whole)) != checksum {
        return None;
    }
    let json = whole.get(BINARY_BYTES..)?;
    let end = json.iter().position(|byte| *byte == 0).unwrap_or(json.len());
    Some((number(16)?, length, serde_json::from_slice(json.get(..end)?).ok()?))
}

#[derive(Deserialize)]
struct Metadata {
    keyslots: BTreeMap<String, KeySlot>,
    segments: BTreeMap<String, Segment>,
    digests: BTreeMap<String, DigestEntry>,
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    requirements: Option<Requirements>,
}

#[derive(Deserialize)]
struct Requirements {
    #[serde(default)]
    mandatory: Vec<String>,
}

#[derive(Deserialize)]
struct Segment {
    #[serde(rename = "type")]
    kind: String,
    #[serde(deserialize_with = "number")]
    offset: u64,
    size: String,
    #[serde(default, deserialize_with = "number")]
    iv_tweak: u64,
    #[serde(default)]
    encryption: String,
    #[serde(default)]
    sector_size: u64,
    #[serde(default)]
    integrity: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    flags: Vec<String>,
}

#[derive(Deserialize)]
struct KeySlot {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    key_size: usize,
    #[serde(default)]
    af: Option<Splitter>,
    #[serde(default)]
    area: Option<Area>,
    #[serde(default)]
    kdf: Option<Derivation>,
    #[serde(default)]
    priority: Option<u32>,
}

#[derive(Deserialize)]
struct Splitter {
    #[serde(rename = "type")]
    kind: String,
    stripes: usize,
    hash: String,
}

#[derive(Deserialize)]
struct Area {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    encryption: String,
    #[serde(default)]
    key_size: usize,
    #[serde(deserialize_with = "number")]
    offset: u64,
}

#[derive(Deserialize)]
struct Derivation {
    #[serde(rename = "type")]
    kind: String,
    salt: String,
    #[serde(default)]
    hash: String,
    #[serde(default)]
    iterations: u32,
    #[serde(default)]
    time: u32,
    #[serde(default)]
    memory: u32,
    #[serde(default)]
    cpus: u32,
}

#[derive(Deserialize)]
struct DigestEntry {
    #[serde(rename = "type")]
    kind: String,
    keyslots: Vec<String>,
    segments: Vec<String>,
    hash: String,
    iterations: u32,
    salt: String,
    digest: String,
}

/// Numbers that may be long are text in this JSON.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn bytes(text: &str) -> Result<Vec<u8>, Locked> {
    BASE64_STANDARD.decode(text).ok().filter(|bytes| (1..=MAX_FIELD_BYTES).contains(&bytes.len())).ok_or(Locked::Damaged)
}

impl Metadata {
    /// The only segment, if it is one that is opened here.
    fn segment(&self) -> Result<&Segment, Locked> {
        let required = self.config.requirements.as_ref().is_some_and(|requirements| !requirements.mandatory.is_empty());
        let converting = self.keyslots.values().any(|slot| slot.kind == "reencrypt");
        let mut segments = self.segments.iter();
        let (Some((name, segment)), None) = (segments.next(), segments.next()) else { return Err(Locked::Unsupported) };
        let sector = [512, 1024, 2048, 4096].contains(&segment.sector_size);
        let plain = segment.kind == "crypt" && segment.integrity.is_none() && segment.flags.is_empty();
        // Offset 0: the header lies detached from what it opens, and this is not that.
        if name != "0" || required || converting || !sector || !plain || segment.offset == 0 {
            return Err(Locked::Unsupported);
        }
        Ok(segment)
    }

    /// The key slots that open the segment; those that are preferred come first.
    fn slots(&self) -> Result<Vec<Slot>, Locked> {
        let mut usable: Vec<(&String, &KeySlot)> = self.keyslots.iter().filter(|(_, slot)| slot.kind == "luks2").collect();
        // BOUND: a volume has at most 32 of them.
        if usable.len() > MAX_SLOTS {
            return Err(Locked::Damaged);
        }
        // 0: only for those who name it; 2: preferred.
        usable.retain(|(_, slot)| slot.priority != Some(0));
        usable.sort_by_key(|(_, slot)| slot.priority != Some(2));
        let bound = usable.into_iter().filter_map(|(name, slot)| Some(slot.slot(self.digest(name)?)));
        let (slots, refused): (Vec<_>, Vec<_>) = bound.partition(Result::is_ok);
        match refused.into_iter().find_map(Result::err) {
            Some(why) if slots.is_empty() => Err(why),
            // One slot that can be used is enough.
            _ => Ok(slots.into_iter().flatten().collect()),
        }
    }

    /// The digest that binds a key slot to the segment.
    fn digest(&self, slot: &String) -> Option<&DigestEntry> {
        self.digests.values().find(|digest| digest.keyslots.contains(slot) && digest.segments.iter().any(|segment| segment == "0"))
    }
}

impl KeySlot {
    fn slot(&self, digest: &DigestEntry) -> Result<Slot, Locked> {
        let (Some(af), Some(area), Some(kdf)) = (&self.af, &self.area, &self.kdf) else { return Err(Locked::Damaged) };
        if af.kind != "luks1" || area.kind != "raw" || digest.kind != "pbkdf2" {
            return Err(Locked::Unsupported);
        }
        if self.key_size > MAX_KEY_BYTES || area.key_size > MAX_KEY_BYTES {
            return Err(Locked::Damaged);
        }
        let hash = |name: &str| Hash::by_name(name).ok_or(Locked::Unsupported);
        Ok(Slot {
            kdf: kdf.kdf()?,
            cipher: area.encryption.clone(),
            cipher_key_bytes: area.key_size,
            key_bytes: self.key_size,
            stripes: af.stripes,
            split_hash: hash(&af.hash)?,
            offset: area.offset,
            digest: KeyDigest {
                kdf: Kdf::Pbkdf2 { hash: hash(&digest.hash)?, iterations: digest.iterations, salt: bytes(&digest.salt)? },
                digest: bytes(&digest.digest)?,
            },
        })
    }
}

impl Derivation {
    fn kdf(&self) -> Result<Kdf, Locked> {
        let salt = bytes(&self.salt)?;
        let argon2 = |algorithm, salt| Kdf::Argon2 { algorithm, passes: self.time, memory_kib: self.memory, lanes: self.cpus, salt };
        match self.kind.as_str() {
            "pbkdf2" => {
                let hash = Hash::by_name(&self.hash).ok_or(Locked::Unsupported)?;
                Ok(Kdf::Pbkdf2 { hash, iterations: self.iterations, salt })
            }
            "argon2i" => Ok(argon2(Algorithm::Argon2i, salt)),
            "argon2id" => Ok(argon2(Algorithm::Argon2id, salt)),
            _ => Err(Locked::Unsupported),
        }
    }
}

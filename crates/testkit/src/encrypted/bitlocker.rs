//! BitLocker volumes as Windows 7 and later make them, with a password, a recovery password and, if wanted, a clear key.

use super::ciphers::{block, cbc, ccm, xts};
use crate::bits::crc32;
use sha2::{Digest as _, Sha256};

const SECTOR: usize = 512;
/// First sectors that lie elsewhere.
const MOVED: usize = 16 * SECTOR;
/// Room of each copy of the metadata.
const ROOM: usize = 64 << 10;
/// `4967d63b-2e29-4ad8-8399-f6a339e3d001`.
const IDENTIFIER: [u8; 16] = [0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A, 0x83, 0x99, 0xF6, 0xA3, 0x39, 0xE3, 0xD0, 0x01];
/// 15 January 2026, as a FILETIME.
const TIME: u64 = 134_129_088_000_000_000;

/// How a volume is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitLocker {
    /// `0x8000` to `0x8005`.
    pub method: u16,
    /// Whether it is a removable volume, with a FAT name in its boot sector.
    pub to_go: bool,
    /// Whether protection is suspended: a key lies in the clear.
    pub suspended: bool,
    /// The password.
    pub password: &'static str,
    /// Eight numbers below 65,536: the recovery password is eleven times each of them.
    pub recovery: [u16; 8],
}

impl BitLocker {
    /// One of the current default method.
    pub const DEFAULT: Self = Self {
        method: 0x8004,
        to_go: false,
        suspended: false,
        password: "Weg zum See",
        recovery: [1, 2_026, 30_000, 65_535, 0, 4_711, 815, 12_345],
    };

    /// The recovery password as people type it.
    pub fn recovery_password(&self) -> String {
        self.recovery.map(|number| format!("{:06}", u32::from(number) * 11)).join("-")
    }

    fn key_bytes(&self) -> usize {
        match self.method {
            0x8000 | 0x8001 | 0x8005 => 64,
            0x8002 => 16,
            _ => 32,
        }
    }
}

/// The places of the three copies of the metadata and of the moved sectors: in the second half.
fn places(length: usize) -> [usize; 4] {
    let quarter = (length / 8).next_multiple_of(ROOM);
    [4, 5, 6, 7].map(|n| n * quarter)
}

/// A BitLocker volume around this content, whose second half must have room (zeros) for the metadata.
///
/// # Panics
/// When it has none.
pub fn bitlocker(plain: &[u8], form: &BitLocker) -> Vec<u8> {
    let at = places(plain.len());
    let room = |at: usize| plain.get(at..at + ROOM).is_some_and(|room| room.iter().all(|byte| *byte == 0));
    assert!(at.iter().all(|at| room(*at)) && plain.len().is_multiple_of(SECTOR), "no room for metadata");
    let key: Vec<u8> = (0..form.key_bytes()).map(|i| (i * 29 + 3) as u8).collect();
    let mut image = plain.to_vec();
    image.copy_within(..MOVED, at[3]);
    for (index, sector) in image.chunks_mut(SECTOR).enumerate() {
        encrypt(form.method, &key, (index * SECTOR) as u64, sector);
    }
    image[..MOVED].fill(0);
    image[..SECTOR].copy_from_slice(&boot_sector(form, at, plain.len()));
    let block = metadata(form, &key, at, plain.len());
    for at in &at[..3] {
        image[*at..at + ROOM].fill(0);
        image[*at..at + block.len()].copy_from_slice(&block);
    }
    image
}

fn encrypt(method: u16, key: &[u8], position: u64, sector: &mut [u8]) {
    let wide = u128::from(position).to_le_bytes();
    let half = if method & 1 == 0 { 16 } else { 32 };
    match method {
        0x8004 | 0x8005 => xts(key, position / SECTOR as u64, sector),
        0x8002 | 0x8003 => cbc(key, block(key, wide), sector),
        _ => {
            let (key, tweak) = (&key[..half], &key[32..32 + half]);
            let mut second = wide;
            second[15] = 0x80;
            let own = [block(tweak, wide), block(tweak, second)].concat();
            sector.iter_mut().zip(own.iter().cycle()).for_each(|(byte, own)| *byte ^= own);
            diffuse(sector);
            cbc(key, block(key, wide), sector);
        }
    }
}

/// Diffuser A, then diffuser B, in the direction of encryption (N. Ferguson, 2006).
fn diffuse(sector: &mut [u8]) {
    let mut words: Vec<u32> = sector.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let n = words.len();
    for i in (0..5).flat_map(|_| (0..n).rev()) {
        words[i] = words[i].wrapping_sub(words[(i + n - 2) % n] ^ words[(i + n - 5) % n].rotate_left([9, 0, 13, 0][i % 4]));
    }
    for i in (0..3).flat_map(|_| (0..n).rev()) {
        words[i] = words[i].wrapping_sub(words[(i + 2) % n] ^ words[(i + 5) % n].rotate_left([0, 10, 0, 25][i % 4]));
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    sector.copy_from_slice(&bytes);
}

fn boot_sector(form: &BitLocker, at: [usize; 4], length: usize) -> [u8; SECTOR] {
    let mut boot = [0; SECTOR];
    let mut put = |at: usize, bytes: &[u8]| boot[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[0xEB, 0x58, 0x90]);
    put(3, if form.to_go { b"MSWIN4.1" } else { b"-FVE-FS-" });
    put(11, &(SECTOR as u16).to_le_bytes());
    put(13, &[8]);
    if form.to_go {
        // To programs that do not know better it is a FAT volume (with a program that reads the encrypted one).
        put(14, &[32, 0, 2]);
    }
    put(21, &[0xF8]);
    put(40, &((length / SECTOR) as u64).to_le_bytes());
    let identifier_at = if form.to_go { 424 } else { 160 };
    put(identifier_at, &IDENTIFIER);
    for (index, at) in at[..3].iter().enumerate() {
        put(identifier_at + 16 + index * 8, &(*at as u64).to_le_bytes());
    }
    put(510, &[0x55, 0xAA]);
    boot
}

fn entry(kind: u16, value: u16, content: &[u8]) -> Vec<u8> {
    let head = [(content.len() + 8) as u16, kind, value, 1].map(u16::to_le_bytes).concat();
    [head, content.to_vec()].concat()
}

/// A key, wrapped by another one; the nonce is time and counter.
fn wrapped(kind: u16, by: &[u8], counter: u32, method: u32, key: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&TIME.to_le_bytes());
    nonce[8..].copy_from_slice(&counter.to_le_bytes());
    let inner = entry(0, 1, &[&method.to_le_bytes(), key].concat());
    entry(kind, 5, &[&nonce[..], &ccm(by, nonce, &inner)].concat())
}

/// The volume master key under one protection.
fn protector(number: u8, protection: u16, inner: &[Vec<u8>]) -> Vec<u8> {
    let head = [&[number; 16][..], &TIME.to_le_bytes(), &[0, 0], &protection.to_le_bytes()].concat();
    entry(2, 8, &[head, inner.concat()].concat())
}

fn stretched(hash: [u8; 32], salt: [u8; 16]) -> [u8; 32] {
    let mut last = [0; 32];
    for round in 0..0x10_0000u64 {
        let state = [&last[..], &hash, &salt, &round.to_le_bytes()].concat();
        last = Sha256::digest(&state).into();
    }
    last
}

fn by_password(number: u8, protection: u16, hash: [u8; 32], master: &[u8]) -> Vec<u8> {
    let salt = [number ^ 0x3C; 16];
    let stretch = entry(0, 3, &[&0x1000u32.to_le_bytes()[..], &salt].concat());
    protector(number, protection, &[stretch, wrapped(0, &stretched(hash, salt), u32::from(number), 0x2003, master)])
}

fn metadata(form: &BitLocker, key: &[u8], at: [usize; 4], length: usize) -> Vec<u8> {
    let master: [u8; 32] = std::array::from_fn(|i| (i * 53 + 17) as u8);
    let utf16: Vec<u8> = form.password.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let password: [u8; 32] = Sha256::digest(Sha256::digest(&utf16)).into();
    let recovery: [u8; 32] = Sha256::digest(form.recovery.map(u16::to_le_bytes).concat()).into();
    let name: Vec<u8> = "MUSTER\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut entries = vec![entry(7, 2, &name), by_password(2, 0x2000, password, &master), by_password(3, 0x0800, recovery, &master)];
    if form.suspended {
        let clear = [0x77; 32];
        let beside = entry(0, 1, &[&0x2000u32.to_le_bytes()[..], &clear].concat());
        entries.push(protector(4, 0, &[beside, wrapped(0, &clear, 4, 0x2003, &master)]));
    }
    entries.push(wrapped(3, &master, 9, form.method.into(), key));
    entries.push(entry(15, 15, &[at[3] as u64, MOVED as u64].map(u64::to_le_bytes).concat()));
    let entries = entries.concat();
    let bytes = (48 + entries.len()) as u32;
    let mut head = Vec::new();
    head.extend([bytes, 1, 48, bytes].map(u32::to_le_bytes).concat());
    head.extend([0x11; 16]);
    head.extend([10, u32::from(form.method)].map(u32::to_le_bytes).concat());
    head.extend(TIME.to_le_bytes());
    let block_bytes = (64 + bytes as usize).next_multiple_of(16);
    let mut block = b"-FVE-FS-".to_vec();
    block.extend([(block_bytes >> 4) as u16, 2, 4, 4].map(u16::to_le_bytes).concat());
    block.extend((length as u64).to_le_bytes());
    block.extend([0, (MOVED / SECTOR) as u32].map(u32::to_le_bytes).concat());
    block.extend(at.map(|at| (at as u64).to_le_bytes()).concat());
    block.extend(head);
    block.extend(entries);
    block.resize(block_bytes, 0);
    // Behind it: its checksum, and its digest, which only the master key opens.
    let digest = wrapped(0, &master, 11, 0x2005, &Sha256::digest(&block));
    let checksum = crc32(&block);
    block.extend([(8 + digest.len()) as u16, 1].map(u16::to_le_bytes).concat());
    block.extend(checksum.to_le_bytes());
    block.extend(digest);
    block
}

//! LUKS volumes with one key slot and one round of derivation.

use super::ciphers::xts;
use pbkdf2::pbkdf2_hmac_array;
use sha2::{Digest as _, Sha256};

const SECTOR: usize = 512;
const KEY_BYTES: usize = 64;
const SALT: [u8; 32] = [0x5A; 32];
/// Where the key slots lie.
const SLOT_AT: usize = 32 << 10;
/// Stripes as every program makes them; fewer make a smaller volume.
pub const STRIPES: usize = 4_000;
/// Length of each LUKS2 header.
const HEADER_BYTES: usize = 16 << 10;

fn volume_key() -> [u8; KEY_BYTES] {
    std::array::from_fn(|i| (i * 37 + 11) as u8)
}

/// Room of a key slot.
fn slot_bytes(stripes: usize) -> usize {
    (KEY_BYTES * stripes).next_multiple_of(4096)
}

/// Where the content begins, behind so many key slots.
fn content_at(slots: usize, stripes: usize) -> usize {
    SLOT_AT + slots * slot_bytes(stripes)
}

/// The volume key in stripes, encrypted with what the password gives.
fn slot(password: &str, stripes: usize) -> Vec<u8> {
    let mut mixed = [0; KEY_BYTES];
    let mut out = Vec::new();
    for stripe in 1..stripes {
        let random: [u8; KEY_BYTES] = std::array::from_fn(|i| (i * 101 + stripe * 7) as u8);
        out.extend(random);
        mixed.iter_mut().zip(random).for_each(|(mixed, random)| *mixed ^= random);
        for (number, half) in (0u32..).zip(mixed.as_chunks_mut::<32>().0) {
            *half = Sha256::new().chain_update(number.to_be_bytes()).chain_update(*half).finalize().into();
        }
    }
    out.extend(mixed.iter().zip(volume_key()).map(|(mixed, key)| mixed ^ key));
    out.resize(out.len().next_multiple_of(SECTOR), 0);
    let key = pbkdf2_hmac_array::<Sha256, KEY_BYTES>(password.as_bytes(), &SALT, 1);
    out.chunks_mut(SECTOR).zip(0..).for_each(|(sector, number)| xts(&key, number, sector));
    out
}

fn digest<const N: usize>() -> [u8; N] {
    pbkdf2_hmac_array::<Sha256, N>(&volume_key(), &SALT, 1)
}

fn with_content(mut image: Vec<u8>, slot: &[u8], at: usize, plain: &[u8], sector_bytes: usize, first_number: u64) -> Vec<u8> {
    image.resize(SLOT_AT, 0);
    image.extend(slot);
    image.resize(at, 0);
    image.extend(plain);
    image.resize(at + plain.len().next_multiple_of(sector_bytes), 0);
    for (index, sector) in image[at..].chunks_mut(sector_bytes).enumerate() {
        xts(&volume_key(), first_number + (index * sector_bytes / SECTOR) as u64, sector);
    }
    image
}

/// A LUKS1 volume (aes-xts-plain64, 256 bits) around this content.
pub fn luks1(plain: &[u8], password: &str, stripes: usize) -> Vec<u8> {
    let at = content_at(8, stripes);
    let mut header = vec![0; 592];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"LUKS\xBA\xBE\0\x01");
    put(8, b"aes");
    put(40, b"xts-plain64");
    put(72, b"sha256");
    put(104, &((at / SECTOR) as u32).to_be_bytes());
    put(108, &(KEY_BYTES as u32).to_be_bytes());
    put(112, &digest::<20>());
    put(132, &SALT);
    put(164, &1u32.to_be_bytes());
    put(168, b"20260115-0000-4000-8000-000000000001");
    for number in 0..8usize {
        let entry = 208 + number * 48;
        let active: u32 = if number == 0 { 0x00AC_71F3 } else { 0x0000_DEAD };
        put(entry, &active.to_be_bytes());
        put(entry + 4, &1u32.to_be_bytes());
        put(entry + 8, &SALT);
        // Where the others would lie is nothing.
        put(entry + 40, &((content_at(number, stripes) / SECTOR) as u32).to_be_bytes());
        put(entry + 44, &(stripes as u32).to_be_bytes());
    }
    with_content(header, &slot(password, stripes), at, plain, SECTOR, 0)
}

/// A LUKS2 volume (aes-xts-plain64, 256 bits) around this content, in sectors of this length; the first one
/// has this number.
pub fn luks2(plain: &[u8], password: &str, stripes: usize, sector_bytes: usize, first_number: u64) -> Vec<u8> {
    let (at, room) = (content_at(1, stripes).next_multiple_of(64 << 10), slot_bytes(stripes));
    let all_rooms = at - SLOT_AT;
    let salt = base64(&SALT);
    let digest = base64(&digest::<32>());
    let json = format!(
        r#"{{"keyslots":{{"0":{{"type":"luks2","key_size":64,"af":{{"type":"luks1","stripes":{stripes},"hash":"sha256"}},"area":{{"type":"raw","offset":"{SLOT_AT}","size":"{room}","encryption":"aes-xts-plain64","key_size":64}},"kdf":{{"type":"pbkdf2","hash":"sha256","iterations":1,"salt":"{salt}"}}}}}},"tokens":{{}},"segments":{{"0":{{"type":"crypt","offset":"{at}","size":"dynamic","iv_tweak":"{first_number}","encryption":"aes-xts-plain64","sector_size":{sector_bytes}}}}},"digests":{{"0":{{"type":"pbkdf2","keyslots":["0"],"segments":["0"],"hash":"sha256","iterations":1,"salt":"{salt}","digest":"{digest}"}}}},"config":{{"json_size":"12288","keyslots_size":"{all_rooms}"}}}}"#
    );
    let image = [header(b"LUKS\xBA\xBE", 0, &json), header(b"SKUL\xBA\xBE", HEADER_BYTES, &json)].concat();
    with_content(image, &slot(password, stripes), at, plain, sector_bytes, first_number)
}

fn header(magic: &[u8], at: usize, json: &str) -> Vec<u8> {
    let mut header = vec![0; HEADER_BYTES];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, magic);
    put(6, &[0, 2]);
    put(8, &(HEADER_BYTES as u64).to_be_bytes());
    put(16, &1u64.to_be_bytes());
    put(72, b"sha256");
    put(104, &[0xA5; 64]);
    put(168, b"20260115-0000-4000-8000-000000000002");
    put(256, &(at as u64).to_be_bytes());
    put(4096, json.as_bytes());
    let checksum: [u8; 32] = Sha256::digest(&header).into();
    header[448..480].copy_from_slice(&checksum);
    header
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

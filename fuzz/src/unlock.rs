//! Encrypted volumes: whatever a header says, opening it costs no more than it may, and what is inside is answered for.

use crate::media::{LIMITS, check_told, image, sparse};
use sha2::{Digest as _, Sha256};
use std::io::{Cursor, Write as _};
use testkit::bits::crc32;
use testkit::encrypted::{BitLocker, bitlocker, luks1, luks2};
use wire::{FrameWriter, Secret, Unlock, UnlockLimits};
use zeroize::Zeroizing;

const PASSWORD: &str = "Kennwort";
const UNLOCK: UnlockLimits = UnlockLimits { max_kdf_memory_mib: 1, max_kdf_fill_mib: 2, max_kdf_iterations: 50, max_tries: 6 };

/// The volume as it is, then with right checksums where a header of LUKS2 or BitLocker lies.
pub(crate) fn unlock(bytes: &[u8]) {
    let keys = ["falsch", PASSWORD].into_iter().filter_map(|key| Secret::new(Zeroizing::new(key.to_owned()))).collect();
    let unlock = Unlock::new(keys, UNLOCK).unwrap_or_default();
    for mend in [false, true] {
        let (file, length) = image(bytes);
        if mend && !checked(&file, length) {
            continue;
        }
        let mut frames = Vec::new();
        let done = medium::image::unlock_image(file, LIMITS, &unlock, &mut FrameWriter::new(&mut frames));
        check_told(&frames, done.is_ok());
    }
}

/// Writes the checksums that the headers should have; whether there are any.
fn checked(file: &std::fs::File, length: u64) -> bool {
    use std::os::unix::fs::FileExt as _;
    let mut boot = [0; 512];
    if file.read_exact_at(&mut boot, 0).is_err() {
        return false;
    }
    if boot.starts_with(b"LUKS\xBA\xBE\0\x02") {
        let bytes = u64::from_be_bytes(boot[8..16].try_into().expect("eight bytes"));
        let mut header = vec![0; bytes.clamp(512, length.clamp(512, 4 << 20)) as usize];
        if file.read_exact_at(&mut header, 0).is_err() {
            return false;
        }
        header[448..512].fill(0);
        return file.write_all_at(&Sha256::digest(&header), 448).is_ok();
    }
    let copies = [176, 440].map(|at: usize| u64::from_le_bytes(boot[at..at + 8].try_into().expect("eight bytes")));
    copies.into_iter().any(|at| {
        let mut head = [0; 10];
        if at >= length || file.read_exact_at(&mut head, at).is_err() || !head.starts_with(b"-FVE-FS-") {
            return false;
        }
        let mut block = vec![0; usize::from(u16::from_le_bytes([head[8], head[9]])) << 4];
        let end = at + block.len() as u64;
        file.read_exact_at(&mut block, at).is_ok() && end + 8 <= length && file.write_all_at(&crc32(&block).to_le_bytes(), end + 4).is_ok()
    })
}

/// One small volume in each kind of encryption.
pub(crate) fn seeds() -> anyhow::Result<Vec<Vec<u8>>> {
    let plain = volume()?;
    let suspended = BitLocker { suspended: true, password: PASSWORD, ..BitLocker::DEFAULT };
    let mut seeds = vec![luks1(&plain, PASSWORD, 2), luks2(&plain, PASSWORD, 2, 512, 0), luks2(&plain, PASSWORD, 2, 4096, 3)];
    for method in [0x8001, 0x8003, 0x8004] {
        seeds.push(bitlocker(&plain, &BitLocker { method, to_go: method == 0x8003, ..suspended }));
    }
    Ok(seeds.iter().map(|seed| sparse(seed)).collect())
}

fn volume() -> anyhow::Result<Vec<u8>> {
    let mut disk = Cursor::new(vec![0; 512 << 10]);
    let options = fatfs::FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat12).bytes_per_cluster(512).volume_id(1);
    fatfs::format_volume(&mut disk, options)?;
    let volume = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new())?;
    volume.root_dir().create_file("NOTIZ.TXT")?.write_all(b"kurz")?;
    volume.unmount()?;
    Ok(disk.into_inner())
}

//! Encrypted volumes, recognised by their headers.

use crate::cache::Window;

/// The name of the kind of encrypted volume this is.
///
/// LUKS: on-disk format specifications 1.2.3 and 2 (`LUKS\xBA\xBE`, version); BitLocker: the OEM name of its boot sector,
/// and of BitLocker To Go the volume identifier beside a FAT name.
pub(crate) fn recognise(window: &Window) -> Option<&'static str> {
    let mut sector = [0u8; 512];
    window.read_exact_at(0, &mut sector).ok()?;
    match sector {
        [b'L', b'U', b'K', b'S', 0xBA, 0xBE, 0, 1, ..] => Some("luks1"),
        [b'L', b'U', b'K', b'S', 0xBA, 0xBE, ..] => Some("luks2"),
        _ if sector.get(3..11) == Some(&b"-FVE-FS-"[..]) => Some("bitlocker"),
        _ if sector.get(424..440) == Some(&BITLOCKER_TO_GO[..]) => Some("bitlocker"),
        _ => None,
    }
}

/// `4967d63b-2e29-4ad8-8399-f6a339e3d001` as it lies in the boot sector of BitLocker To Go.
const BITLOCKER_TO_GO: [u8; 16] = [0x3B, 0xD6, 0x67, 0x49, 0x29, 0x2E, 0xD8, 0x4A, 0x83, 0x99, 0xF6, 0xA3, 0x39, 0xE3, 0xD0, 0x01];

//! The diffuser above AES-CBC in BitLocker before Windows 8 (N. Ferguson, "AES-CBC + Elephant diffuser", 2006, section 4).

/// Cycles and rotations of the two diffusers.
const A: (usize, [u32; 4]) = (5, [9, 0, 13, 0]);
const B: (usize, [u32; 4]) = (3, [0, 10, 0, 25]);

/// Undoes both diffusers, then takes off the sector key (32 bytes, repeated). The sector is a multiple of 32 bytes.
pub(in super::super) fn undo(sector: &mut [u8], key: &[u8]) {
    let mut words: Vec<u32> = sector.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let n = words.len();
    let at = |words: &[u32], i: usize| words.get(i % n.max(1)).copied().unwrap_or_default();
    for i in (0..B.0).flat_map(|_| 0..n) {
        let more = at(&words, i + 2) ^ at(&words, i + 5).rotate_left(B.1[i % 4]);
        if let Some(word) = words.get_mut(i) {
            *word = word.wrapping_add(more);
        }
    }
    for i in (0..A.0).flat_map(|_| 0..n) {
        let more = at(&words, i + n - 2) ^ at(&words, i + n - 5).rotate_left(A.1[i % 4]);
        if let Some(word) = words.get_mut(i) {
            *word = word.wrapping_add(more);
        }
    }
    let plain = words.iter().flat_map(|word| word.to_le_bytes()).zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
    sector.iter_mut().zip(plain).for_each(|(byte, plain)| *byte = plain);
}

//! Deterministic byte mutations: whatever a medium says, reading it ends, within its limits, without a panic.

use crate::common::{file_of, pattern, sample, try_image};
use medium::ReadLimits;
use std::os::unix::fs::FileExt as _;
use testkit::{Partition, Sample, write_fat32_image};

const ROUNDS: usize = 300;
const LIMITS: ReadLimits = ReadLimits { max_entries: 500, max_depth: 8, max_file_bytes: 1 << 20 };

fn samples() -> Vec<Sample> {
    let mut samples: Vec<Sample> = (0..30).map(|n| sample(&format!("Ordner {}/Datei {n}.txt", n % 4), pattern(n * 97))).collect();
    samples.push(sample("groß.bin", pattern(100_000)));
    samples
}

#[test]
fn mutated_media_end_and_stay_within_their_limits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("medium.img");
    let mut outcomes = [0usize; 2];
    for partition in [Partition::None, Partition::Mbr, Partition::Gpt] {
        write_fat32_image(&path, &samples(), partition).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        // Where something is written is where a reader decides something; file contents decide nothing.
        let content = pattern(100_000);
        let content_at = bytes.windows(64).position(|window| window == &content[..64]).unwrap();
        let places: Vec<usize> =
            (0..bytes.len()).filter(|at| bytes[*at] != 0 && !(content_at..content_at + 100_000).contains(at)).collect();
        let file = file_of(&bytes);
        let mut state = 0x2026_0115_u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for _ in 0..ROUNDS {
            // One to four bytes, the first ones of the places (boot sectors, tables) twice as often as others.
            let changes: Vec<(usize, u8)> = (0..=random() % 4)
                .map(|_| {
                    let most = if random() % 2 == 0 { places.len() } else { places.len().min(400) };
                    let at = places[random() % most];
                    (at, [0, 0xFF, 0x80, bytes[at] ^ 1, bytes[at].wrapping_add(1), random() as u8][random() % 6])
                })
                .collect();
            for (at, value) in &changes {
                file.write_all_at(&[*value], *at as u64).unwrap();
            }
            let (sent, done) = try_image(file.try_clone().unwrap(), LIMITS);
            assert!(sent.entries.len() <= LIMITS.max_entries as usize, "{changes:?}");
            assert!(sent.contents.values().all(|content| content.bytes.len() as u64 <= LIMITS.max_file_bytes), "{changes:?}");
            done.unwrap();
            outcomes[usize::from(sent.contents.is_empty())] += 1;
            for (at, _) in &changes {
                file.write_all_at(&[bytes[*at]], *at as u64).unwrap();
            }
        }
    }
    // Media that were read and media that were not, so the places were well chosen.
    assert!(outcomes.iter().all(|n| *n > 20), "{outcomes:?}");
}

//! VBA source out of a project (MS-OVBA): the compressed containers of its module streams.
//!
//! **Invariant:** a container yields at most the bytes asked for; a broken one yields what came before the break.

use cfb::CompoundFile;
use std::io::{Read, Seek};
use std::path::Path;

// BOUND: a chunk of a container never holds more (MS-OVBA 2.4.1.1.5).
const CHUNK_BYTES: usize = 4096;
// BOUND: streams read per project, and bytes per stream; projects with more are not written by people.
const MAX_STREAMS: usize = 500;
const MAX_STREAM_BYTES: u64 = 8 << 20;

/// A module's source as bytes of the project's code page.
#[derive(Debug, PartialEq, Eq)]
pub struct Module {
    /// Path of its stream.
    pub name: String,
    /// Source text.
    pub source: Vec<u8>,
}

/// Decompresses a container (MS-OVBA 2.4.1.3.1) into at most `max_bytes`. `None` when it does not start like one.
pub fn decompress(container: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    let mut rest = container.strip_prefix(&[1])?;
    let mut out = Vec::new();
    while let [low, high, tail @ ..] = rest {
        let header = u16::from_le_bytes([*low, *high]);
        if header & 0x7000 != 0x3000 {
            break;
        }
        let size = usize::from(header & 0x0FFF) + 1;
        let chunk = tail.get(..size.min(tail.len())).unwrap_or_default();
        if header & 0x8000 == 0 {
            out.extend_from_slice(chunk);
        } else if !decompress_chunk(chunk, &mut out) {
            break;
        }
        if out.len() >= max_bytes {
            out.truncate(max_bytes);
            break;
        }
        rest = tail.get(size..).unwrap_or_default();
    }
    Some(out)
}

/// One compressed chunk; `false` when a copy points before the chunk.
fn decompress_chunk(chunk: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut bytes = chunk.iter().copied();
    while let Some(flags) = bytes.next() {
        for bit in 0..8 {
            let Some(first) = bytes.next() else {
                return true;
            };
            if flags >> bit & 1 == 0 {
                out.push(first);
                continue;
            }
            let Some(second) = bytes.next() else {
                return true;
            };
            let token = u16::from_le_bytes([first, second]);
            let produced = out.len() - start;
            // The number of bits for the offset grows with what the chunk has produced (2.4.1.3.19.1).
            let offset_bits = (4..12).find(|bits| 1usize << bits >= produced).unwrap_or(12);
            let length = usize::from(token & (0xFFFF >> offset_bits)) + 3;
            let offset = usize::from(token >> (16 - offset_bits)) + 1;
            if offset > produced || produced + length > CHUNK_BYTES {
                return false;
            }
            for _ in 0..length {
                let Some(byte) = out.len().checked_sub(offset).and_then(|at| out.get(at)).copied() else {
                    return false;
                };
                out.push(byte);
            }
        }
    }
    true
}

/// The sources of all modules of all projects in a compound file, at most `max_bytes` together.
pub fn modules<F: Read + Seek>(compound: &mut CompoundFile<F>, max_bytes: usize) -> Vec<Module> {
    let streams: Vec<_> =
        compound.walk().filter(|entry| entry.is_stream() && in_project(entry.path())).map(|entry| entry.path().to_path_buf()).collect();
    let mut modules = Vec::new();
    let mut left = max_bytes;
    for path in streams.iter().take(MAX_STREAMS) {
        let mut bytes = Vec::new();
        // What a broken stream gives before it breaks is still looked at.
        if let Ok(stream) = compound.open_stream(path) {
            let _ = stream.take(MAX_STREAM_BYTES).read_to_end(&mut bytes);
        }
        if let Some(source) = source_in(&bytes, left) {
            left = left.saturating_sub(source.len());
            modules.push(Module { name: path.to_string_lossy().trim_start_matches('/').to_owned(), source });
        }
    }
    modules
}

fn in_project(path: &Path) -> bool {
    path.parent().and_then(Path::file_name).is_some_and(|name| name.eq_ignore_ascii_case("VBA"))
}

/// The container in a module stream sits behind compiled code; the longest text any plausible start gives is the source.
fn source_in(stream: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
    // BOUND: starts tried per stream; compiled code holds few bytes that look like one.
    const MAX_STARTS: usize = 2000;
    let marked = stream.windows(10).position(|window| window == b"\0Attribut\0").and_then(|at| at.checked_sub(3));
    let plausible = stream.windows(3).enumerate().filter(|(_, w)| w[0] == 1 && w[2] & 0xF0 == 0xB0).map(|(at, _)| at).take(MAX_STARTS);
    let starts: Vec<usize> = marked.map_or_else(|| plausible.collect(), |at| vec![at]);
    let texts = starts.iter().filter_map(|at| decompress(stream.get(*at..)?, max_bytes)).filter(|text| text.len() > 8 && is_text(text));
    texts.max_by_key(Vec::len)
}

fn is_text(bytes: &[u8]) -> bool {
    let odd = bytes.iter().filter(|byte| **byte < 9).count();
    odd * 50 < bytes.len()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::identify::ole::tests::compound;
    use proptest::prelude::*;

    /// MS-OVBA 3.2.2, the normal compression example.
    const EXAMPLE: &[u8] = &[
        0x01, 0x2F, 0xB0, 0x00, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0x00, 0x70, 0x61, 0x67, 0x68, 0x69, 0x6A, 0x01,
        0x38, 0x08, 0x61, 0x6B, 0x6C, 0x00, 0x30, 0x6D, 0x6E, 0x6F, 0x70, 0x06, 0x71, 0x02, 0x70, 0x04, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76,
        0x10, 0x77, 0x78, 0x79, 0x7A, 0x00, 0x3C,
    ];

    /// A container of literals only.
    pub(crate) fn compress(text: &[u8]) -> Vec<u8> {
        let mut out = vec![1];
        for chunk in text.chunks(3500) {
            let body: Vec<u8> = chunk.chunks(8).flat_map(|eight| [&[0u8][..], eight].concat()).collect();
            out.extend_from_slice(&(0xB000 | (body.len() as u16 - 1)).to_le_bytes());
            out.extend_from_slice(&body);
        }
        out
    }

    #[test]
    fn the_example_of_the_standard() {
        assert_eq!(decompress(EXAMPLE, 1000).unwrap(), b"#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa");
        assert_eq!(decompress(EXAMPLE, 5).unwrap(), b"#aaab");
        assert_eq!(decompress(b"\x02\x2F\xB0", 5), None);
    }

    #[test]
    fn modules_are_found_behind_compiled_code() {
        let source = b"Attribute VB_Name = \"M\"\r\nSub AutoOpen()\r\nEnd Sub\r\n";
        let stream = [&[9u8, 1, 4, 0x33, 7][..], &compress(source)].concat();
        let bytes = compound(&[("/Macros/VBA/M", &stream), ("/Macros/VBA/dir", b"\x01"), ("/WordDocument", b"x")]);
        let mut file = CompoundFile::open(std::io::Cursor::new(bytes)).unwrap();
        let found = modules(&mut file, 1 << 20);
        assert_eq!(found, [Module { name: "Macros/VBA/M".into(), source: source.to_vec() }]);
    }

    proptest! {
        #[test]
        fn arbitrary_containers_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            let _ = decompress(&bytes, 10_000);
            bytes.insert(0, 1);
            let _ = decompress(&bytes, 10_000);
        }
    }
}

//! Single-stream packers: gzip (RFC 1952, all members), bzip2 (all streams), xz (all streams).

use super::{Members, UnpackError};
use crate::content::Content;
use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use model::Format;

pub(super) fn unpack(content: &mut Content, format: Format, inner_name: &[u8], members: &mut Members<'_>) -> Result<(), UnpackError> {
    // No size is claimed: gzip's own field is modulo 2^32 and only of the last member.
    match format {
        Format::Gzip => members.file(inner_name, None, &mut MultiGzDecoder::new(content)),
        Format::Bzip2 => members.file(inner_name, None, &mut MultiBzDecoder::new(content)),
        Format::Xz => {
            // BOUND: the dictionary is allocated as the header asks, and may ask for 4 GiB.
            const MAX_DICTIONARY_KIB: u32 = 256 << 10;
            members.file(inner_name, None, &mut XzReader::new_mem_limit(content, true, MAX_DICTIONARY_KIB))
        }
        _ => Err(UnpackError::Unsupported),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ROOMY, run};
    use super::*;
    use std::io::Write as _;
    use wire::{Failure, UnpackLimits};

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn concatenated_members_are_one_stream() {
        let (seen, outcome) = run([gzip(b"one "), gzip(b"two")].concat(), Format::Gzip, ROOMY);
        outcome.unwrap();
        assert_eq!(seen[0].bytes, b"one two");
        assert_eq!(seen[0].path, [b"inner".to_vec()]);
    }

    #[test]
    fn bzip2_and_xz() {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        encoder.write_all(b"bz").unwrap();
        let (seen, outcome) = run(encoder.finish().unwrap(), Format::Bzip2, ROOMY);
        outcome.unwrap();
        assert_eq!(seen[0].bytes, b"bz");
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
        writer.write_all(b"xz").unwrap();
        let (seen, outcome) = run(writer.finish().unwrap(), Format::Xz, ROOMY);
        outcome.unwrap();
        assert_eq!(seen[0].bytes, b"xz");
    }

    #[test]
    fn a_bomb_hits_the_ratio_and_a_cut_stream_is_malformed() {
        let bomb = gzip(&vec![0u8; 3 << 20]);
        let (seen, outcome) = run(bomb.clone(), Format::Gzip, UnpackLimits { max_ratio: 50, ..ROOMY });
        assert!(matches!(outcome, Err(UnpackError::Ratio(50))));
        assert_eq!(seen[0].end, Some(Some(Failure::LimitRatio)));
        let (seen, _) = run(bomb[..bomb.len() - 9].to_vec(), Format::Gzip, UnpackLimits { max_ratio: 1 << 20, ..ROOMY });
        assert_eq!(seen[0].end, Some(Some(Failure::Malformed)));
    }
}

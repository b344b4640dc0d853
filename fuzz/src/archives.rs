//! Archive readers: nothing beyond the limits is ever handed out, whatever the archive claims.

use crate::sinks::CountedMembers;
use inspect::{Content, unpack};
use model::Format;
use wire::UnpackLimits;

// Small, so that they are met.
const LIMITS: UnpackLimits = UnpackLimits { max_members: 20, max_expanded_bytes: 3 << 20, max_ratio: 50, max_member_bytes: 2 << 20 };

fn unpacked(bytes: &[u8], format: Format) {
    let mut members = CountedMembers::new(LIMITS);
    let _ = unpack(&mut Content::from_bytes(bytes.to_vec()), format, b"inner", None, &LIMITS, &mut members);
    assert!(members.at_rest(), "a member that never ended");
}

pub(crate) fn zip(bytes: &[u8]) {
    unpacked(bytes, Format::Zip);
}

pub(crate) fn tar(bytes: &[u8]) {
    unpacked(bytes, Format::Tar);
}

pub(crate) fn gzip(bytes: &[u8]) {
    unpacked(bytes, Format::Gzip);
}

pub(crate) fn bzip2(bytes: &[u8]) {
    unpacked(bytes, Format::Bzip2);
}

pub(crate) fn xz(bytes: &[u8]) {
    unpacked(bytes, Format::Xz);
}

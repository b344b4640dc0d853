//! Archives: every member handed out as it comes, nothing believed, nothing left out.
//!
//! **Invariant:** bytes are counted as they are produced and compared with the limits before they are handed on; sizes
//! in headers are only passed on as claims. A name is split at `/` and `\` and passed on component by component, `..`
//! and drive letters included: refusing them is the business of whoever makes an item of the member.

pub mod stream;
pub mod tar;
pub mod zip;

use crate::content::Content;
use model::Format;
use std::io::{self, Read};
use wire::{EntryKind, Failure, UnpackLimits, WireError};

// BOUND: below this many expanded bytes no ratio is judged; small files of zeros pack well and harm nobody.
const RATIO_FLOOR_BYTES: u64 = 1 << 20;
const CHUNK_BYTES: usize = 64 * 1024;

/// Where members go. Per member: one `entry`, any number of `bytes`, one `end`.
pub trait MemberSink {
    /// A member starts: raw path components, kind, size as its header claims it.
    ///
    /// # Errors
    /// When the other side is gone.
    fn entry(&mut self, path: Vec<Vec<u8>>, kind: EntryKind, size_bytes: u64) -> Result<(), WireError>;
    /// Some of its bytes.
    ///
    /// # Errors
    /// When the other side is gone.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), WireError>;
    /// It ended; `None` when all of it was handed out.
    ///
    /// # Errors
    /// When the other side is gone.
    fn end(&mut self, failure: Option<Failure>) -> Result<(), WireError>;
}

/// Why an archive could not be taken apart to its end.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The whole archive is encrypted.
    #[error("the archive is encrypted")]
    Encrypted,
    /// The password given does not open it.
    #[error("the password does not fit")]
    Password,
    /// The structure is broken or lies.
    #[error("the archive is malformed")]
    Malformed,
    /// A kind or feature that is not supported.
    #[error("the archive is of a kind that is not supported")]
    Unsupported,
    /// More members than allowed.
    #[error("more than {0} members")]
    Members(u32),
    /// More expanded bytes than allowed.
    #[error("more than {0} expanded bytes")]
    Expanded(u64),
    /// More expanded bytes per packed byte than allowed.
    #[error("more than {0} expanded bytes per packed byte")]
    Ratio(u32),
    /// The descriptor gave a read error.
    #[error("reading the archive failed: {0}")]
    Read(#[source] io::Error),
    /// The members could not be handed on.
    #[error("handing on a member failed: {0}")]
    Sink(#[source] WireError),
}

impl UnpackError {
    /// The code that crosses the wire.
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Encrypted => Failure::Encrypted,
            Self::Password => Failure::WrongPassword,
            Self::Malformed => Failure::Malformed,
            Self::Unsupported => Failure::Unsupported,
            Self::Members(_) => Failure::LimitMembers,
            Self::Expanded(_) => Failure::LimitExpanded,
            Self::Ratio(_) => Failure::LimitRatio,
            Self::Read(_) | Self::Sink(_) => Failure::Read,
        }
    }

    /// The limit that was hit, or 0.
    pub const fn number(&self) -> u64 {
        match self {
            Self::Members(n) | Self::Ratio(n) => *n as u64,
            Self::Expanded(n) => *n,
            Self::Encrypted | Self::Password | Self::Malformed | Self::Unsupported | Self::Read(_) | Self::Sink(_) => 0,
        }
    }
}

/// Takes an archive apart.
///
/// Encrypted members are opened with `password`, where there is one. A member that is encrypted, broken or larger than `max_member_bytes` ends with its own [`Failure`] and the next one
/// follows; a limit of the whole archive ends everything.
///
/// # Errors
/// [`UnpackError`]; members handed out before it stand.
pub fn unpack(
    content: &mut Content,
    format: Format,
    inner_name: &[u8],
    password: Option<&str>,
    limits: &UnpackLimits,
    sink: &mut dyn MemberSink,
) -> Result<(), UnpackError> {
    let mut members = Members::new(content.len(), *limits, sink);
    match format {
        Format::Zip => zip::unpack(content, password, &mut members),
        Format::Tar => tar::unpack(content, &mut members),
        Format::Gzip | Format::Bzip2 | Format::Xz => stream::unpack(content, format, inner_name, &mut members),
        _ => Err(UnpackError::Unsupported),
    }
}

/// The sink with its limits: the only way members leave this module.
pub(crate) struct Members<'a> {
    packed_bytes: u64,
    expanded_bytes: u64,
    count: u32,
    limits: UnpackLimits,
    sink: &'a mut dyn MemberSink,
}

impl<'a> Members<'a> {
    pub(crate) fn new(packed_bytes: u64, limits: UnpackLimits, sink: &'a mut dyn MemberSink) -> Self {
        Self { packed_bytes, expanded_bytes: 0, count: 0, limits, sink }
    }

    /// Counts one more member before anything of it is handed on.
    fn admit(&mut self) -> Result<(), UnpackError> {
        if self.count >= self.limits.max_members {
            return Err(UnpackError::Members(self.limits.max_members));
        }
        self.count += 1;
        Ok(())
    }

    /// A member without bytes: directory, link, device, or one that cannot be opened.
    pub(crate) fn bare(&mut self, name: &[u8], kind: EntryKind, size_bytes: u64, failure: Option<Failure>) -> Result<(), UnpackError> {
        self.admit()?;
        self.sink.entry(components(name), kind, size_bytes).map_err(UnpackError::Sink)?;
        self.sink.end(failure).map_err(UnpackError::Sink)
    }

    /// A member with its bytes, as far as limits and the decoder let it.
    ///
    /// What its header claims of its size must be true; `None` where the format claims nothing.
    pub(crate) fn file(&mut self, name: &[u8], claimed_bytes: Option<u64>, reader: &mut dyn Read) -> Result<(), UnpackError> {
        self.file_or(name, claimed_bytes, reader, Failure::Malformed)
    }

    /// The same, where `broken` is what it means that the decoder stumbles.
    pub(crate) fn file_or(
        &mut self,
        name: &[u8],
        claimed_bytes: Option<u64>,
        reader: &mut dyn Read,
        broken: Failure,
    ) -> Result<(), UnpackError> {
        self.admit()?;
        self.sink.entry(components(name), EntryKind::File, claimed_bytes.unwrap_or(0)).map_err(UnpackError::Sink)?;
        match self.pump(claimed_bytes, reader) {
            Ok(Some(Failure::Malformed)) => self.sink.end(Some(broken)).map_err(UnpackError::Sink),
            Ok(failure) => self.sink.end(failure).map_err(UnpackError::Sink),
            Err(error @ UnpackError::Sink(_)) => Err(error),
            Err(error) => {
                self.sink.end(Some(error.failure())).map_err(UnpackError::Sink)?;
                Err(error)
            }
        }
    }

    fn pump(&mut self, claimed_bytes: Option<u64>, reader: &mut dyn Read) -> Result<Option<Failure>, UnpackError> {
        let mut chunk = vec![0u8; CHUNK_BYTES];
        let mut member_bytes = 0u64;
        loop {
            let read = match reader.read(&mut chunk) {
                Ok(0) if claimed_bytes.is_some_and(|claimed| claimed != member_bytes) => return Ok(Some(Failure::Malformed)),
                Ok(0) => return Ok(None),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Ok(Some(Failure::Malformed)),
            };
            member_bytes += read as u64;
            self.expanded_bytes += read as u64;
            if self.expanded_bytes > self.limits.max_expanded_bytes {
                return Err(UnpackError::Expanded(self.limits.max_expanded_bytes));
            }
            let most = self.packed_bytes.saturating_mul(u64::from(self.limits.max_ratio)).max(RATIO_FLOOR_BYTES);
            if self.expanded_bytes > most {
                return Err(UnpackError::Ratio(self.limits.max_ratio));
            }
            if member_bytes > self.limits.max_member_bytes {
                return Ok(Some(Failure::Limit));
            }
            self.sink.bytes(chunk.get(..read).unwrap_or_default()).map_err(UnpackError::Sink)?;
        }
    }
}

/// Splits a raw name at `/` and `\`. A leading separator is kept as an empty first component, a trailing one is not;
/// `.` and empty components in between carry nothing and go; a name of nothing else is `.`, the archive's own folder.
pub(crate) fn components(name: &[u8]) -> Vec<Vec<u8>> {
    let absolute = matches!(name.first(), Some(b'/' | b'\\'));
    let parts = name.split(|byte| matches!(byte, b'/' | b'\\')).filter(|part| !part.is_empty() && *part != b".");
    let components: Vec<Vec<u8>> = absolute.then(Vec::new).into_iter().chain(parts.map(<[u8]>::to_vec)).collect();
    if components.is_empty() { vec![b".".to_vec()] } else { components }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What one member was, in the order it came.
    #[derive(Debug, Default, PartialEq, Eq)]
    pub(crate) struct Seen {
        pub path: Vec<Vec<u8>>,
        pub kind: Option<EntryKind>,
        pub bytes: Vec<u8>,
        #[expect(clippy::option_option, reason = "not ended, ended whole, ended with a failure")]
        pub end: Option<Option<Failure>>,
    }

    #[derive(Default)]
    pub(crate) struct Recorder(pub Vec<Seen>);

    impl MemberSink for Recorder {
        fn entry(&mut self, path: Vec<Vec<u8>>, kind: EntryKind, _: u64) -> Result<(), WireError> {
            self.0.push(Seen { path, kind: Some(kind), ..Seen::default() });
            Ok(())
        }
        fn bytes(&mut self, bytes: &[u8]) -> Result<(), WireError> {
            self.0.last_mut().unwrap().bytes.extend_from_slice(bytes);
            Ok(())
        }
        fn end(&mut self, failure: Option<Failure>) -> Result<(), WireError> {
            self.0.last_mut().unwrap().end = Some(failure);
            Ok(())
        }
    }

    pub(crate) const ROOMY: UnpackLimits =
        UnpackLimits { max_members: 100, max_expanded_bytes: 1 << 24, max_ratio: 1000, max_member_bytes: 1 << 23 };

    pub(crate) fn run(bytes: Vec<u8>, format: Format, limits: UnpackLimits) -> (Vec<Seen>, Result<(), UnpackError>) {
        let mut recorder = Recorder::default();
        let outcome = unpack(&mut Content::from_bytes(bytes), format, b"inner", None, &limits, &mut recorder);
        (recorder.0, outcome)
    }

    #[test]
    fn names_keep_what_is_dangerous() {
        let of = |name: &[u8]| components(name).iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect::<Vec<_>>();
        assert_eq!(of(b"a/b.txt"), ["a", "b.txt"]);
        assert_eq!(of(b"../../x"), ["..", "..", "x"]);
        assert_eq!(of(b"/etc/passwd"), ["", "etc", "passwd"]);
        assert_eq!(of(b"C:\\windows\\x.dll"), ["C:", "windows", "x.dll"]);
        assert_eq!(of(b"\\\\srv\\share"), ["", "srv", "share"]);
        assert_eq!(of(b"./a//b/"), ["a", "b"]);
        assert_eq!((of(b"./"), of(b"")), (vec![".".to_owned()], vec![".".to_owned()]));
    }

    fn sample(format: Format) -> Vec<u8> {
        use std::io::Write as _;
        match format {
            Format::Zip => crate::identify::package::tests::package(&[("a/b", "hello"), ("c", "world")]),
            Format::Tar => {
                let mut builder = ::tar::Builder::new(Vec::new());
                let mut header = ::tar::Header::new_gnu();
                header.set_size(5);
                builder.append_data(&mut header, "a", &b"hello"[..]).unwrap();
                builder.into_inner().unwrap()
            }
            Format::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(b"hello").unwrap();
                encoder.finish().unwrap()
            }
            Format::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                encoder.write_all(b"hello").unwrap();
                encoder.finish().unwrap()
            }
            _ => {
                let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default()).unwrap();
                writer.write_all(b"hello").unwrap();
                writer.finish().unwrap()
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn mutated_archives_never_panic_and_every_member_ends(which in 0usize..5, at: usize, value: u8, cut: usize) {
            let format = [Format::Zip, Format::Tar, Format::Gzip, Format::Bzip2, Format::Xz][which];
            let mut bytes = sample(format);
            let length = bytes.len();
            bytes[at % length] = value;
            if cut % 3 == 0 {
                bytes.truncate(cut % length);
            }
            let (seen, _) = run(bytes, format, ROOMY);
            prop_assert!(seen.iter().all(|member| member.end.is_some()));
        }

        #[test]
        fn arbitrary_bytes_never_panic(which in 0usize..5, bytes in prop::collection::vec(any::<u8>(), 0..800)) {
            let format = [Format::Zip, Format::Tar, Format::Gzip, Format::Bzip2, Format::Xz][which];
            let _ = run(bytes, format, ROOMY);
        }
    }
}

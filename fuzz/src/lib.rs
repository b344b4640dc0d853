//! What fuzzing does with foreign bytes: one function per parser, and the samples it starts from.
//!
//! A target takes any bytes at all, hands them to one parser as the product would, and asserts what the product relies on
//! beyond "does not panic". The libFuzzer programs in `libfuzzer/` call these functions; the `replay` test calls them over
//! all seeds and over every input that once broke one (`regressions/`), with the ordinary tool chain.
//!
//! How to add a target: README.md beside this crate.

#![expect(clippy::panic, clippy::expect_used, reason = "a broken property must end the run, loudly")]

mod archives;
mod assembly;
mod documents;
mod finished;
mod identification;
mod media;
mod panics;
mod pictures;
mod seeds;
mod sinks;
mod stations;
mod texts;
mod unlock;
mod volumes;
mod windows_volumes;
mod wires;

/// One parser under test.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name: of the program, the folder of its regressions, and on the command line.
    pub name: &'static str,
    /// Hands bytes to the parser.
    pub run: fn(&[u8]),
    /// Longest input that is worth trying, bytes.
    pub max_bytes: usize,
    /// What to start from.
    pub seeds: fn() -> anyhow::Result<Vec<Vec<u8>>>,
}

macro_rules! targets {
    ($($name:ident: $run:path, $max_bytes:expr, $seeds:path;)+) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $name, max_bytes: $max_bytes, seeds: $seeds },)+];
        $(
            /// The target of this name, as its program calls it.
            pub fn $name(bytes: &[u8]) {
                panics::watched(|| $run(bytes));
            }
        )+
    };
}

targets! {
    identify: identification::identify, 64 << 10, seeds::everything;
    inspect: identification::inspect, 64 << 10, seeds::everything;
    vba: identification::vba, 16 << 10, seeds::vba;
    active_pdf: identification::active_pdf, 32 << 10, seeds::pdfs;
    names: stations::name, 2 << 10, seeds::names;
    policy: stations::policy, 8 << 10, seeds::policies;
    format_table: stations::format_table, 32 << 10, seeds::format_tables;
    manifest: stations::manifest, 8 << 10, seeds::manifests;
    scanner_reply: stations::scanner_reply, 1 << 10, seeds::scanner_replies;
    zip: archives::zip, 16 << 10, seeds::zips;
    tar: archives::tar, 16 << 10, seeds::tars;
    gzip: archives::gzip, 8 << 10, seeds::gzips;
    bzip2: archives::bzip2, 8 << 10, seeds::bzip2s;
    xz: archives::xz, 8 << 10, seeds::xzs;
    strip_ooxml: documents::ooxml, 32 << 10, seeds::ooxmls;
    strip_odf: documents::odf, 32 << 10, seeds::odfs;
    strip_ole: documents::ole, 64 << 10, seeds::compounds;
    strip_rtf: documents::rtf, 16 << 10, seeds::rtfs;
    text: texts::plain, 16 << 10, seeds::texts;
    csv: texts::csv, 4 << 10, seeds::tables;
    image: pictures::image, 16 << 10, seeds::pictures;
    heic: pictures::heic, 32 << 10, seeds::heics;
    svg: pictures::svg, 16 << 10, seeds::drawings;
    pdf: pictures::pdf, 32 << 10, seeds::pdfs;
    requests: wires::requests, 8 << 10, seeds::requests;
    answers: wires::answers, 16 << 10, seeds::answers;
    verify_pdf: finished::pdf, 32 << 10, seeds::finished_pdfs;
    verify_png: finished::png, 16 << 10, seeds::finished_pngs;
    verify_jpeg: finished::jpeg, 16 << 10, seeds::finished_jpegs;
    verify_text: finished::text, 4 << 10, seeds::texts;
    verify_csv: finished::csv, 4 << 10, seeds::tables;
    write_pdf: finished::written_pdf, 8 << 10, seeds::noise;
    write_report: finished::written_report, 8 << 10, seeds::texts;
    partitions: media::partitions, 64 << 10, seeds::partition_tables;
    fat: media::volume, 128 << 10, seeds::fat_volumes;
    exfat: media::exfat, 96 << 10, windows_volumes::exfat;
    ntfs: media::volume, 128 << 10, windows_volumes::ntfs;
    iso: media::volume, 128 << 10, volumes::discs;
    udf: media::udf, 128 << 10, volumes::udf_volumes;
    ext: media::volume, 128 << 10, volumes::ext_volumes;
    unlock: unlock::unlock, 768 << 10, unlock::seeds;
}

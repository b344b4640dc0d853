//! Builders for documents, archives, pictures, programs, hostile files and media, and the sample medium of the demo.
//!
//! **Invariant:** everything is made from code, byte for byte the same on every machine; nothing here reads a clock or a
//! source of randomness. Nothing hostile works: scripts and programs do nothing, addresses are reserved ones (RFC 2606), and
//! the scanner test file exists only at run time.
//!
//! Where to add a sample: a line in the module of `samples` that fits, then run the `manifest` test with
//! `TESTKIT_WRITE_MANIFEST=1` to write `samples/MANIFEST.toml` anew.

#![expect(clippy::format_collect, reason = "the lines are few and short; reading them matters more than an allocation")]

pub mod archive;
pub mod bits;
pub mod canary;
pub mod container;
pub mod encrypted;
pub mod exfat;
pub mod image;
pub mod manifest;
pub mod media;
pub mod ntfs;
pub mod office;
pub mod pdf;
pub mod program;
mod samples;
pub mod tree;

pub use archive::{ZipBuilder, gzip_of, tar_of, zip_of};
pub use container::{iso_of, seven_zip_of};
pub use image::{jpeg_of, png_of};
pub use manifest::{Manifest, manifest_toml};
pub use media::{Partition, fat32_image, write_fat32_image};
pub use office::ooxml::docx;
pub use pdf::pdf;
pub use program::eicar;
pub use samples::sample_medium;
pub use tree::{Expected, ExpectedMember, Sample, write_tree};

//! The readers against media made by other programs, and against media made to hurt them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test, both are how it fails")]

mod attacks;
mod common;
mod exfat;
mod exfat_attacks;
mod ext;
mod ext_attacks;
mod foreign;
mod hashed;
mod hostile;
mod image;
mod iso;
mod iso_attacks;
mod mounts;
mod mutated;
mod mutations;
mod ntfs;
mod ntfs_attacks;
mod partition_tables;
mod tree;
mod trees;
mod udf;
mod udf_writer;
mod unix_trees;
mod unlock;
mod unlock_bitlocker;
mod unlock_mutations;

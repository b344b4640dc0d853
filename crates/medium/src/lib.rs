//! Sources: directory trees and raw images, read once, in the confined worker.
//!
//! A reader first sends the whole inventory (so that a person sees figures at once), then the content of every regular
//! file in inventory order. What cannot be read is an entry all the same (I3). Nothing here can write: descriptors come
//! opened for reading only (I5).
//!
//! **How to add a file system:** one module like `fat`, and one line in `volume::open`.

mod bytes;
mod cache;
mod encrypted;
mod exfat;
mod ext;
mod fat;
pub mod image;
mod iso;
mod ntfs;
pub mod partitions;
mod pieces;
mod stream;
pub mod tree;
mod udf;
mod utf16;
mod volume;
mod walk;

pub use cache::ByteSource;
pub use stream::{ReadError, ReadLimits};

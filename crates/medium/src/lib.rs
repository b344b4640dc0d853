//! Sources: directory trees and raw images, read once, in the confined worker.
//!
//! A reader first sends the whole inventory (so that a person sees figures at once), then the content of every regular
//! file in inventory order. What cannot be read is an entry all the same (I3). Nothing here can write: descriptors come
//! opened for reading only (I5).
//!
//! **How to add a file system:** one module like [`fat`], with `Volume::open`, `inventory` and `send_files`, and one arm in
//! [`image::read_image`].

mod cache;
pub mod fat;
mod gpt;
pub mod image;
pub mod partitions;
mod stream;
pub mod tree;

pub use stream::{ReadError, ReadLimits};

//! Format to page pixels and text, on the worker's side.
//!
//! Runs in a confined process without file system and network, one document per process, on one thread. Documents become
//! numbers, pixels and positioned text that go to a [`PageSink`]; text is decoded and encoded again; finished artefacts are
//! checked by [`verify`].
//!
//! **Invariant:** nothing here opens a file after [`Fonts::load`], and no output byte is a copy of an input byte range:
//! pixels are painted, text is decoded character by character. A page that cannot be rendered never fails the document.
//! (The one exception is [`office`], whose input and output files lie in the jail's own directory.)

pub mod error;
pub mod fonts;
pub mod limits;
pub mod office;
mod pdf;
mod pixels;
mod raster;
pub mod sink;
mod svg;
mod text;
pub mod verify;

pub use error::RenderError;
pub use fonts::Fonts;
pub use pdf::render_pdf;
pub use raster::render_image;
pub use sink::{PageSink, WireSink};
pub use text::{Rebuilt, rebuild_text};

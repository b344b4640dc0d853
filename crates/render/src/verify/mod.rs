//! Checks of finished artefacts, before they may be released.
//!
//! **Invariant:** nothing here shares code with what writes the artefacts; each check knows only what a correct artefact
//! looks like, and refuses everything else. A refusal is a code and a byte offset.

mod jpeg;
mod png;
mod text;

pub use jpeg::verify_jpeg;
pub use png::verify_png;
pub use text::verify_text;

/// A refusal: a stable code, and where.
pub type Refusal = (&'static str, usize);

#[cfg(test)]
mod tests;

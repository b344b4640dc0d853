//! Why a document could not be rendered.

use wire::{Failure, WireError};

/// Why a job ended without its result. Carries codes and numbers only, never text from the document.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The document needs a password, or its encryption is not known.
    #[error("the document is encrypted")]
    Encrypted,
    /// The password given does not open the document.
    #[error("the password does not fit")]
    Password,
    /// The structure is broken beyond what the decoder repairs.
    #[error("the document cannot be parsed")]
    Malformed,
    /// The format or a feature of it has no decoder here.
    #[error("no decoder for this kind of content")]
    Unsupported,
    /// More pages than the limit.
    #[error("more than {0} pages")]
    Pages(u32),
    /// An image with more pixels than are decoded for this many on a page.
    #[error("far more than {0} pixels")]
    Pixels(u64),
    /// More bytes of output than the limit.
    #[error("more than {0} bytes of output")]
    Output(u64),
    /// The input cannot be read from its descriptor or written into the jail.
    #[error("moving content in or out of the jail failed: {0}")]
    Content(#[source] std::io::Error),
    /// The converter could not be started.
    #[error("the converter could not be started: {0}")]
    Start(#[source] std::io::Error),
    /// The converter overran its time.
    #[error("the converter took longer than {0} s")]
    Timeout(u32),
    /// The converter ended without a result.
    #[error("the converter produced nothing")]
    NoOutput,
    /// The supervisor is gone.
    #[error("the answer could not be sent: {0}")]
    Sink(#[from] WireError),
}

impl RenderError {
    /// The code that crosses to the supervisor, with the number that goes with it (a limit, or 0).
    pub const fn failure(&self) -> (Failure, u64) {
        match self {
            Self::Encrypted => (Failure::Encrypted, 0),
            Self::Password => (Failure::WrongPassword, 0),
            Self::Malformed => (Failure::Malformed, 0),
            Self::Unsupported => (Failure::Unsupported, 0),
            Self::Pages(limit) => (Failure::LimitPages, *limit as u64),
            Self::Pixels(limit) => (Failure::LimitPixels, *limit),
            Self::Output(limit) => (Failure::LimitOutput, *limit),
            Self::Content(_) | Self::Sink(_) => (Failure::Read, 0),
            Self::Start(_) | Self::NoOutput => (Failure::NoOutput, 0),
            Self::Timeout(seconds) => (Failure::Timeout, *seconds as u64),
        }
    }
}

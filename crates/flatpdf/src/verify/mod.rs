//! The strict verifier: the only way bytes become a releasable PDF.
//!
//! It reads a finished file and accepts exactly the small grammar the writer is meant to produce: pages, image XObjects
//! whose streams decode to exactly their pixels, an optional text layer in a font that is not embedded, and nothing
//! else. Whatever it does not know, it rejects: an unknown key, an unused object, a byte between two objects.
//!
//! | module | what it reads |
//! |---|---|
//! | `syntax` | tokens, values, dictionaries |
//! | `file` | header, object framing, cross-reference table, trailer |
//! | `document` | catalog, pages, who may point at whom |
//! | `image`, `inflate`, `jpeg`, `ccitt` | image dictionaries and every byte of their streams |
//! | `content` | page content |
//! | `font`, `cmap` | the text layer's fonts |
//!
//! **Invariant**: shares no code, type or library with the writer; never panics; work and memory are linear in the input
//! and in [`VerifyLimits`]; says `Ok` only after every byte of the file has been accounted for.
//!
//! Section numbers in this tree are those of ISO 32000-1 unless another standard is named.

#![deny(clippy::indexing_slicing)]

mod ccitt;
mod cmap;
mod content;
mod document;
mod file;
mod font;
mod image;
mod inflate;
mod jpeg;
mod syntax;

/// What the file claims to be, which decides the operators its pages may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Pages made of pixels, with text only in rendering mode 3 (invisible, 9.3.6).
    Flattened,
    /// A session report this program set itself: visible text, rules and boxes are allowed as well.
    Report,
}

/// The numbers above which a file is rejected unread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VerifyLimits {
    /// Pages in the file.
    pub pages: u32,
    /// Indirect objects in the file.
    pub objects: u32,
    /// Decoded bytes of any one stream.
    pub stream_bytes: u64,
    /// Longer side of a page, in points of 1/72 inch.
    pub page_side_pt: f32,
}

impl Default for VerifyLimits {
    /// 5,000 pages, 100,000 objects, 256 MiB per decoded stream, 14,400 pt per side.
    fn default() -> Self {
        // BOUND: 256 MiB holds an A1 page at 200 dpi in RGB; 14,400 pt is the largest page readers agree on (annex C.2).
        Self { pages: 5_000, objects: 100_000, stream_bytes: 256 << 20, page_side_pt: 14_400.0 }
    }
}

/// What an accepted file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Number of pages.
    pub pages: u32,
    /// Number of image XObjects.
    pub images: u32,
    /// Whether any page shows text (visible or not).
    pub text: bool,
}

/// Why and where a file was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rejected at byte {offset}: {}", code.as_str())]
pub struct Rejection {
    /// The rule that was broken.
    pub code: RejectionCode,
    /// Byte offset in the file: of the token for syntax, of the object for everything inside an object.
    pub offset: usize,
}

macro_rules! codes {
    ($($(#[$doc:meta])+ $variant:ident = $text:literal,)+) => {
        /// The rule a rejected file broke.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RejectionCode { $($(#[$doc])+ $variant,)+ }

        impl RejectionCode {
            /// The stable kebab-case name, for records and messages.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

codes! {
    /// The first two lines are not `%PDF-1.4` … `%PDF-1.7` and one binary comment (7.5.2).
    Header = "header",
    /// A token that is not part of the accepted syntax, or white space where none belongs.
    Syntax = "syntax",
    /// Arrays and dictionaries nested deeper than any accepted object.
    Nesting = "nesting",
    /// An array or dictionary with more elements than any accepted object.
    TooManyElements = "too-many-elements",
    /// A number that is malformed or out of any use.
    Number = "number",
    /// A name that is empty, too long, or written with `#` escapes.
    Name = "name",
    /// A string that is malformed or does not end.
    Text = "string",
    /// The same key twice in one dictionary.
    DuplicateKey = "duplicate-key",
    /// A key that does not belong into this dictionary.
    UnknownKey = "unknown-key",
    /// A key this dictionary must have.
    MissingKey = "missing-key",
    /// A value of another type than its key has.
    WrongType = "wrong-type",
    /// A value outside the accepted ones.
    WrongValue = "wrong-value",
    /// An object that is not framed as `N 0 obj … endobj`, or bytes between objects.
    ObjectFrame = "object-frame",
    /// Object numbers that are not 1, 2, 3 … in file order.
    ObjectNumber = "object-number",
    /// More objects than [`VerifyLimits::objects`].
    ObjectLimit = "object-limit",
    /// A stream whose `/Length` is not exactly what lies between `stream` and `endstream`.
    StreamFrame = "stream-frame",
    /// A cross-reference table that does not describe exactly the objects of the file (7.5.4).
    Xref = "xref",
    /// A trailer with anything but `/Size`, `/Root` and `/ID` (7.5.5).
    Trailer = "trailer",
    /// `startxref` is wrong, or the file does not end with the one `%%EOF`.
    EndOfFile = "end-of-file",
    /// A reference to an object the file does not have.
    Dangling = "dangling-reference",
    /// An object used in two roles, or twice where once is allowed.
    Role = "object-role",
    /// An object nothing points at.
    Unused = "unused-object",
    /// `/Kids`, `/Count` and `/Parent` do not agree.
    PageTree = "page-tree",
    /// More pages than [`VerifyLimits::pages`], or none.
    PageLimit = "page-limit",
    /// A page box that is not `[0 0 w h]` within [`VerifyLimits::page_side_pt`].
    PageBox = "page-box",
    /// A filter that does not belong here.
    Filter = "filter",
    /// Flate bytes that do not decode, or that go on after their end (RFC 1950, 1951).
    Flate = "flate",
    /// A stream that would decode to more than [`VerifyLimits::stream_bytes`].
    StreamLimit = "stream-limit",
    /// A stream that decodes to more or fewer bytes than the image has.
    ImageSize = "image-size",
    /// A color space or bit depth outside the accepted combinations.
    ColorSpace = "color-space",
    /// A JPEG that is not one baseline image and nothing else (ITU-T T.81).
    Jpeg = "jpeg",
    /// Group 4 bytes that are not exactly the image's rows and columns (ITU-T T.6).
    Ccitt = "ccitt",
    /// An image no page paints.
    Unpainted = "unpainted-image",
    /// An operator the page may not use, or not here.
    Operator = "operator",
    /// Operands that do not fit their operator.
    Operand = "operand",
    /// `q`/`Q` or `BT`/`ET` that do not match, or nest too deeply.
    Unbalanced = "unbalanced",
    /// A text rendering mode that is not allowed, or text shown without font or mode.
    TextMode = "text-mode",
    /// A name the page's resources do not have.
    Resource = "resource",
    /// A font that is not one of the accepted standard fonts, or whose numbers disagree.
    Font = "font",
    /// A font encoding outside the accepted forms.
    Encoding = "encoding",
    /// A `/ToUnicode` map outside the accepted form (9.10.3).
    Cmap = "cmap",
}

type Verified<T> = Result<T, Rejection>;

impl Rejection {
    const fn new(code: RejectionCode, offset: usize) -> Self {
        Self { code, offset }
    }

    /// The same rejection, reported at the object whose decoded stream it was found in.
    const fn at(self, offset: usize) -> Self {
        Self { offset, ..self }
    }
}

/// `Ok` when `holds`, otherwise a rejection.
const fn require(holds: bool, code: RejectionCode, offset: usize) -> Verified<()> {
    if holds { Ok(()) } else { Err(Rejection::new(code, offset)) }
}

/// Reads a finished file and accepts it, or says which rule it breaks first.
///
/// # Errors
///
/// The first broken rule and where it was found. There is no third outcome.
pub fn verify(bytes: &[u8], kind: Kind, limits: &VerifyLimits) -> Result<Accepted, Rejection> {
    let file = file::parse(bytes, limits)?;
    document::check(&file, kind, limits)
}

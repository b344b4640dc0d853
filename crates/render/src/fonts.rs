//! Fonts for text whose document brings none: opened before the process is confined, read when first needed.

use hayro::hayro_interpret::font::{FallbackFontQuery, FontData, FontQuery, StandardFont};
use hayro::hayro_interpret::hayro_cmap::CidFamily;
use resvg::usvg::fontdb::{Database, Source};
use std::fs::File;
use std::io::Read as _;
use std::sync::{Arc, OnceLock};

const LIBERATION: &str = "/usr/share/fonts/truetype/liberation2";
const UNICODE_FALLBACK: &str = "/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf";
/// Longest font file that is read.
// BOUND: the largest font above has 4 MB.
const MAX_FONT_BYTES: u64 = 64 << 20;

/// The metric-compatible stand-ins of the standard fonts; Symbol and ZapfDingbats come with the renderer.
const FACES: [&str; 12] = [
    "LiberationSans-Regular",
    "LiberationSans-Bold",
    "LiberationSans-Italic",
    "LiberationSans-BoldItalic",
    "LiberationMono-Regular",
    "LiberationMono-Bold",
    "LiberationMono-Italic",
    "LiberationMono-BoldItalic",
    "LiberationSerif-Regular",
    "LiberationSerif-Bold",
    "LiberationSerif-Italic",
    "LiberationSerif-BoldItalic",
];

#[derive(Debug)]
struct Slot {
    file: Option<File>,
    bytes: OnceLock<Option<Arc<Vec<u8>>>>,
}

impl Slot {
    fn open(path: &str) -> Self {
        Self { file: File::open(path).ok(), bytes: OnceLock::new() }
    }

    fn bytes(&self) -> Option<Arc<Vec<u8>>> {
        let read = || {
            let mut bytes = Vec::new();
            self.file.as_ref()?.take(MAX_FONT_BYTES).read_to_end(&mut bytes).ok()?;
            (!bytes.is_empty()).then(|| Arc::new(bytes))
        };
        self.bytes.get_or_init(read).clone()
    }
}

/// System fonts as open files. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Fonts {
    faces: Arc<[Slot]>,
    unicode: Arc<Slot>,
}

impl Fonts {
    /// Opens the fonts of the station. Must be called before confinement; a font that is not installed is no error, the
    /// renderer's own small ones stand in for it.
    pub fn load() -> Self {
        Self {
            faces: FACES.iter().map(|face| Slot::open(&format!("{LIBERATION}/{face}.ttf"))).collect(),
            unicode: Arc::new(Slot::open(UNICODE_FALLBACK)),
        }
    }

    /// A resolver without any system font.
    pub fn none() -> Self {
        let empty = || Slot { file: None, bytes: OnceLock::new() };
        Self { faces: FACES.iter().map(|_| empty()).collect(), unicode: Arc::new(empty()) }
    }

    /// Font program and face index for a font that a PDF does not embed.
    pub(crate) fn resolve(&self, query: &FontQuery) -> (FontData, u32) {
        let standard = match query {
            FontQuery::Standard(font) => *font,
            FontQuery::Fallback(fallback) => {
                if wants_cjk(fallback)
                    && let Some(bytes) = self.unicode.bytes()
                {
                    return (bytes, 0);
                }
                fallback.pick_standard_font()
            }
        };
        let face = face_of(standard).and_then(|index| self.faces.get(index)).and_then(Slot::bytes);
        face.map_or_else(|| standard.get_font_data(), |bytes| (bytes, 0))
    }

    /// The fonts as a data base for SVG text.
    pub(crate) fn database(&self) -> Database {
        let mut database = Database::new();
        for bytes in self.faces.iter().chain([self.unicode.as_ref()]).filter_map(Slot::bytes) {
            database.load_font_source(Source::Binary(bytes));
        }
        database.set_serif_family("Liberation Serif");
        database.set_sans_serif_family("Liberation Sans");
        database.set_cursive_family("Liberation Sans");
        database.set_fantasy_family("Liberation Sans");
        database.set_monospace_family("Liberation Mono");
        database
    }
}

fn wants_cjk(query: &FallbackFontQuery) -> bool {
    query.character_collection.as_ref().is_some_and(|collection| {
        matches!(collection.family, CidFamily::AdobeJapan1 | CidFamily::AdobeGB1 | CidFamily::AdobeCNS1 | CidFamily::AdobeKorea1)
    })
}

const fn face_of(font: StandardFont) -> Option<usize> {
    Some(match font {
        StandardFont::Helvetica => 0,
        StandardFont::HelveticaBold => 1,
        StandardFont::HelveticaOblique => 2,
        StandardFont::HelveticaBoldOblique => 3,
        StandardFont::Courier => 4,
        StandardFont::CourierBold => 5,
        StandardFont::CourierOblique => 6,
        StandardFont::CourierBoldOblique => 7,
        StandardFont::TimesRoman => 8,
        StandardFont::TimesBold => 9,
        StandardFont::TimesItalic => 10,
        StandardFont::TimesBoldItalic => 11,
        StandardFont::ZapfDingBats | StandardFont::Symbol => return None,
    })
}

//! Renderers: pages come as announced, within the limits; whatever a decoder does, the document ends in order.

use crate::sinks::CountedPages;
use model::Format;
use render::{Fonts, RenderError, render_image, render_pdf};
use wire::RenderLimits;

const LIMITS: RenderLimits = RenderLimits { dpi: 36, max_pages: 3, max_page_pixels: 60_000, max_page_text: 5_000 };

fn finished(done: Result<(), RenderError>, pages: &CountedPages) {
    if done.is_ok() {
        pages.assert_complete();
    }
}

fn picture(bytes: &[u8], format: Format) {
    let mut pages = CountedPages::new(LIMITS);
    let done = render_image(bytes.to_vec(), format, &LIMITS, &Fonts::none(), &mut pages);
    finished(done, &pages);
}

pub(crate) fn image(bytes: &[u8]) {
    let format = match bytes {
        [0x89, b'P', ..] => Format::Png,
        [0xFF, ..] => Format::Jpeg,
        [b'G', ..] => Format::Gif,
        [b'B', ..] => Format::Bmp,
        [b'I' | b'M', ..] => Format::Tiff,
        [b'R', ..] => Format::Webp,
        _ => Format::Ico,
    };
    picture(bytes, format);
}

pub(crate) fn heic(bytes: &[u8]) {
    picture(bytes, Format::Heic);
}

pub(crate) fn svg(bytes: &[u8]) {
    thread_local! {
        static FONTS: Fonts = Fonts::load();
    }
    let mut pages = CountedPages::new(LIMITS);
    let done = FONTS.with(|fonts| render_image(bytes.to_vec(), Format::Svg, &LIMITS, fonts, &mut pages));
    finished(done, &pages);
}

pub(crate) fn pdf(bytes: &[u8]) {
    if has_mesh(bytes) {
        return;
    }
    let mut pages = CountedPages::new(LIMITS);
    let done = render_pdf(bytes.to_vec(), "", &LIMITS, &Fonts::none(), &mut pages);
    finished(done, &pages);
}

/// Whether a shading is a mesh (types 4 to 7). Each of its triangles may cover 2^32 points, which the renderer visits one by
/// one: a known hang of the library, which the worker's deadline ends. Looked at again and again it would hide all others.
fn has_mesh(bytes: &[u8]) -> bool {
    bytes.windows(16).any(|window| {
        let number = window.strip_prefix(b"/ShadingType").map(<[u8]>::trim_ascii_start);
        matches!(number, Some([b'4'..=b'7', ..]))
    })
}

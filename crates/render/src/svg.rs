//! SVG to pixels, with `resvg`: no file, no address, no image inside is ever opened.

use crate::error::RenderError;
use crate::fonts::Fonts;
use crate::limits::{MAX_SIDE_PT, MIN_SIDE_PT, pixel_size};
use crate::pixels::{note, pack_opaque, stripped};
use crate::raster::Picture;
use crate::text::decode;
use model::FindingCode;
use quick_xml::events::Event;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Error, ImageHrefResolver, Options, Tree};
use std::sync::Arc;
use wire::{PageStart, PixelFormat, RawFinding, RenderLimits};

/// Renders a drawing at the wanted resolution, 96 units to the inch.
///
/// # Errors
/// [`RenderError::Unsupported`] for compressed drawings, [`RenderError::Malformed`], [`RenderError::Pixels`] when there is
/// no memory for the page.
pub fn render_svg(bytes: &[u8], limits: &RenderLimits, fonts: &Fonts) -> Result<Picture, RenderError> {
    if bytes.starts_with(&[0x1F, 0x8B]) {
        return Err(RenderError::Unsupported);
    }
    let (text, _) = decode(bytes);
    let left_behind = LeftBehind::of(&text);
    let mut options = Options {
        image_href_resolver: ImageHrefResolver { resolve_data: Box::new(|_, _, _| None), resolve_string: Box::new(|_, _| None) },
        ..Options::default()
    };
    if left_behind.has_text {
        "Liberation Serif".clone_into(&mut options.font_family);
        options.fontdb = Arc::new(fonts.database());
    }
    let tree = Tree::from_str(&text, &options).map_err(|error| match error {
        Error::ElementsLimitReached => RenderError::Unsupported,
        _ => RenderError::Malformed,
    })?;
    let points = |units: f32| (units * 0.75).clamp(MIN_SIDE_PT, MAX_SIDE_PT);
    let (width_pt, height_pt) = (points(tree.size().width()), points(tree.size().height()));
    let (width_px, height_px) = pixel_size(width_pt, height_pt, limits);
    let mut pixmap = Pixmap::new(width_px, height_px).ok_or(RenderError::Pixels(limits.max_page_pixels))?;
    let scale = Transform::from_scale(width_px as f32 / tree.size().width(), height_px as f32 / tree.size().height());
    resvg::render(&tree, scale, &mut pixmap.as_mut());
    let (format, pixels) = pack(&pixmap);
    let start = PageStart { width_pt, height_pt, width_px, height_px, pixels: format };
    Ok(Picture { start, pixels, findings: left_behind.findings() })
}

fn pack(pixmap: &Pixmap) -> (PixelFormat, Vec<u8>) {
    let opaque = pixmap.pixels().iter().all(|pixel| pixel.alpha() == u8::MAX);
    if opaque {
        return pack_opaque(pixmap.data());
    }
    let straight = pixmap.pixels().iter().map(|pixel| pixel.demultiply());
    (PixelFormat::Rgba8, straight.flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue(), pixel.alpha()]).collect())
}

/// What a drawing has that no pixel shows, counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct LeftBehind {
    scripts: u32,
    foreign_objects: u32,
    external: u32,
    images: u32,
    doctype: u32,
    animations: u32,
    has_text: bool,
}

impl LeftBehind {
    fn of(text: &str) -> Self {
        let mut seen = Self::default();
        let mut reader = quick_xml::Reader::from_str(text);
        loop {
            match reader.read_event() {
                Ok(Event::Start(element) | Event::Empty(element)) => seen.element(&element),
                Ok(Event::DocType(_)) => seen.doctype += 1,
                Ok(Event::PI(_)) => seen.external += 1,
                // What is not well-formed is refused by the renderer's own parser.
                Ok(Event::Eof) | Err(_) => return seen,
                Ok(_) => {}
            }
        }
    }

    fn element(&mut self, element: &quick_xml::events::BytesStart<'_>) {
        match element.local_name().as_ref() {
            "script" => self.scripts += 1,
            "foreignObject" | "iframe" | "embed" | "object" => self.foreign_objects += 1,
            "image" | "feImage" => self.images += 1,
            "animate" | "set" | "animateTransform" | "animateMotion" => self.animations += 1,
            "text" => self.has_text = true,
            _ => {}
        }
        for attribute in element.attributes().with_checks(false).flatten() {
            let name = attribute.key.local_name();
            let value = attribute.value.trim();
            if name.as_ref() == "href" && !value.starts_with('#') && !value.starts_with("data:") {
                self.external += 1;
            } else if name.as_ref().starts_with("on") {
                self.scripts += 1;
            }
        }
    }

    fn findings(&self) -> Vec<RawFinding> {
        let active = [
            ("script", self.scripts),
            ("foreign-object", self.foreign_objects),
            ("external-link", self.external),
            ("xml-doctype", self.doctype),
            ("animation", self.animations),
        ];
        let seen: Vec<String> = active.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}")).collect();
        let mut findings = Vec::new();
        if !seen.is_empty() {
            findings.push(stripped(FindingCode::ActiveContent, seen.join(", ")));
        }
        if self.images > 0 {
            findings.push(note(FindingCode::PageLoss, format!("image {}", self.images)));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RenderLimits = RenderLimits { dpi: 96, max_pages: 1, max_page_pixels: 1_000_000, max_page_text: 1 };

    fn drawing(body: &str) -> String {
        format!(r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20" height="10">{body}</svg>"#)
    }

    #[test]
    fn a_drawing_keeps_its_transparency_and_loses_its_scripts() {
        let text = drawing(
            r#"<script>alert(1)</script><rect width="10" height="10" fill="red" onclick="x()"/><image xlink:href="file:///etc/passwd" width="5" height="5"/>"#,
        );
        let picture = render_svg(text.as_bytes(), &LIMITS, &Fonts::none()).unwrap();
        assert_eq!((picture.start.width_px, picture.start.height_px), (20, 10));
        assert_eq!((picture.start.width_pt, picture.start.pixels), (15.0, PixelFormat::Rgba8));
        assert_eq!(picture.pixels.get(..4), Some(&[255, 0, 0, 255][..]));
        assert_eq!(picture.pixels.get(19 * 4..20 * 4), Some(&[0, 0, 0, 0][..]));
        let seen = LeftBehind::of(&text);
        assert_eq!((seen.scripts, seen.external, seen.images), (2, 1, 1));
        assert_eq!(picture.findings.len(), 2);
    }

    #[test]
    fn gigantic_and_broken_drawings_are_bounded() {
        let huge = r#"<svg xmlns="http://www.w3.org/2000/svg" width="1e9" height="1e9"><rect width="1e9" height="1e9"/></svg>"#;
        let picture = render_svg(huge.as_bytes(), &LIMITS, &Fonts::none()).unwrap();
        assert!(u64::from(picture.start.width_px) * u64::from(picture.start.height_px) <= LIMITS.max_page_pixels);
        assert!(matches!(render_svg(b"<svg", &LIMITS, &Fonts::none()), Err(RenderError::Malformed)));
        assert!(matches!(render_svg(&[0x1F, 0x8B, 8], &LIMITS, &Fonts::none()), Err(RenderError::Unsupported)));
        let laughs = r#"<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;">]><svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"><text>&e;</text></svg>"#;
        assert!(render_svg(laughs.as_bytes(), &LIMITS, &Fonts::none()).is_err());
    }

    #[test]
    fn nothing_from_elsewhere_is_painted() {
        let inside = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0naHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmcnIHdpZHRoPScyMCcgaGVpZ2h0PScxMCc+PHJlY3Qgd2lkdGg9JzIwJyBoZWlnaHQ9JzEwJy8+PC9zdmc+";
        for body in [
            r#"<image href="file:///etc/passwd" width="20" height="10"/>"#.to_owned(),
            r#"<image href="http://boese.example/a.png" width="20" height="10"/>"#.to_owned(),
            format!(r#"<image href="{inside}" width="20" height="10"/>"#),
            r#"<use href="file:///etc/hostname#a"/>"#.to_owned(),
            r#"<foreignObject width="20" height="10"><p xmlns="http://www.w3.org/1999/xhtml">Text</p></foreignObject>"#.to_owned(),
            "<style>@import url(http://boese.example/a.css);</style>".to_owned(),
            format!(r#"<filter id="f"><feImage href="{inside}"/></filter><rect width="20" height="10" fill="none" filter="url(#f)"/>"#),
        ] {
            let picture = render_svg(drawing(&body).as_bytes(), &LIMITS, &Fonts::none()).unwrap();
            assert!(picture.pixels.iter().all(|value| *value == 0), "{body}");
            assert!(!picture.findings.is_empty() || body.starts_with("<style"), "{body}");
        }
    }

    #[test]
    fn an_entity_that_names_a_file_is_refused() {
        let text = r#"<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&a;</text></svg>"#;
        assert!(matches!(render_svg(text.as_bytes(), &LIMITS, &Fonts::none()), Err(RenderError::Malformed)));
    }
}

//! What the writer promises, looked at from inside and through other programs.

mod encoding;
mod readers;
mod structure;

use super::{Body, Document, EncodedPage, Page, Raster, Settings, TextRun, encode_page};

/// A raster whose pixel at (x, y) is `colour(x, y)`.
fn raster(width_px: u32, height_px: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Raster {
    let rgb = (0..height_px).flat_map(|y| (0..width_px).map(move |x| (x, y))).flat_map(|(x, y)| colour(x, y)).collect();
    Raster { width_px, height_px, rgb }
}

/// A page at 72 dpi without text.
fn page(raster: Raster) -> Page {
    Page { width_pt: raster.width_px as f32, height_pt: raster.height_px as f32, body: Body::Raster(raster), text: Vec::new() }
}

fn run(text: &str, x_pt: f32, y_pt: f32, width_pt: f32) -> TextRun {
    TextRun { text: text.into(), x_pt, y_pt, width_pt, size_pt: 12.0, angle_deg: 0.0 }
}

fn encoded(page: &Page) -> EncodedPage {
    encode_page(page, &Settings::default()).expect("page is valid")
}

fn file(pages: &[Page]) -> Vec<u8> {
    let mut document = Document::new(Some("de-DE"));
    pages.iter().map(encoded).for_each(|page| document.push(page));
    document.finish().expect("document is valid")
}

/// Repeatable noise, 0 to 255.
fn noise(x: u32, y: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE3D).to_be_bytes()[0]
}

/// A page of marks like anti-aliased letters: black cores, grey rims of every level, white paper.
fn letters(x: u32, y: u32) -> [u8; 3] {
    if !(60..540).contains(&x) || y % 24 > 14 || x % 9 > 5 || noise(x / 9, y / 24) > 200 {
        return [255; 3];
    }
    let rim = matches!(x % 9, 0 | 5) || matches!(y % 24, 0 | 14);
    if rim { [noise(x, y); 3] } else { [0; 3] }
}

/// A bright photograph-like surface: smooth, many colours.
fn photo(x: u32, y: u32) -> [u8; 3] {
    [(x * 255 / 600) as u8, (y * 255 / 600) as u8, ((x + y) * 255 / 1200) as u8]
}

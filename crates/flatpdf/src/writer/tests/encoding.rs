use super::super::{Encoding, MAX_RASTER_SIDE_PX, StripInfo, WriteError};
use super::*;

fn strips(raster: Raster) -> Vec<StripInfo> {
    encoded(&page(raster)).strips().collect()
}

fn only_encoding(raster: Raster) -> Encoding {
    let strips = strips(raster);
    assert_eq!(strips.len(), 1, "neighbours of one kind are one image: {strips:?}");
    strips[0].encoding
}

#[test]
fn white_costs_next_to_nothing() {
    let strips = strips(raster(1240, 1754, |_, _| [255; 3]));
    assert_eq!(strips[0].encoding, Encoding::Bilevel);
    assert_eq!((strips.len(), strips[0].rows), (1, 1754));
    assert!(strips[0].bytes < 250, "{strips:?}");
}

#[test]
fn black_and_white_is_group_4() {
    assert_eq!(only_encoding(raster(600, 300, |x, y| if noise(x / 5, y / 5) > 90 { [255; 3] } else { [0; 3] })), Encoding::Bilevel);
}

#[test]
fn two_other_colours_take_one_bit() {
    let drawn = raster(600, 300, |x, y| if noise(x / 9, y / 9) > 90 { [250, 240, 20] } else { [16, 16, 200] });
    assert_eq!(only_encoding(drawn), Encoding::Palette { bits: 1 });
}

#[test]
fn grey_letters_take_four_bits() {
    assert_eq!(only_encoding(raster(600, 640, letters)), Encoding::Palette { bits: 4 });
}

#[test]
fn a_slide_takes_a_palette() {
    let slide = raster(600, 256, |x, y| [(x / 20 * 8) as u8, (y / 64 * 50) as u8, 90]);
    assert_eq!(only_encoding(slide), Encoding::Palette { bits: 8 });
}

#[test]
fn a_grey_photo_keeps_eight_bits() {
    let speckled = raster(600, 300, |x, y| [(photo(x, y)[2] / 2) + noise(x, y) / 32; 3]);
    assert_eq!(only_encoding(speckled), Encoding::GreyJpeg);
    let gradient = raster(600, 300, |x, _| [(x * 255 / 600) as u8; 3]);
    assert_eq!(only_encoding(gradient), Encoding::Grey);
}

#[test]
fn a_colour_photo_is_jpeg_without_metadata() {
    let photograph = page(raster(600, 600, photo));
    assert_eq!(encoded(&photograph).strips().map(|strip| strip.encoding).collect::<Vec<_>>(), [Encoding::ColourJpeg]);
    let bytes = file(&[photograph]);
    let start = bytes.windows(3).position(|window| window == [0xFF, 0xD8, 0xFF]).expect("there is a JPEG");
    let mut segments = Vec::new();
    let mut rest = &bytes[start + 2..];
    while rest[1] != 0xDA {
        segments.push(rest[1]);
        rest = &rest[2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]))..];
    }
    let metadata: Vec<u8> = segments.into_iter().filter(|marker| matches!(marker, 0xE0..=0xEF | 0xFE)).collect();
    assert_eq!(metadata, [0xE0], "only JFIF");
}

#[test]
fn each_strip_chooses_for_itself() {
    let mixed = raster(600, 640, |x, y| if (128..320).contains(&y) { photo(x, y) } else { letters(x, y) });
    let strips = strips(mixed);
    let choices: Vec<(Encoding, u32)> = strips.iter().map(|strip| (strip.encoding, strip.rows)).collect();
    let letters = Encoding::Palette { bits: 4 };
    assert_eq!(choices, [(letters, 128), (Encoding::ColourJpeg, 192), (letters, 320)]);
}

#[test]
fn pale_fills_survive_next_to_white() {
    // 250 rounds to the same 4-bit level as 255; a table header must not vanish into the paper.
    let table = page(raster(600, 128, |x, y| if y < 60 { [250; 3] } else { letters(x, y) }));
    let bytes = file(&[table]);
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("FAFAFA") && text.contains("FFFFFF"), "both are palette entries");
}

#[test]
fn rasters_that_do_not_fit_their_sides_are_refused() {
    let mut short = raster(10, 10, letters);
    short.rgb.pop();
    assert!(matches!(encode_page(&page(short), &Settings::default()), Err(WriteError::RasterLength { expected: 300, found: 299 })));
    for (width_px, height_px) in [(0, 5), (5, 0), (MAX_RASTER_SIDE_PX + 1, 1)] {
        let body = Body::Raster(Raster { width_px, height_px, rgb: vec![0; (width_px * height_px * 3) as usize] });
        let sized = Page { width_pt: 100.0, height_pt: 100.0, body, text: Vec::new() };
        assert!(matches!(encode_page(&sized, &Settings::default()), Err(WriteError::RasterSize { .. })));
    }
}

//! Pictures that promise, hide or break off: with the builders of the sample medium, at small limits.

use super::*;
use testkit::image;

fn field(x: u32, y: u32) -> [u8; 3] {
    [(x * 5) as u8, (y * 7) as u8, 120]
}

/// The one page of a picture: its pixels, and what was said about it.
fn page(bytes: Vec<u8>, format: Format) -> (Vec<u8>, Vec<FindingCode>) {
    let mut seen = render(bytes, format).unwrap();
    assert_eq!((seen.document, seen.pages.len()), (1, 1));
    (seen.pages.remove(0).1, seen.findings.remove(0))
}

/// A small picture of every kind that has a builder.
fn whole() -> Vec<(Format, Vec<u8>)> {
    let stripes = |x: u32, y: u32| ((x / 3 + y / 2) % 8) as u8;
    vec![
        (Format::Png, image::png_of(24, 16, field)),
        (Format::Jpeg, image::jpeg_of(24, 16, image::landscape(24, 16)).unwrap()),
        (Format::Gif, image::gif_of(24, 16, &[&stripes])),
        (Format::Bmp, image::bmp_of(24, 16, field)),
        (Format::Tiff, image::tiff_of(24, 16, &[(0..24 * 16).map(|n| (n % 251) as u8).collect()])),
        (Format::Webp, image::webp_of(24, 16, stripes)),
        (Format::Ico, image::ico_of(24, &image::alpha_png_of(24, 24, |x, y| [x as u8, y as u8, 9, 200]))),
    ]
}

#[test]
fn gigantic_sizes_are_refused_before_decoding() {
    for (bytes, format) in [
        (image::png_bomb(65_535, 65_535), Format::Png),
        (image::gif_promising(65_535, 65_535), Format::Gif),
        (image::bmp_promising(60_000, 60_000), Format::Bmp),
        (image::tiff_promising(u32::MAX, u32::MAX), Format::Tiff),
        (image::webp_promising(), Format::Webp),
    ] {
        assert!(matches!(render(bytes, format), Err(RenderError::Pixels(10_000))), "{format}");
    }
}

#[test]
fn metadata_changes_no_pixel_however_much_it_is() {
    let plain = page(image::png_of(24, 16, field), Format::Png).0;
    for (kind, body) in [(*b"eXIf", vec![7; 300_000]), (*b"iCCP", image::icc_bomb(64 << 20)), (*b"tEXt", b"Comment\0vertraulich".to_vec())]
    {
        let (pixels, findings) = page(image::png_with_chunks(24, 16, &[(kind, body)], field), Format::Png);
        assert!(pixels == plain, "{kind:?}");
        assert_eq!(findings, [FindingCode::Metadata], "{kind:?}");
    }
    let plain = page(image::jpeg_of(24, 16, field).unwrap(), Format::Jpeg).0;
    let thumbnail = image::jpeg_of(24, 16, |_, _| [255, 0, 0]).unwrap();
    let exif = image::exif_with_thumbnail(&thumbnail, &vec![9; 50_000]);
    assert_eq!(page(image::jpeg_with_exif(24, 16, &exif, field).unwrap(), Format::Jpeg), (plain, vec![FindingCode::Metadata]));
}

#[test]
fn a_palette_of_too_many_colours_is_refused() {
    let bytes = image::png_with_chunks(24, 16, &[(*b"PLTE", vec![1; 60_000])], field);
    assert!(matches!(render(bytes, Format::Png), Err(RenderError::Malformed)));
}

#[test]
fn bytes_behind_a_picture_reach_no_pixel() {
    for (format, bytes) in whole() {
        let plain = page(bytes.clone(), format).0;
        let longer = [bytes, b"Noch etwas, das kein Bild ist.".repeat(40)].concat();
        assert!(page(longer, format).0 == plain, "{format}");
    }
}

#[test]
fn a_picture_that_breaks_off_is_refused() {
    for (format, bytes) in whole() {
        // The decoder of JPEG fills what is missing; identification refuses such a file before it comes here.
        for part in (1..10).filter(|part| format != Format::Jpeg || *part < 3) {
            let cut = bytes[..bytes.len() * part / 10].to_vec();
            assert!(render(cut, format).is_err(), "{format}: {part} tenths");
        }
    }
}

#[test]
fn four_inks_and_sixteen_bits_become_eight_bit_colours() {
    // Cyan and no black: red is missing, the rest is there.
    let cyan = page(image::cmyk_jpeg_of(24, 16, |_, _| [255, 0, 0, 0]).unwrap(), Format::Jpeg).0;
    assert!(matches!(cyan[..3], [red, green, blue] if red < 40 && green > 200 && blue > 200), "{:?}", &cyan[..3]);
    let eight = page(image::png_of(24, 16, field), Format::Png).0;
    for (bytes, format) in [(image::deep_png_of(24, 16, field), Format::Png), (image::deep_tiff_of(24, 16, field), Format::Tiff)] {
        let deep = page(bytes, format).0;
        assert!(deep.iter().zip(&eight).all(|(a, b)| a.abs_diff(*b) <= 1), "{format}");
    }
}

#[test]
fn of_an_animation_only_the_first_picture_is_kept() {
    let (pixels, findings) = page(image::animated_png_of(24, 16, field, |_, _| [9, 9, 200]), Format::Png);
    assert_eq!((pixels, findings), (page(image::png_of(24, 16, field), Format::Png).0, vec![FindingCode::Metadata]));
    let first = |x: u32, _: u32| (x % 8) as u8;
    let second = |_: u32, y: u32| (y % 8) as u8;
    let (pixels, findings) = page(image::animated_webp_of(24, 16, &[&first, &second]), Format::Webp);
    assert_eq!(findings, [FindingCode::Metadata]);
    // Blending on the background rounds.
    let alone = page(image::webp_of(24, 16, first), Format::Webp).0;
    assert!(pixels.len() == alone.len() && pixels.iter().zip(&alone).all(|(a, b)| a.abs_diff(*b) <= 1));
}

use super::*;
use image::{DynamicImage, ImageFormat, RgbImage, RgbaImage};
use std::io::Cursor;

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn picture() -> DynamicImage {
    RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 7])).into()
}

fn code<T>(result: Result<T, Refusal>) -> &'static str {
    result.err().map_or("accepted", |(code, _)| code)
}

fn chunk(name: &[u8], body: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(name);
    crc.update(body);
    [&(body.len() as u32).to_be_bytes()[..], name, body, &crc.sum().to_be_bytes()].concat()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn png(chunks: &[Vec<u8>]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

/// `IHDR` of a 2 × 2 image.
fn header(depth: u8, colour: u8) -> Vec<u8> {
    chunk(b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 2, depth, colour, 0, 0, 0])
}

fn end() -> Vec<u8> {
    chunk(b"IEND", &[])
}

#[test]
fn encoded_png_is_accepted_and_every_damage_refused() {
    for whole in [encode(&picture(), ImageFormat::Png), encode(&RgbaImage::new(9, 9).into(), ImageFormat::Png)] {
        assert_eq!(verify_png(&whole, 10_000), Ok(()));
        for length in 0..whole.len() {
            assert!(verify_png(&whole[..length], 10_000).is_err(), "cut at {length}");
        }
        for position in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[position] ^= 0x10;
            assert!(verify_png(&flipped, 10_000).is_err(), "flipped at {position}");
        }
        assert_eq!(code(verify_png(&[&whole[..], b"PK"].concat(), 10_000)), "png-trailing");
        assert_eq!(code(verify_png(&whole, 20)), "png-pixels");
    }
}

#[test]
fn a_png_with_anything_else_inside_is_refused() {
    let rows = zlib(&[0, 1, 2, 0, 3, 4]);
    let data = || chunk(b"IDAT", &rows);
    assert_eq!(verify_png(&png(&[header(8, 0), data(), end()]), 4), Ok(()));
    let (first, second) = rows.split_at(4);
    assert_eq!(verify_png(&png(&[header(8, 0), chunk(b"IDAT", first), chunk(b"IDAT", second), end()]), 4), Ok(()));
    let palette = chunk(b"PLTE", &[0; 6]);
    let two_colours = chunk(b"IDAT", &zlib(&[0, 0x40, 0, 0x80]));
    assert_eq!(verify_png(&png(&[header(1, 3), palette.clone(), two_colours.clone(), end()]), 4), Ok(()));
    let density = chunk(b"pHYs", &[0; 9]);
    assert_eq!(verify_png(&png(&[header(8, 0), density, data(), end()]), 4), Ok(()));
    let refused = [
        ("png-chunk", vec![header(8, 0), chunk(b"tEXt", b"Comment\0x"), data(), end()]),
        ("png-chunk", vec![header(8, 0), data(), chunk(b"eXIf", b"x"), end()]),
        ("png-chunk", vec![header(8, 0), header(8, 0), data(), end()]),
        ("png-chunk", vec![data(), end()]),
        ("png-chunk", vec![header(8, 0), end()]),
        ("png-header", vec![chunk(b"IHDR", &[0, 0, 0, 2, 0, 0, 0, 2, 8, 0, 0, 0, 1]), data(), end()]),
        ("png-header", vec![chunk(b"IHDR", &[0, 0, 0, 0, 0, 0, 0, 2, 8, 0, 0, 0, 0]), data(), end()]),
        ("png-palette", vec![header(1, 3), two_colours, end()]),
        ("png-palette", vec![header(8, 0), palette, data(), end()]),
        ("png-filter", vec![header(8, 0), chunk(b"IDAT", &zlib(&[0, 1, 2, 9, 3, 4])), end()]),
        ("png-stream-short", vec![header(8, 0), chunk(b"IDAT", &zlib(&[0, 1, 2, 0, 3])), end()]),
        ("png-stream-long", vec![header(8, 0), chunk(b"IDAT", &zlib(&[0; 7])), end()]),
        ("png-stream-long", vec![header(8, 0), chunk(b"IDAT", &zlib(&vec![0; 10_000_000])), end()]),
        ("png-stream-trailing", vec![header(8, 0), chunk(b"IDAT", &[&rows[..], b"x"].concat()), end()]),
        ("png-stream-trailing", vec![header(8, 0), data(), chunk(b"IDAT", b"hidden"), end()]),
        ("png-end", vec![header(8, 0), data(), chunk(b"IEND", b"x")]),
    ];
    for (expected, chunks) in refused {
        assert_eq!(code(verify_png(&png(&chunks), 4)), expected);
    }
}

#[test]
fn encoded_jpeg_is_accepted_and_additions_refused() {
    for picture in [picture(), DynamicImage::ImageLuma8(picture().into_luma8())] {
        let whole = encode(&picture, ImageFormat::Jpeg);
        assert_eq!(verify_jpeg(&whole), Ok(()));
        for length in 0..whole.len() {
            assert!(verify_jpeg(&whole[..length]).is_err(), "cut at {length}");
        }
        assert_eq!(code(verify_jpeg(&[&whole[..], b"<script>"].concat())), "jpeg-trailing");
        for marker in [0xE1, 0xE2, 0xED, 0xFE, 0xC2] {
            let extra = [&whole[..2], &[0xFF, marker, 0, 4, 1, 2], &whole[2..]].concat();
            assert_eq!(code(verify_jpeg(&extra)), "jpeg-segment");
        }
        let thumbnail = [&whole[..2], b"\xFF\xE0\0\x13JFIF\0\x01\x02\0\0\x01\0\x01\x01\x01abc", &whole[20..]].concat();
        assert_eq!(code(verify_jpeg(&thumbnail)), "jpeg-segment-content");
    }
    assert_eq!(code(verify_jpeg(b"")), "jpeg-start");
    assert_eq!(code(verify_jpeg(&[0xFF, 0xD8, 0xFF, 0xD9])), "jpeg-no-scan");
}

#[test]
fn text_is_judged_character_by_character() {
    assert_eq!(verify_text("Grüße\n\t東 ❤\u{FE0F} 1\u{FE0F}".as_bytes(), false), Ok(()));
    assert_eq!(verify_text(b"ab\xFF", false), Err(("text-utf8", 2)));
    for (text, offset) in [("a\r\n", 1), ("\u{1B}[0m", 0), ("ab\u{202E}", 2), ("a\u{FE0F}", 1), ("\u{FEFF}a", 0), ("a\u{200D}", 1)] {
        assert_eq!(verify_text(text.as_bytes(), false), Err(("text-control", offset)));
    }
}

#[test]
fn tables_are_judged_cell_by_cell() {
    for table in ["a,b\n-1,+2.5\n", "a;-1,5;x\n", "'=1,\"b, c\"\n", "-\n--\n", "", "a-b,c=d,e@f\n", "3e-4,-3E+4,-5%\n"] {
        assert_eq!(verify_text(table.as_bytes(), true), Ok(()), "{table}");
    }
    for table in [
        "=1",
        "a,=1",
        "a;=1",
        "a\t=1",
        "a|=1",
        "a,\"=1\"",
        "a,\"\"\"=1\"",
        "x\n@a",
        "+49 30",
        "-1x",
        "\u{FF1D}1",
        "a,  =1",
        "a,\"b;-c\"",
        ",\"-1,cmd|x\"",
        "\"a\n-\"a",
        "\"a\n-1\"\"x\"",
        "\"a\",\"\t\"",
    ] {
        assert_eq!(code(verify_text(table.as_bytes(), true)), "csv-formula", "{table}");
    }
    assert_eq!(code(verify_text(b"sep=|\na", true)), "csv-separator-line");
    assert_eq!(code(verify_text(b"\n\n\"SEP=|\"\na", true)), "csv-separator-line");
    for table in ["a\"", "\"a\"b", "\"a", "a,\"b\"\"", "a\"b\",c"] {
        assert_eq!(code(verify_text(table.as_bytes(), true)), "csv-quotes", "{table}");
    }
    assert_eq!(verify_text(b"=1", false), Ok(()));
}

//! Pictures: PNG, JPEG with metadata, GIF, BMP, TIFF, WebP, ICO, and PNG files that are not what they should be.
//!
//! **Invariant:** integers only, so that a picture has the same bytes on every machine.

mod tricks;

pub use tricks::{
    alpha_png_of, animated_png_of, animated_webp_of, bmp_promising, cmyk_jpeg_of, deep_png_of, deep_tiff_of, exif_with_thumbnail,
    gif_promising, icc_bomb, png_with_chunks, tiff_promising, webp_promising,
};

use crate::bits::{self, BitWriter};
use anyhow::{Context as _, Result};

/// Red, green, blue.
pub type Rgb = [u8; 3];

fn rgb_rows(width: u32, height: u32, pixel: impl Fn(u32, u32) -> Rgb) -> Vec<u8> {
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect()
}

fn png_chunk(out: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) {
    let mut checked = kind.to_vec();
    checked.extend(body);
    out.extend((body.len() as u32).to_be_bytes());
    out.extend(&checked);
    out.extend(bits::crc32(&checked).to_be_bytes());
}

fn png_from(width: u32, height: u32, depth: u8, colour: u8, texts: &[(&str, &str)], idat: &[u8]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1A\n".to_vec();
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend([depth, colour, 0, 0, 0]);
    png_chunk(&mut out, *b"IHDR", &head);
    for (key, value) in texts {
        png_chunk(&mut out, *b"tEXt", &[key.as_bytes(), b"\0", &bits::windows_1252(value)].concat());
    }
    png_chunk(&mut out, *b"IDAT", idat);
    png_chunk(&mut out, *b"IEND", &[]);
    out
}

/// A PNG of 8-bit RGB pixels.
pub fn png_of(width: u32, height: u32, pixel: impl Fn(u32, u32) -> Rgb) -> Vec<u8> {
    png_with_text(width, height, &[], pixel)
}

/// A PNG with `tEXt` metadata.
pub fn png_with_text(width: u32, height: u32, texts: &[(&str, &str)], pixel: impl Fn(u32, u32) -> Rgb) -> Vec<u8> {
    let rows = rgb_rows(width, height, pixel);
    let filtered: Vec<u8> = rows.chunks(width as usize * 3).flat_map(|row| std::iter::once(0).chain(row.iter().copied())).collect();
    png_from(width, height, 8, 2, texts, &bits::zlib(&filtered))
}

/// A decompression bomb: a valid, all-black 1-bit PNG of the given size in about a thousandth of its bytes.
pub fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    let row = u64::from(width).div_ceil(8) + 1;
    png_from(width, height, 1, 0, &[], &bits::zlib_zeros(row * u64::from(height)))
}

/// A JPEG (quality 85).
///
/// # Errors
/// When the size is 0 or past 65,535.
pub fn jpeg_of(width: u16, height: u16, pixel: impl Fn(u32, u32) -> Rgb) -> Result<Vec<u8>> {
    encode_jpeg(width, height, &rgb_rows(width.into(), height.into(), pixel), jpeg_encoder::ColorType::Rgb, None)
}

/// A JPEG with an EXIF segment (`exif` begins with the TIFF header).
///
/// # Errors
/// As [`jpeg_of`].
pub fn jpeg_with_exif(width: u16, height: u16, exif: &[u8], pixel: impl Fn(u32, u32) -> Rgb) -> Result<Vec<u8>> {
    encode_jpeg(width, height, &rgb_rows(width.into(), height.into(), pixel), jpeg_encoder::ColorType::Rgb, Some(exif))
}

/// A grey JPEG, as a scanner makes it.
///
/// # Errors
/// As [`jpeg_of`].
pub fn grey_jpeg_of(width: u16, height: u16, rows: &[u8]) -> Result<Vec<u8>> {
    encode_jpeg(width, height, rows, jpeg_encoder::ColorType::Luma, None)
}

fn encode_jpeg(width: u16, height: u16, rows: &[u8], colour: jpeg_encoder::ColorType, exif: Option<&[u8]>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut out, 85);
    if let Some(exif) = exif {
        encoder.add_app_segment(1, [b"Exif\0\0", exif].concat()).context("EXIF segment")?;
    }
    encoder.encode(rows, width, height, colour).context("JPEG encoder")?;
    Ok(out)
}

/// EXIF of a telephone camera, with owner and place (Brandenburg Gate, Berlin). Layout: EXIF 2.32, 4.6; little-endian.
pub fn exif_with_gps(orientation: u16) -> Vec<u8> {
    const ASCII: u16 = 2;
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    const RATIONAL: u16 = 5;
    let rationals = |values: &[u32]| values.iter().flat_map(|v| [v.to_le_bytes(), 1u32.to_le_bytes()].concat()).collect::<Vec<u8>>();
    let ifd0_length = 2 + 12 * 6 + 4;
    let ifd0: Vec<(u16, u16, u32, Vec<u8>)> = vec![
        (0x010F, ASCII, 12, b"Musterphone\0".to_vec()),
        (0x0110, ASCII, 9, b"Modell 7\0".to_vec()),
        (0x0112, SHORT, 1, orientation.to_le_bytes().to_vec()),
        (0x0132, ASCII, 20, b"2026:01:15 12:00:00\0".to_vec()),
        (0x013B, ASCII, 17, b"Erika Mustermann\0".to_vec()),
    ];
    let gps: Vec<(u16, u16, u32, Vec<u8>)> = vec![
        (1, ASCII, 2, b"N\0".to_vec()),
        (2, RATIONAL, 3, rationals(&[52, 30, 59])),
        (3, ASCII, 2, b"E\0".to_vec()),
        (4, RATIONAL, 3, rationals(&[13, 22, 40])),
    ];
    let outside = |ifd: &[(u16, u16, u32, Vec<u8>)]| ifd.iter().map(|e| e.3.len()).filter(|l| *l > 4).sum::<usize>();
    let gps_at = 8 + ifd0_length + outside(&ifd0);
    let mut first = ifd0;
    first.push((0x8825, LONG, 1, (gps_at as u32).to_le_bytes().to_vec()));
    let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
    for ifd in [first, gps] {
        append_ifd(&mut out, &ifd, 0);
    }
    out
}

/// One TIFF image file directory at the end of `out`, its long values behind it (TIFF 6.0, section 2).
fn append_ifd(out: &mut Vec<u8>, entries: &[(u16, u16, u32, Vec<u8>)], next: u32) {
    let mut values_at = out.len() + 2 + 12 * entries.len() + 4;
    let mut values: Vec<u8> = Vec::new();
    out.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(count.to_le_bytes());
        if value.len() <= 4 {
            out.extend(value.iter().copied().chain([0; 4]).take(4));
        } else {
            out.extend((values_at as u32).to_le_bytes());
            values_at += value.len();
            values.extend(value);
        }
    }
    out.extend(next.to_le_bytes());
    out.extend(values);
}

/// A TIFF of uncompressed grey pages, all of one size (below 65,536 each way).
pub fn tiff_of(width: u16, height: u16, pages: &[Vec<u8>]) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    const RATIONAL: u16 = 5;
    let short = |tag: u16, value: u16| (tag, SHORT, 1u32, value.to_le_bytes().to_vec());
    let long = |tag: u16, value: u32| (tag, LONG, 1u32, value.to_le_bytes().to_vec());
    let resolution = |tag: u16| (tag, RATIONAL, 1u32, [150u32.to_le_bytes(), 1u32.to_le_bytes()].concat());
    let mut out = b"II\x2A\0".to_vec();
    let mut link_at = out.len();
    out.extend([0; 4]);
    for pixels in pages {
        let strip_at = out.len() as u32;
        out.extend(pixels);
        if !out.len().is_multiple_of(2) {
            out.push(0);
        }
        let ifd_at = out.len() as u32;
        if let Some(link) = out.get_mut(link_at..link_at + 4) {
            link.copy_from_slice(&ifd_at.to_le_bytes());
        }
        let entries = [
            short(256, width),
            short(257, height),
            short(258, 8),
            short(259, 1),
            short(262, 1),
            long(273, strip_at),
            short(277, 1),
            short(278, height),
            long(279, pixels.len() as u32),
            resolution(282),
            resolution(283),
            short(296, 2),
        ];
        link_at = out.len() + 2 + 12 * entries.len();
        append_ifd(&mut out, &entries, 0);
    }
    out
}

/// A BMP, 24 bits per pixel.
pub fn bmp_of(width: u32, height: u32, pixel: impl Fn(u32, u32) -> Rgb) -> Vec<u8> {
    let padding = vec![0; (4 - (width as usize * 3) % 4) % 4];
    let mut rows = Vec::new();
    for y in (0..height).rev() {
        for x in 0..width {
            let [r, g, b] = pixel(x, y);
            rows.extend([b, g, r]);
        }
        rows.extend(&padding);
    }
    let mut out = b"BM".to_vec();
    for field in [54 + rows.len() as u32, 0, 54, 40, width, height, 1 | 24 << 16, 0, rows.len() as u32, 3780, 3780, 0, 0] {
        out.extend(field.to_le_bytes());
    }
    out.extend(rows);
    out
}

/// An animated GIF; a frame gives an index into the palette of eight colours. Codes are written uncompressed, with a clear
/// code before the table would grow to the next code length (GIF89a, appendix F).
pub fn gif_of(width: u16, height: u16, frames: &[&dyn Fn(u32, u32) -> u8]) -> Vec<u8> {
    const PALETTE: [Rgb; 8] =
        [[0, 0, 0], [255, 255, 255], [200, 30, 30], [30, 140, 60], [40, 80, 180], [240, 200, 40], [120, 120, 120], [230, 230, 230]];
    let mut out = b"GIF89a".to_vec();
    out.extend(width.to_le_bytes());
    out.extend(height.to_le_bytes());
    out.extend([0b1010_0010, 0, 0]);
    out.extend(PALETTE.concat());
    out.extend(b"\x21\xFF\x0BNETSCAPE2.0\x03\x01\0\0\0");
    for frame in frames {
        out.extend(b"\x21\xF9\x04\x04\x32\0\0\0\x2C\0\0\0\0");
        out.extend(width.to_le_bytes());
        out.extend(height.to_le_bytes());
        out.extend([0, 3]);
        let mut codes = BitWriter::default();
        for (index, (x, y)) in (0..u32::from(height)).flat_map(|y| (0..u32::from(width)).map(move |x| (x, y))).enumerate() {
            if index % 6 == 0 {
                codes.bits(8, 4); // clear: codes stay four bits long
            }
            codes.bits(u32::from(frame(x, y) & 7), 4);
        }
        codes.bits(9, 4);
        for block in codes.finish().chunks(255) {
            out.push(block.len() as u8);
            out.extend(block);
        }
        out.push(0);
    }
    out.push(0x3B);
    out
}

/// A lossless WebP in which every channel has one of two values: bit 0 of the pixel is red, 1 green, 2 blue
/// (WebP lossless bitstream, sections 3 to 6: no transform, no cache, five simple prefix codes).
pub fn webp_of(width: u16, height: u16, pixel: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let mut stream = BitWriter::default();
    stream.bits(0x2F, 8);
    stream.bits(u32::from(width) - 1, 14);
    stream.bits(u32::from(height) - 1, 14);
    stream.bits(0, 4); // opaque, version 0
    stream.bits(0, 3); // no transform, no colour cache, one group of codes
    for _green_red_blue in 0..3 {
        stream.bits(0b111, 3); // simple code, two symbols, the first of eight bits
        stream.bits(40, 8);
        stream.bits(220, 8);
    }
    stream.bits(0b101, 3); // alpha: one symbol of eight bits
    stream.bits(255, 8);
    stream.bits(0b001, 4); // distance: one symbol of one bit, never used
    for (x, y) in (0..u32::from(height)).flat_map(|y| (0..u32::from(width)).map(move |x| (x, y))) {
        let colour = u32::from(pixel(x, y));
        for bit in [colour >> 1, colour, colour >> 2] {
            stream.bits(bit & 1, 1);
        }
    }
    let mut body = stream.finish();
    let length = body.len() as u32;
    if !body.len().is_multiple_of(2) {
        body.push(0);
    }
    let mut out = b"RIFF".to_vec();
    out.extend((12 + body.len() as u32).to_le_bytes());
    out.extend(b"WEBPVP8L");
    out.extend(length.to_le_bytes());
    out.extend(body);
    out
}

/// An icon with one PNG picture (size below 256 each way).
pub fn ico_of(size: u8, png: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, 1, 0, 1, 0, size, size, 0, 0, 1, 0, 32, 0];
    out.extend((png.len() as u32).to_le_bytes());
    out.extend(22u32.to_le_bytes());
    out.extend(png);
    out
}

/// Height of a line of hills at `x`, 0 to 255: two octaves of interpolated lattice noise.
fn hills(x: u32, seed: u32, wavelength: u32) -> u32 {
    let lattice = |n: u32| (n.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 13) & 0xFF;
    let octave = |length: u32| {
        let (n, t) = (x / length, (x % length) * 256 / length);
        let smooth = t * t * (768 - 2 * t) / 65_536; // 3t² − 2t³ in 256ths
        (lattice(n) * (256 - smooth) + lattice(n + 1) * smooth) / 256
    };
    (octave(wavelength) * 3 + octave((wavelength / 4).max(1))) / 4
}

/// A procedural landscape: evening sky, sun, mountains, hills, a lake. Pixel of a picture of the given size.
pub fn landscape(width: u32, height: u32) -> impl Fn(u32, u32) -> Rgb {
    move |x, y| {
        let grain = ((x.wrapping_mul(73_856_093) ^ y.wrapping_mul(19_349_663)).wrapping_mul(2_654_435_761) >> 28) as i32 - 8;
        let (sun_x, sun_y, sun_r) = (width * 7 / 10, height * 3 / 10, height / 14);
        let mountains = height / 2 - hills(x, 7, width / 6) * height / 900;
        let near = height * 13 / 20 - hills(x, 99, width / 4) * height / 1600;
        let shore = height * 4 / 5;
        let mix = |a: Rgb, b: Rgb, part: u32, whole: u32| -> Rgb {
            std::array::from_fn(|i| {
                let (a, b) = (u32::from(a.get(i).copied().unwrap_or(0)), u32::from(b.get(i).copied().unwrap_or(0)));
                ((a * whole.saturating_sub(part) + b * part.min(whole)) / whole.max(1)) as u8
            })
        };
        let sky = |y: u32| mix([64, 110, 180], [250, 200, 150], y, height / 2);
        let colour = if y >= shore {
            let mirrored = sky((shore * 2).saturating_sub(y).min(height / 2) / 2);
            let wave = (x / 9 + y * 3).wrapping_mul(2_654_435_761) >> 30;
            mix(mirrored, [20, 50, 80], 110 + 20 * wave, 256)
        } else if y >= near {
            mix([60, 110, 50], [110, 140, 60], (y - near) * 3, height / 3)
        } else if y >= mountains {
            mix([110, 115, 140], [70, 95, 90], y - mountains, height / 4)
        } else if x.abs_diff(sun_x).pow(2) + y.abs_diff(sun_y).pow(2) < sun_r * sun_r {
            [255, 244, 214]
        } else {
            sky(y)
        };
        colour.map(|c| (i32::from(c) + grain).clamp(0, 255) as u8)
    }
}

/// Letters of five columns, lowest bit on top; A–Z, 0–9 and a few signs.
const GLYPHS: &[(char, [u8; 5])] = &[
    ('A', [0x7E, 0x11, 0x11, 0x11, 0x7E]),
    ('B', [0x7F, 0x49, 0x49, 0x49, 0x36]),
    ('C', [0x3E, 0x41, 0x41, 0x41, 0x22]),
    ('D', [0x7F, 0x41, 0x41, 0x22, 0x1C]),
    ('E', [0x7F, 0x49, 0x49, 0x49, 0x41]),
    ('F', [0x7F, 0x09, 0x09, 0x09, 0x01]),
    ('G', [0x3E, 0x41, 0x49, 0x49, 0x7A]),
    ('H', [0x7F, 0x08, 0x08, 0x08, 0x7F]),
    ('I', [0x00, 0x41, 0x7F, 0x41, 0x00]),
    ('J', [0x20, 0x40, 0x41, 0x3F, 0x01]),
    ('K', [0x7F, 0x08, 0x14, 0x22, 0x41]),
    ('L', [0x7F, 0x40, 0x40, 0x40, 0x40]),
    ('M', [0x7F, 0x02, 0x0C, 0x02, 0x7F]),
    ('N', [0x7F, 0x04, 0x08, 0x10, 0x7F]),
    ('O', [0x3E, 0x41, 0x41, 0x41, 0x3E]),
    ('P', [0x7F, 0x09, 0x09, 0x09, 0x06]),
    ('Q', [0x3E, 0x41, 0x51, 0x21, 0x5E]),
    ('R', [0x7F, 0x09, 0x19, 0x29, 0x46]),
    ('S', [0x46, 0x49, 0x49, 0x49, 0x31]),
    ('T', [0x01, 0x01, 0x7F, 0x01, 0x01]),
    ('U', [0x3F, 0x40, 0x40, 0x40, 0x3F]),
    ('V', [0x1F, 0x20, 0x40, 0x20, 0x1F]),
    ('W', [0x3F, 0x40, 0x38, 0x40, 0x3F]),
    ('X', [0x63, 0x14, 0x08, 0x14, 0x63]),
    ('Y', [0x07, 0x08, 0x70, 0x08, 0x07]),
    ('Z', [0x61, 0x51, 0x49, 0x45, 0x43]),
    ('Ä', [0x79, 0x14, 0x12, 0x14, 0x79]),
    ('Ö', [0x3D, 0x42, 0x42, 0x42, 0x3D]),
    ('Ü', [0x3D, 0x40, 0x40, 0x40, 0x3D]),
    ('0', [0x3E, 0x51, 0x49, 0x45, 0x3E]),
    ('1', [0x00, 0x42, 0x7F, 0x40, 0x00]),
    ('2', [0x42, 0x61, 0x51, 0x49, 0x46]),
    ('3', [0x21, 0x41, 0x45, 0x4B, 0x31]),
    ('4', [0x18, 0x14, 0x12, 0x7F, 0x10]),
    ('5', [0x27, 0x45, 0x45, 0x45, 0x39]),
    ('6', [0x3C, 0x4A, 0x49, 0x49, 0x30]),
    ('7', [0x01, 0x71, 0x09, 0x05, 0x03]),
    ('8', [0x36, 0x49, 0x49, 0x49, 0x36]),
    ('9', [0x06, 0x49, 0x49, 0x29, 0x1E]),
    ('.', [0x00, 0x60, 0x60, 0x00, 0x00]),
    (',', [0x00, 0x50, 0x30, 0x00, 0x00]),
    (':', [0x00, 0x36, 0x36, 0x00, 0x00]),
    ('-', [0x08, 0x08, 0x08, 0x08, 0x08]),
    ('/', [0x20, 0x10, 0x08, 0x04, 0x02]),
];

/// Grey rows of a page with printed lines on slightly uneven paper, as from a flatbed scanner. Lower case prints as capitals.
pub fn scanned_page(width: u32, height: u32, lines: &[&str], dot: u32) -> Vec<u8> {
    let mut rows: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| {
            244 + (((x / 3).wrapping_mul(374_761_393) ^ (y / 3).wrapping_mul(668_265_263)).wrapping_mul(2_654_435_761) >> 30) as u8
        })
        .collect();
    for (number, line) in lines.iter().enumerate() {
        let top = (8 + number as u32 * 12) * dot;
        for (position, letter) in line.to_uppercase().chars().enumerate() {
            let left = (8 + position as u32 * 6) * dot;
            let Some((_, columns)) = GLYPHS.iter().find(|(glyph, _)| *glyph == letter) else {
                continue;
            };
            for (column, bits) in columns.iter().enumerate() {
                for bit in (0..8).filter(|bit| bits >> bit & 1 == 1) {
                    fill(&mut rows, width, left + column as u32 * dot, top + bit * dot, dot);
                }
            }
        }
    }
    rows
}

fn fill(rows: &mut [u8], width: u32, left: u32, top: u32, size: u32) {
    for y in top..top + size {
        for x in (left..left + size).filter(|x| *x < width) {
            if let Some(pixel) = rows.get_mut((y * width + x) as usize) {
                *pixel = 35;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_independent_reader_reads_the_png() {
        let bytes = png_with_text(5, 3, &[("Author", "Erika")], |x, y| [x as u8, y as u8, 9]);
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (5, 3));
        assert_eq!(pixels.get(3..6), Some(&[1, 0, 9][..]));
    }

    #[test]
    fn the_bomb_is_a_valid_png() {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png_bomb(3000, 1000))).read_info().unwrap();
        let mut pixels = vec![1; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(pixels.iter().all(|p| *p == 0));
    }

    #[test]
    fn the_landscape_has_sky_and_water() {
        let pixel = landscape(1200, 800);
        let ([_, _, sky_blue], [grass_red, grass_green, _]) = (pixel(10, 5), pixel(600, 600));
        assert!(sky_blue > 150 && grass_green > grass_red);
    }
}

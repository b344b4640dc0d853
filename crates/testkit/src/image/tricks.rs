//! Pictures with more in them than pixels, with pixels of an unusual kind, or with no pixels at all behind a gigantic size.

use super::{Rgb, append_ifd, encode_jpeg, png_chunk, png_from, rgb_rows, webp_of};
use crate::bits;
use anyhow::Result;

/// A PNG of 8-bit RGB pixels with these chunks before them.
pub fn png_with_chunks(width: u32, height: u32, chunks: &[([u8; 4], Vec<u8>)], pixel: impl Fn(u32, u32) -> Rgb) -> Vec<u8> {
    let whole = super::png_of(width, height, pixel);
    // Signature and IHDR are 33 bytes (ISO/IEC 15948, 5.2 and 11.2.2).
    let (head, rest) = whole.split_at(33);
    let mut out = head.to_vec();
    for (kind, body) in chunks {
        png_chunk(&mut out, *kind, body);
    }
    out.extend(rest);
    out
}

/// The body of an `iCCP` chunk whose profile is `size` zero bytes: some size in a file, a thousand times it in memory.
pub fn icc_bomb(size: u64) -> Vec<u8> {
    [b"Profil\0\0".to_vec(), bits::zlib_zeros(size)].concat()
}

/// A PNG of 16 bits a channel, whose lower bytes are noise.
pub fn deep_png_of(width: u32, height: u32, pixel: impl Fn(u32, u32) -> Rgb) -> Vec<u8> {
    let rows = rgb_rows(width, height, pixel);
    let row_bytes = width as usize * 3;
    let filtered: Vec<u8> = rows
        .chunks(row_bytes)
        .flat_map(|row| std::iter::once(0).chain(row.iter().flat_map(|value| [*value, value.wrapping_mul(31)])))
        .collect();
    png_from(width, height, 16, 2, &[], &bits::zlib(&filtered))
}

/// A PNG with red, green, blue and alpha.
pub fn alpha_png_of(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
    let rows = (0..height).map(|y| (0..width).flat_map(|x| pixel(x, y)).collect::<Vec<u8>>());
    let filtered: Vec<u8> = rows.flat_map(|row| std::iter::once(0).chain(row)).collect();
    png_from(width, height, 8, 6, &[], &bits::zlib(&filtered))
}

/// An animated PNG of two frames (PNG third edition, 11.3.6): the second one is only there for readers that know.
pub fn animated_png_of(width: u32, height: u32, first: impl Fn(u32, u32) -> Rgb, second: impl Fn(u32, u32) -> Rgb) -> Vec<u8> {
    let control = |number: u32| {
        let mut body: Vec<u8> = [number, width, height, 0, 0].iter().flat_map(|field| field.to_be_bytes()).collect();
        body.extend([0, 1, 0, 2, 0, 0]); // half a second, no disposal, no blending
        body
    };
    let pixels = |pixel: &dyn Fn(u32, u32) -> Rgb| {
        let rows = rgb_rows(width, height, pixel);
        let filtered: Vec<u8> = rows.chunks(width as usize * 3).flat_map(|row| std::iter::once(0).chain(row.iter().copied())).collect();
        bits::zlib(&filtered)
    };
    let animation = [2u32.to_be_bytes(), 0u32.to_be_bytes()].concat();
    let mut out = png_with_chunks(width, height, &[(*b"acTL", animation), (*b"fcTL", control(0))], &first);
    let end = out.len() - 12;
    out.truncate(end);
    png_chunk(&mut out, *b"fcTL", &control(1));
    png_chunk(&mut out, *b"fdAT", &[2u32.to_be_bytes().to_vec(), pixels(&second)].concat());
    png_chunk(&mut out, *b"IEND", &[]);
    out
}

/// An animated WebP (extended format) whose frames are those of [`webp_of`].
pub fn animated_webp_of(width: u16, height: u16, frames: &[&dyn Fn(u32, u32) -> u8]) -> Vec<u8> {
    let three = |value: u32| value.to_le_bytes().into_iter().take(3).collect::<Vec<u8>>();
    let size = [three(u32::from(width) - 1), three(u32::from(height) - 1)].concat();
    let mut body = b"WEBP".to_vec();
    riff_chunk(&mut body, *b"VP8X", &[&[0b10, 0, 0, 0][..], &size].concat());
    riff_chunk(&mut body, *b"ANIM", &[255, 255, 255, 255, 0, 0]);
    for frame in frames {
        let picture = webp_of(width, height, frame);
        let mut whole = [vec![0; 6], size.clone(), three(500), vec![0]].concat();
        whole.extend(picture.get(12..).unwrap_or_default());
        riff_chunk(&mut body, *b"ANMF", &whole);
    }
    let mut out = b"RIFF".to_vec();
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    out
}

fn riff_chunk(out: &mut Vec<u8>, name: [u8; 4], body: &[u8]) {
    out.extend(name);
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    if !body.len().is_multiple_of(2) {
        out.push(0);
    }
}

/// A JPEG of four inks, as print shops use it; every pixel is given as cyan, magenta, yellow, black.
///
/// # Errors
/// As [`super::jpeg_of`].
pub fn cmyk_jpeg_of(width: u16, height: u16, pixel: impl Fn(u32, u32) -> [u8; 4]) -> Result<Vec<u8>> {
    let rows: Vec<u8> =
        (0..u32::from(height)).flat_map(|y| (0..u32::from(width)).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    encode_jpeg(width, height, &rows, jpeg_encoder::ColorType::Cmyk, None)
}

/// A TIFF of one page with 16 bits a channel, red, green, blue.
pub fn deep_tiff_of(width: u16, height: u16, pixel: impl Fn(u32, u32) -> Rgb) -> Vec<u8> {
    let strip: Vec<u8> = rgb_rows(width.into(), height.into(), pixel).iter().flat_map(|value| [value.wrapping_mul(17), *value]).collect();
    let mut out = tiff_head(strip.len());
    out.extend(&strip);
    let depths: Vec<u8> = [16u16; 3].iter().flat_map(|depth| depth.to_le_bytes()).collect();
    append_ifd(
        &mut out,
        &[
            (256, 3, 1, width.to_le_bytes().to_vec()),
            (257, 3, 1, height.to_le_bytes().to_vec()),
            (258, 3, 3, depths),
            (259, 3, 1, vec![1, 0]),
            (262, 3, 1, vec![2, 0]),
            (273, 4, 1, 8u32.to_le_bytes().to_vec()),
            (277, 3, 1, vec![3, 0]),
            (278, 3, 1, height.to_le_bytes().to_vec()),
            (279, 4, 1, (strip.len() as u32).to_le_bytes().to_vec()),
        ],
        0,
    );
    out
}

/// Header of a TIFF whose one directory follows behind `strip_bytes` of pixels.
fn tiff_head(strip_bytes: usize) -> Vec<u8> {
    let mut out = b"II\x2A\0".to_vec();
    out.extend((8 + strip_bytes as u32).to_le_bytes());
    out
}

/// EXIF with what cameras and telephones leave behind: a maker note, and a thumbnail, which need not show the same picture
/// (EXIF 2.32, 4.6.5 and 4.5.8).
pub fn exif_with_thumbnail(thumbnail: &[u8], maker_note: &[u8]) -> Vec<u8> {
    let mut out = b"II\x2A\0\x08\0\0\0".to_vec();
    let exif_at = 8 + 2 + 12 + 4;
    let thumbnail_ifd_at = exif_at + 2 + 12 + 4 + maker_note.len() as u32;
    append_ifd(&mut out, &[(0x8769, 4, 1, exif_at.to_le_bytes().to_vec())], thumbnail_ifd_at);
    append_ifd(&mut out, &[(0x927C, 7, maker_note.len() as u32, maker_note.to_vec())], 0);
    let bytes_at = thumbnail_ifd_at + 2 + 3 * 12 + 4;
    append_ifd(
        &mut out,
        &[
            (0x0103, 3, 1, vec![6, 0]),
            (0x0201, 4, 1, bytes_at.to_le_bytes().to_vec()),
            (0x0202, 4, 1, (thumbnail.len() as u32).to_le_bytes().to_vec()),
        ],
        0,
    );
    out.extend(thumbnail);
    out
}

/// A GIF whose screen and frame claim this size, with the pixels of none of it.
pub fn gif_promising(width: u16, height: u16) -> Vec<u8> {
    let mut out = super::gif_of(2, 2, &[&|_, _| 2]);
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    let frame_at = out.windows(5).position(|window| window == b"\x2C\0\0\0\0").map_or(out.len(), |at| at + 5);
    for at in [6, frame_at] {
        if let Some(field) = out.get_mut(at..at + 4) {
            field.copy_from_slice(&size);
        }
    }
    out
}

/// A BMP that claims this size, with the pixels of none of it.
pub fn bmp_promising(width: u32, height: u32) -> Vec<u8> {
    let mut out = super::bmp_of(2, 2, |_, _| [1, 2, 3]);
    if let Some(field) = out.get_mut(18..26) {
        field.copy_from_slice(&[width.to_le_bytes(), height.to_le_bytes()].concat());
    }
    out
}

/// A TIFF that claims this size, with the pixels of none of it.
pub fn tiff_promising(width: u32, height: u32) -> Vec<u8> {
    let mut out = tiff_head(4);
    out.extend([1, 2, 3, 4]);
    let long = |tag: u16, value: u32| (tag, 4u16, 1u32, value.to_le_bytes().to_vec());
    let entries = [
        long(256, width),
        long(257, height),
        long(258, 8),
        long(259, 1),
        long(262, 1),
        long(273, 8),
        long(277, 1),
        long(278, height),
        long(279, 4),
    ];
    append_ifd(&mut out, &entries, 0);
    out
}

/// A lossless WebP that claims 16,383 pixels a side, one less than the format has, with the pixels of none of it.
pub fn webp_promising() -> Vec<u8> {
    let mut out = webp_of(2, 2, |_, _| 1);
    // Behind RIFF header, chunk header and signature: width and height less one, fourteen bits each.
    if let Some(field) = out.get_mut(21..25) {
        let rest = field.last().map_or(0, |byte| byte & 0xF0);
        field.copy_from_slice(&[0xFE, 0xBF, 0xFF, 0x0F | rest]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_independent_reader_reads_the_deep_and_the_animated_png() {
        for (bytes, row_bytes) in
            [(deep_png_of(5, 3, |x, _| [x as u8, 7, 9]), 30), (animated_png_of(5, 3, |_, _| [1, 2, 3], |_, _| [4, 5, 6]), 15)]
        {
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert_eq!((info.width, info.height, info.line_size), (5, 3, row_bytes));
        }
    }

    #[test]
    fn the_frames_of_the_animated_png_are_two() {
        let bytes = animated_png_of(4, 4, |_, _| [1, 2, 3], |_, _| [4, 5, 6]);
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        assert_eq!(reader.info().animation_control.map(|control| control.num_frames), Some(2));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        for first in [1, 4] {
            reader.next_frame(&mut pixels).unwrap();
            assert_eq!(pixels.first(), Some(&first));
        }
    }

    #[test]
    fn the_thumbnail_lies_where_its_directory_says() {
        let exif = exif_with_thumbnail(b"Vorschaubild", b"Notiz des Herstellers");
        let number = |at: usize| u32::from_le_bytes(exif[at..at + 4].try_into().unwrap()) as usize;
        let directory = number(22);
        let (at, length) = (number(directory + 2 + 12 + 8), number(directory + 2 + 24 + 8));
        assert_eq!(&exif[at..at + length], b"Vorschaubild");
    }
}

//! Pixels → files of our own making: PNG and JPEG through encoders only; nothing of the source but pixels gets in (I1).

use wire::{PageStart, PixelFormat};

/// Why pixels could not be encoded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EncodeError {
    #[error("PNG: {0}")]
    Png(#[from] png::EncodingError),
    #[error("JPEG: {0}")]
    Jpeg(#[from] jpeg_encoder::EncodingError),
    #[error("no JPEG is larger than 65535 pixels a side")]
    JpegSide,
}

/// A PNG of these pixels, without any metadata chunk.
pub(crate) fn png(start: &PageStart, pixels: &[u8]) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, start.width_px, start.height_px);
    encoder.set_color(match start.pixels {
        PixelFormat::Gray8 => png::ColorType::Grayscale,
        PixelFormat::Rgb8 => png::ColorType::Rgb,
        PixelFormat::Rgba8 => png::ColorType::Rgba,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(out)
}

/// A baseline JPEG of these pixels; transparency becomes white.
pub(crate) fn jpeg(start: &PageStart, pixels: &[u8], quality: u8) -> Result<Vec<u8>, EncodeError> {
    let side = |n: u32| u16::try_from(n).map_err(|_| EncodeError::JpegSide);
    let (width, height) = (side(start.width_px)?, side(start.height_px)?);
    let mut out = Vec::new();
    let encoder = jpeg_encoder::Encoder::new(&mut out, quality);
    match start.pixels {
        PixelFormat::Gray8 => encoder.encode(pixels, width, height, jpeg_encoder::ColorType::Luma)?,
        PixelFormat::Rgb8 => encoder.encode(pixels, width, height, jpeg_encoder::ColorType::Rgb)?,
        PixelFormat::Rgba8 => encoder.encode(&rgb(start.pixels, pixels), width, height, jpeg_encoder::ColorType::Rgb)?,
    }
    Ok(out)
}

/// The pixels as RGB on white.
pub(crate) fn rgb(format: PixelFormat, pixels: &[u8]) -> Vec<u8> {
    match format {
        PixelFormat::Rgb8 => pixels.to_vec(),
        PixelFormat::Gray8 => pixels.iter().flat_map(|g| [*g; 3]).collect(),
        PixelFormat::Rgba8 => {
            pixels.as_chunks::<4>().0.iter().flat_map(|[r, g, b, a]| [on_white(*r, *a), on_white(*g, *a), on_white(*b, *a)]).collect()
        }
    }
}

fn on_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    ((colour * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparency_becomes_white_in_jpeg() {
        assert_eq!(rgb(PixelFormat::Rgba8, &[10, 20, 30, 0, 10, 20, 30, 255]), [255, 255, 255, 10, 20, 30]);
        assert_eq!(rgb(PixelFormat::Gray8, &[7]), [7, 7, 7]);
    }
}

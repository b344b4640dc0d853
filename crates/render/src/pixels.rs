//! Pixels on their way out: the cheapest format that loses nothing.

use model::{Effect, FindingCode};
use wire::{Foreign, PixelFormat, RawFinding};

/// Grey if every pixel is grey, else RGB; from rows of RGBA on an opaque background.
pub fn pack_opaque(rgba: &[u8]) -> (PixelFormat, Vec<u8>) {
    let grey = rgba.chunks_exact(4).all(|p| matches!(p, [r, g, b, _] if r == g && g == b));
    let kept = if grey { 1 } else { 3 };
    let mut out = Vec::with_capacity(rgba.len() / 4 * kept);
    for pixel in rgba.chunks_exact(4) {
        out.extend(pixel.iter().take(kept));
    }
    (if grey { PixelFormat::Gray8 } else { PixelFormat::Rgb8 }, out)
}

/// Whether every byte of grey pixels is white.
pub fn is_white(format: PixelFormat, pixels: &[u8]) -> bool {
    format == PixelFormat::Gray8 && pixels.iter().all(|p| *p == u8::MAX)
}

/// A finding that changes nothing.
pub fn note(code: FindingCode, detail: impl Into<String>) -> RawFinding {
    RawFinding { code, effect: Effect::Note, detail: Foreign::new(detail.into()) }
}

/// A finding about something that rebuilding leaves behind.
pub fn stripped(code: FindingCode, detail: impl Into<String>) -> RawFinding {
    RawFinding { code, effect: Effect::Strip, detail: Foreign::new(detail.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_pages_cost_one_byte_a_pixel() {
        assert_eq!(pack_opaque(&[9, 9, 9, 255, 0, 0, 0, 255]), (PixelFormat::Gray8, vec![9, 0]));
        assert_eq!(pack_opaque(&[9, 9, 8, 255, 0, 0, 0, 255]), (PixelFormat::Rgb8, vec![9, 9, 8, 0, 0, 0]));
        assert!(is_white(PixelFormat::Gray8, &[255, 255]) && !is_white(PixelFormat::Gray8, &[255, 254]));
    }
}

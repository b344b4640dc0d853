use super::*;
use image::codecs::gif::GifEncoder;
use image::{Frame, GrayImage, ImageEncoder as _, Rgb, RgbImage, Rgba, RgbaImage};
use wire::{Failure, TextPiece, WireError};

const LIMITS: RenderLimits = RenderLimits { dpi: 150, max_pages: 3, max_page_pixels: 10_000, max_page_text: 1 };

#[derive(Debug, Default)]
struct Seen {
    document: u32,
    pages: Vec<(PageStart, Vec<u8>)>,
    findings: Vec<Vec<FindingCode>>,
    failed: Vec<Failure>,
}

impl PageSink for Seen {
    fn document(&mut self, pages: u32) -> Result<(), WireError> {
        self.document = pages;
        Ok(())
    }
    fn page(&mut self, start: PageStart, pixels: &[u8]) -> Result<(), WireError> {
        assert_eq!(pixels.len() as u64, u64::from(start.width_px) * u64::from(start.height_px) * start.pixels.channels());
        self.pages.push((start, pixels.to_vec()));
        Ok(())
    }
    fn text(&mut self, _pieces: Vec<TextPiece>) -> Result<(), WireError> {
        Err(WireError::Unexpected)
    }
    fn page_end(&mut self, findings: Vec<RawFinding>) -> Result<(), WireError> {
        self.findings.push(findings.iter().map(|finding| finding.code).collect());
        Ok(())
    }
    fn page_failed(&mut self, _width_pt: f32, _height_pt: f32, failure: Failure) -> Result<(), WireError> {
        self.failed.push(failure);
        Ok(())
    }
}

fn render(bytes: Vec<u8>, format: Format) -> Result<Seen, RenderError> {
    let mut seen = Seen::default();
    render_image(bytes, format, &LIMITS, &Fonts::none(), &mut seen)?;
    Ok(seen)
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn red(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_pixel(width, height, Rgb([255, 0, 0])).into()
}

/// A PNG header that promises `width` × `height`, with nothing behind it.
fn png_promising(width: u32, height: u32) -> Vec<u8> {
    let mut body = b"IHDR".to_vec();
    body.extend(width.to_be_bytes());
    body.extend(height.to_be_bytes());
    body.extend([8, 2, 0, 0, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&body);
    let mut out = b"\x89PNG\r\n\x1a\n\0\0\0\x0D".to_vec();
    out.extend(body);
    out.extend(crc.sum().to_be_bytes());
    out.extend(b"\0\0\0\0IDAT\x35\xAF\x06\x1E");
    out
}

#[test]
fn every_raster_format_becomes_pixels() {
    for (format, kind) in [
        (Format::Png, ImageFormat::Png),
        (Format::Jpeg, ImageFormat::Jpeg),
        (Format::Gif, ImageFormat::Gif),
        (Format::Bmp, ImageFormat::Bmp),
        (Format::Tiff, ImageFormat::Tiff),
        (Format::Webp, ImageFormat::WebP),
    ] {
        let seen = render(encode(&red(8, 4), kind), format).unwrap();
        let (start, pixels) = &seen.pages[0];
        assert_eq!((seen.document, start.width_px, start.height_px, start.pixels), (1, 8, 4, PixelFormat::Rgb8), "{format}");
        assert!(pixels[0] > 250 && pixels[1] < 5, "{format}");
        assert_eq!(start.width_pt, 6.0, "{format}");
    }
    let icon = encode(&RgbaImage::from_pixel(8, 8, Rgba([1, 2, 3, 4])).into(), ImageFormat::Ico);
    assert_eq!(render(icon, Format::Ico).unwrap().pages[0].1[..4], [1, 2, 3, 4]);
}

#[test]
fn grey_alpha_and_deep_pixels_get_the_fitting_format() {
    let grey = render(encode(&GrayImage::new(2, 2).into(), ImageFormat::Png), Format::Png).unwrap();
    assert_eq!(grey.pages[0].0.pixels, PixelFormat::Gray8);
    let clear = RgbaImage::from_pixel(2, 2, Rgba([10, 20, 30, 0]));
    assert_eq!(render(encode(&clear.into(), ImageFormat::Png), Format::Png).unwrap().pages[0].0.pixels, PixelFormat::Rgba8);
    let deep = image::ImageBuffer::from_pixel(2, 2, Rgb([65_535u16, 0, 257]));
    let seen = render(encode(&DynamicImage::ImageRgb16(deep), ImageFormat::Png), Format::Png).unwrap();
    assert_eq!(seen.pages[0].1[..3], [255, 0, 1]);
}

#[test]
fn large_images_are_scaled_and_larger_ones_refused_before_decoding() {
    let seen = render(encode(&red(150, 150), ImageFormat::Png), Format::Png).unwrap();
    assert_eq!((seen.pages[0].0.width_px, seen.pages[0].0.height_px), (100, 100));
    assert_eq!(seen.findings[0], [FindingCode::LimitHit]);
    assert!(matches!(render(encode(&red(300, 300), ImageFormat::Png), Format::Png), Err(RenderError::Pixels(10_000))));
    assert!(matches!(render(png_promising(65_535, 65_535), Format::Png), Err(RenderError::Pixels(_))));
    assert_eq!(fitted(20_000, 1, 10_000), (10_000, 1));
    assert_eq!(fitted(1, 1, 0), (1, 1));
}

#[test]
fn orientation_is_applied_and_metadata_named() {
    // APP1 with one EXIF entry: orientation 6, a quarter turn.
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let jpeg = encode(&red(8, 4), ImageFormat::Jpeg);
    let mut bytes = jpeg[..2].to_vec();
    for (marker, body) in [(0xE1, &exif[..]), (0xFE, b"secret")] {
        bytes.extend([0xFF, marker]);
        bytes.extend((body.len() as u16 + 2).to_be_bytes());
        bytes.extend(body);
    }
    bytes.extend(&jpeg[2..]);
    assert_eq!(Carried::of(&bytes, Format::Jpeg).kinds, ["exif", "comment"]);
    let seen = render(bytes, Format::Jpeg).unwrap();
    assert_eq!((seen.pages[0].0.width_px, seen.pages[0].0.height_px), (4, 8));
    assert_eq!(seen.findings[0], [FindingCode::Metadata]);
}

#[test]
fn only_the_first_frame_of_an_animation_is_kept() {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    for shade in [10, 200] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(3, 3, Rgba([shade, 0, 0, 255])))).unwrap();
    }
    drop(encoder);
    assert_eq!(Carried::of(&bytes, Format::Gif).frames, 2);
    let seen = render(bytes, Format::Gif).unwrap();
    assert_eq!((seen.pages.len(), seen.pages[0].1[0]), (1, 10));
    assert_eq!(seen.findings[0], [FindingCode::Metadata]);
}

/// A grey 1 × 1 little-endian TIFF with one page per shade; `cyclic` closes the chain in a circle.
fn tiff_of(shades: &[u8], cyclic: bool) -> Vec<u8> {
    let mut out = b"II*\0".to_vec();
    out.extend(8u32.to_le_bytes());
    for (index, shade) in shades.iter().enumerate() {
        let strip = out.len() as u32 + 2 + 8 * 12 + 4;
        out.extend(8u16.to_le_bytes());
        let entries = [(256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, strip), (278, 1), (279, 1)];
        for (tag, value) in entries {
            out.extend((tag as u16).to_le_bytes());
            out.extend(4u16.to_le_bytes());
            out.extend(1u32.to_le_bytes());
            out.extend(value.to_le_bytes());
        }
        let next = if index + 1 < shades.len() {
            strip + 2
        } else if cyclic {
            8
        } else {
            0
        };
        out.extend(next.to_le_bytes());
        out.extend([*shade, 0]);
    }
    out
}

#[test]
fn every_page_of_a_tiff_is_a_page() {
    for cyclic in [false, true] {
        let seen = render(tiff_of(&[1, 2, 3], cyclic), Format::Tiff).unwrap();
        assert_eq!(seen.document, 3);
        assert_eq!(seen.pages.iter().map(|page| page.1[0]).collect::<Vec<_>>(), [1, 2, 3]);
    }
    assert!(matches!(render(tiff_of(&[1, 2, 3, 4], false), Format::Tiff), Err(RenderError::Pages(3))));
    let mut broken = tiff_of(&[1, 2], false);
    // The second page's compression becomes one nobody knows.
    broken[8 + 102 + 2 + 2 + 3 * 12 + 8] = 99;
    let seen = render(broken, Format::Tiff).unwrap();
    assert_eq!((seen.pages.len(), seen.failed.len()), (1, 1));
}

#[test]
fn what_is_no_image_is_refused() {
    for format in [Format::Avif, Format::Psd, Format::Pdf, Format::Txt] {
        assert!(matches!(render(b"x".to_vec(), format), Err(RenderError::Unsupported)), "{format}");
    }
    for format in [Format::Png, Format::Jpeg, Format::Gif, Format::Bmp, Format::Tiff, Format::Webp, Format::Ico, Format::Heic, Format::Svg]
    {
        assert!(matches!(render(b"garbage".to_vec(), format), Err(RenderError::Malformed)), "{format}");
        assert!(render(Vec::new(), format).is_err(), "{format}");
    }
    let whole = encode(&red(60, 60), ImageFormat::Png);
    assert!(render(whole[..whole.len() / 2].to_vec(), Format::Png).is_err());
}

#[test]
fn density_gives_the_page_its_size() {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
    encoder.set_pixel_density(image::codecs::jpeg::PixelDensity::dpi(300));
    encoder.write_image(red(50, 25).as_bytes(), 50, 25, image::ExtendedColorType::Rgb8).unwrap();
    let start = render(bytes, Format::Jpeg).unwrap().pages[0].0;
    assert_eq!((start.width_pt, start.height_pt), (12.0, 6.0));
}

#[test]
fn a_thread_decodes_more_than_one_heic() {
    for _ in 0..2 {
        let cut = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
        assert!(matches!(render(cut, Format::Heic), Err(RenderError::Malformed)));
    }
}

mod tricks;

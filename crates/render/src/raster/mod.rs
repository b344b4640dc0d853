//! Images to pages of pixels.
//!
//! **Invariant:** the size is read and judged before pixels are decoded; only pixels leave, everything else a file
//! carries (EXIF, profiles, comments, thumbnails, further frames) is named in the findings and left behind.

mod metadata;
mod tiff;

use crate::error::RenderError;
use crate::fonts::Fonts;
use crate::limits::{MAX_SIDE_PT, MAX_SIDE_PX, MIN_SIDE_PT};
use crate::pixels::{note, pack_opaque};
use crate::sink::PageSink;
use crate::svg::render_svg;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use metadata::Carried;
use model::{FindingCode, Format};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wire::{PageStart, PixelFormat, RawFinding, RenderLimits};

/// Pixels per inch of an image that does not say.
const DEFAULT_DPI: f64 = 96.0;
/// How many times the wanted pixels an image may have to be decoded and then scaled down.
// BOUND: at 8 bytes a pixel this stays within the memory of the role for every page limit a policy may set.
const DECODE_FACTOR: u64 = 4;

/// Renders an image: one page, or one per page of a TIFF. Alpha is kept for formats that are released with it.
///
/// # Errors
/// [`RenderError::Unsupported`] for formats without a decoder (AVIF, Photoshop and every non-image),
/// [`RenderError::Malformed`], [`RenderError::Pixels`], [`RenderError::Pages`], [`RenderError::Sink`].
pub fn render_image(
    bytes: Vec<u8>,
    format: Format,
    limits: &RenderLimits,
    fonts: &Fonts,
    sink: &mut dyn PageSink,
) -> Result<(), RenderError> {
    match format {
        Format::Tiff => return render_tiff(bytes, limits, sink),
        Format::Svg => {
            let picture = guarded(|| render_svg(&bytes, limits, fonts))?;
            return send_only(picture, sink);
        }
        _ => {}
    }
    let carried = Carried::of(&bytes, format);
    let (picture, mut kinds) = guarded(|| match format {
        Format::Heic => decode_heic(&bytes, limits),
        _ => decode(&bytes, raster_format(format)?, limits),
    })?;
    kinds.extend(carried.kinds.iter().cloned());
    let mut findings = Vec::new();
    if carried.frames > 1 {
        findings.push(note(FindingCode::Metadata, format!("animation-frames {}", carried.frames - 1)));
    }
    findings.extend(metadata_finding(&kinds));
    let keeps_alpha = !matches!(format, Format::Jpeg | Format::Bmp);
    send_only(finish(picture, carried.dpi, keeps_alpha, limits, findings), sink)
}

/// A finished page of an image.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Head of the page.
    pub start: PageStart,
    /// Its pixels.
    pub pixels: Vec<u8>,
    /// What was seen.
    pub findings: Vec<RawFinding>,
}

fn send_only(picture: Picture, sink: &mut dyn PageSink) -> Result<(), RenderError> {
    sink.document(1)?;
    send(picture, sink)
}

fn send(picture: Picture, sink: &mut dyn PageSink) -> Result<(), RenderError> {
    sink.page(picture.start, &picture.pixels)?;
    Ok(sink.page_end(picture.findings)?)
}

/// A decoder that panics has met a malformed image.
fn guarded<T>(decode: impl FnOnce() -> Result<T, RenderError>) -> Result<T, RenderError> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or(Err(RenderError::Malformed))
}

fn raster_format(format: Format) -> Result<ImageFormat, RenderError> {
    Ok(match format {
        Format::Png => ImageFormat::Png,
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::Webp => ImageFormat::WebP,
        Format::Ico => ImageFormat::Ico,
        _ => return Err(RenderError::Unsupported),
    })
}

fn render_tiff(mut bytes: Vec<u8>, limits: &RenderLimits, sink: &mut dyn PageSink) -> Result<(), RenderError> {
    let directories = tiff::directories(&bytes, limits.max_pages)?;
    sink.document(directories.pages.len() as u32)?;
    for page in &directories.pages {
        // The decoder reads the first directory; pointing the header at another one makes that page the first.
        directories.select(&mut bytes, page);
        match guarded(|| decode(&bytes, ImageFormat::Tiff, limits)) {
            Ok((picture, mut kinds)) => {
                kinds.extend(page.kinds.iter().copied().map(str::to_owned));
                let findings = metadata_finding(&kinds).into_iter().collect();
                send(finish(picture, page.dpi, true, limits, findings), sink)?;
            }
            // A single page that cannot be decoded is the document's own failure.
            Err(error) if directories.pages.len() == 1 => return Err(error),
            Err(error) => sink.page_failed(crate::limits::A4_PT.0, crate::limits::A4_PT.1, error.failure().0)?,
        }
    }
    Ok(())
}

fn metadata_finding(kinds: &[String]) -> Option<RawFinding> {
    let mut kinds = kinds.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    (!kinds.is_empty()).then(|| note(FindingCode::Metadata, kinds.join(", ")))
}

fn check_size(width: u64, height: u64, limits: &RenderLimits) -> Result<(), RenderError> {
    let most = limits.max_page_pixels.saturating_mul(DECODE_FACTOR);
    match width.checked_mul(height) {
        Some(0) => Err(RenderError::Malformed),
        Some(pixels) if pixels <= most => Ok(()),
        _ => Err(RenderError::Pixels(limits.max_page_pixels)),
    }
}

/// Pixels the right way up, and the metadata the decoder saw.
fn decode(bytes: &[u8], format: ImageFormat, limits: &RenderLimits) -> Result<(DynamicImage, Vec<String>), RenderError> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let most = limits.max_page_pixels.saturating_mul(DECODE_FACTOR);
    let mut decoder_limits = Limits::default();
    // BOUND: 16-bit RGBA of the largest image that is accepted, twice (a decoder may hold a working copy), plus room for tables.
    decoder_limits.max_alloc = Some(most.saturating_mul(16).saturating_add(16 << 20));
    reader.limits(decoder_limits);
    let mut decoder = reader.into_decoder().map_err(|error| refused(&error, limits))?;
    let (width, height) = decoder.dimensions();
    check_size(width.into(), height.into(), limits)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut kinds = Vec::new();
    let found = [
        ("exif", matches!(decoder.exif_metadata(), Ok(Some(_)))),
        ("icc", matches!(decoder.icc_profile(), Ok(Some(_)))),
        ("xmp", matches!(decoder.xmp_metadata(), Ok(Some(_)))),
        ("iptc", matches!(decoder.iptc_metadata(), Ok(Some(_)))),
    ];
    kinds.extend(found.into_iter().filter(|(_, present)| *present).map(|(kind, _)| kind.to_owned()));
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| refused(&error, limits))?;
    picture.apply_orientation(orientation);
    Ok((picture, kinds))
}

const fn refused(error: &ImageError, limits: &RenderLimits) -> RenderError {
    match error {
        ImageError::Limits(_) => RenderError::Pixels(limits.max_page_pixels),
        ImageError::Unsupported(_) => RenderError::Unsupported,
        _ => RenderError::Malformed,
    }
}

fn decode_heic(bytes: &[u8], limits: &RenderLimits) -> Result<(DynamicImage, Vec<String>), RenderError> {
    use heic_decoder::HeifError;
    let map = |error: HeifError| match error {
        HeifError::Unsupported(_) => RenderError::Unsupported,
        HeifError::LimitExceeded(_) => RenderError::Pixels(limits.max_page_pixels.min(heic_decoder::MAX_IMAGE_PIXELS)),
        _ => RenderError::Malformed,
    };
    thread_local! {
        // The decoder would start a thread pool, which a confined worker cannot: it runs on this thread instead, which can be
        // given to one pool only.
        static POOL: Option<rayon::ThreadPool> = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().ok();
    }
    let decode = || {
        let info = heic_decoder::probe(bytes).map_err(map)?;
        check_size(info.width as u64, info.height as u64, limits)?;
        check_size(info.coded_width as u64, info.coded_height as u64, limits)?;
        let decoded = heic_decoder::decode(bytes).map_err(map)?;
        let carried = [
            ("exif", decoded.metadata.exif.is_some()),
            ("icc", decoded.metadata.icc_profile.is_some()),
            ("xmp", decoded.metadata.xmp.is_some()),
        ];
        let kinds = carried.into_iter().filter(|(_, present)| *present).map(|(kind, _)| kind.to_owned()).collect();
        let picture = if decoded.alpha.is_some() {
            let pixels = decoded.to_rgba8().map_err(map)?;
            image::RgbaImage::from_raw(pixels.width as u32, pixels.height as u32, pixels.data).map(DynamicImage::ImageRgba8)
        } else {
            let pixels = decoded.to_rgb8().map_err(map)?;
            image::RgbImage::from_raw(pixels.width as u32, pixels.height as u32, pixels.data).map(DynamicImage::ImageRgb8)
        };
        Ok((picture.ok_or(RenderError::Malformed)?, kinds))
    };
    POOL.with(|pool| pool.as_ref().ok_or(RenderError::Unsupported)?.install(decode))
}

/// Eight bits a channel, no more pixels than the limit, and the size in points.
fn finish(picture: DynamicImage, dpi: Option<f64>, keeps_alpha: bool, limits: &RenderLimits, mut findings: Vec<RawFinding>) -> Picture {
    let points = |pixels: u32| ((f64::from(pixels) * 72.0 / dpi.unwrap_or(DEFAULT_DPI)) as f32).clamp(MIN_SIDE_PT, MAX_SIDE_PT);
    let (width_pt, height_pt) = (points(picture.width()), points(picture.height()));
    let (width_px, height_px) = fitted(picture.width(), picture.height(), limits.max_page_pixels);
    let picture = if (width_px, height_px) == (picture.width(), picture.height()) {
        picture
    } else {
        findings.push(note(FindingCode::LimitHit, format!("convert.max_page_pixels = {}", limits.max_page_pixels)));
        picture.thumbnail_exact(width_px, height_px)
    };
    let (pixels, bytes) = pack(picture, keeps_alpha);
    Picture { start: PageStart { width_pt, height_pt, width_px, height_px, pixels }, pixels: bytes, findings }
}

fn fitted(width: u32, height: u32, most: u64) -> (u32, u32) {
    let by_area = (most.max(1) as f64 / (f64::from(width) * f64::from(height))).sqrt();
    let scale = by_area.min(f64::from(MAX_SIDE_PX) / f64::from(width.max(height)));
    if scale >= 1.0 {
        return (width, height);
    }
    let side = |pixels: u32| ((f64::from(pixels) * scale).floor() as u32).max(1);
    let (across, down) = (side(width), side(height));
    // A side that cannot go below one pixel leaves the other one too long.
    let most = most.max(1);
    (across.min((most / u64::from(down)).max(1) as u32), down.min((most / u64::from(across)).max(1) as u32))
}

fn pack(picture: DynamicImage, keeps_alpha: bool) -> (PixelFormat, Vec<u8>) {
    if !picture.color().has_color() && !picture.color().has_alpha() {
        return (PixelFormat::Gray8, picture.into_luma8().into_raw());
    }
    let mut rgba = picture.into_rgba8().into_raw();
    let opaque = rgba.chunks_exact(4).all(|pixel| pixel.last() == Some(&u8::MAX));
    if keeps_alpha && !opaque {
        return (PixelFormat::Rgba8, rgba);
    }
    if !opaque {
        rgba.chunks_exact_mut(4).for_each(on_white);
    }
    pack_opaque(&rgba)
}

fn on_white(pixel: &mut [u8]) {
    if let [red, green, blue, alpha] = pixel {
        for channel in [red, green, blue] {
            let over = u32::from(*channel) * u32::from(*alpha) + 255 * (255 - u32::from(*alpha));
            *channel = (over / 255) as u8;
        }
        *alpha = u8::MAX;
    }
}

#[cfg(test)]
mod tests;

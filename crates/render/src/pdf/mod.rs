//! PDF to pages, with `hayro`.
//!
//! **Invariant:** the size of a page of pixels is fixed before it is painted, and a page that makes the renderer fail
//! becomes a [`PageSink::page_failed`], never the end of the document.

mod geometry;
mod glyphs;
mod words;

use crate::error::RenderError;
use crate::fonts::Fonts;
use crate::pixels::{is_white, note, pack_opaque};
use crate::sink::PageSink;
use geometry::Geometry;
use glyphs::{PageContent, TextDevice};
use hayro::hayro_interpret::{Context, InterpreterCache, InterpreterSettings, InterpreterWarning, interpret_page};
use hayro::hayro_syntax::page::Page;
use hayro::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro::kurbo::Rect;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::vello_cpu::{Pixmap, RasterizerSettings, RenderContext, Resources, TargetInit};
use hayro::{RenderCache, RenderSettings, render_into};
use model::FindingCode;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use wire::{Failure, PageStart, PixelFormat, RawFinding, RenderLimits};

/// Renders a PDF page by page, in order, one page in memory at a time.
///
/// Text comes with positions: everything the page shows or carries invisibly (the text layer of a scan).
///
/// An encrypted document is opened with `password`; with the empty one where it needs none to be read.
///
/// # Errors
/// [`RenderError::Encrypted`], [`RenderError::Password`], [`RenderError::Malformed`] (no page at all, too), [`RenderError::Pages`] before any page
/// is painted, [`RenderError::Sink`] when nobody listens.
pub fn render_pdf(
    bytes: Vec<u8>,
    password: &str,
    limits: &RenderLimits,
    fonts: &Fonts,
    sink: &mut dyn PageSink,
) -> Result<(), RenderError> {
    let bytes = Arc::new(bytes);
    let losses = Arc::new(Losses::default());
    let settings = settings(fonts, Arc::clone(&losses));
    let mut next = 0;
    let mut total = None;
    // A panic may leave the parser's caches poisoned, so the document is opened again behind a page that failed.
    loop {
        let pdf = open(&bytes, password)?;
        let pages = pdf.pages();
        let count = *total.get_or_insert(pages.len());
        if next == 0 {
            check_count(count, limits)?;
            sink.document(count as u32)?;
        }
        let tools = Tools { settings: &settings, losses: &losses, cache: RenderCache::new(), text_cache: InterpreterCache::new() };
        let Some(remaining) = pages.get(next..count).filter(|pages| !pages.is_empty()) else {
            return Ok(());
        };
        let mut panicked = false;
        for page in remaining {
            next += 1;
            let geometry = catch_unwind(AssertUnwindSafe(|| Geometry::of(page, limits))).unwrap_or_else(|_| Geometry::unknown(limits));
            losses.take();
            match catch_unwind(AssertUnwindSafe(|| tools.page(page, &geometry, limits))) {
                Ok(painted) => send(painted, &geometry, sink)?,
                Err(_) => {
                    sink.page_failed(geometry.width_pt, geometry.height_pt, Failure::Malformed)?;
                    panicked = true;
                    break;
                }
            }
        }
        if !panicked || next >= count {
            return Ok(());
        }
    }
}

fn open(bytes: &Arc<Vec<u8>>, password: &str) -> Result<Pdf, RenderError> {
    match catch_unwind(|| Pdf::new_with_password(Arc::clone(bytes), password)) {
        Ok(Ok(pdf)) => Ok(pdf),
        Ok(Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected))) if !password.is_empty() => Err(RenderError::Password),
        Ok(Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected | DecryptionError::UnsupportedAlgorithm))) => {
            Err(RenderError::Encrypted)
        }
        Ok(Err(LoadPdfError::Decryption(DecryptionError::MissingIDEntry | DecryptionError::InvalidEncryption))) => {
            Err(RenderError::Encrypted)
        }
        Ok(Err(LoadPdfError::Invalid)) | Err(_) => Err(RenderError::Malformed),
    }
}

fn check_count(count: usize, limits: &RenderLimits) -> Result<(), RenderError> {
    match u32::try_from(count) {
        Ok(0) => Err(RenderError::Malformed),
        Ok(count) if count <= limits.max_pages => Ok(()),
        _ => Err(RenderError::Pages(limits.max_pages)),
    }
}

fn send(painted: Painted, geometry: &Geometry, sink: &mut dyn PageSink) -> Result<(), RenderError> {
    let start = PageStart {
        width_pt: geometry.width_pt,
        height_pt: geometry.height_pt,
        width_px: geometry.width_px,
        height_px: geometry.height_px,
        pixels: painted.format,
    };
    sink.page(start, &painted.pixels)?;
    if !painted.content.pieces.is_empty() {
        sink.text(painted.content.pieces)?;
    }
    Ok(sink.page_end(painted.findings)?)
}

/// What the interpreter could not show, counted.
#[derive(Debug, Default)]
struct Losses {
    fonts: AtomicU32,
    images: AtomicU32,
    annotations: AtomicU32,
    others: AtomicU32,
}

impl Losses {
    fn count(&self, warning: InterpreterWarning) {
        let counter = match warning {
            InterpreterWarning::UnsupportedFont => &self.fonts,
            InterpreterWarning::ImageDecodeFailure => &self.images,
            InterpreterWarning::UnresolvedAnnotationAppearance => &self.annotations,
            _ => &self.others,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts as a detail, or `None` without a loss; starts again from zero.
    fn take(&self) -> Option<String> {
        let counters = [("font", &self.fonts), ("image", &self.images), ("annotation", &self.annotations), ("other", &self.others)];
        let seen: Vec<String> = counters
            .into_iter()
            .map(|(name, counter)| (name, counter.swap(0, Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        (!seen.is_empty()).then(|| seen.join(", "))
    }
}

fn settings(fonts: &Fonts, losses: Arc<Losses>) -> InterpreterSettings {
    let fonts = fonts.clone();
    InterpreterSettings {
        font_resolver: Arc::new(move |query| Some(fonts.resolve(query))),
        warning_sink: Arc::new(move |warning| losses.count(warning)),
        ..InterpreterSettings::default()
    }
}

struct Painted {
    format: PixelFormat,
    pixels: Vec<u8>,
    content: PageContent,
    findings: Vec<RawFinding>,
}

struct Tools<'s, 'a> {
    settings: &'s InterpreterSettings,
    losses: &'s Losses,
    cache: RenderCache<'a>,
    text_cache: InterpreterCache<'a>,
}

impl<'a> Tools<'_, 'a> {
    fn page(&self, page: &'a Page<'a>, geometry: &Geometry, limits: &RenderLimits) -> Painted {
        let (format, pixels) = self.paint(page, geometry);
        let mut findings = Vec::new();
        if let Some(detail) = self.losses.take() {
            findings.push(note(FindingCode::PageLoss, detail));
        }
        let content = self.read(page, geometry, limits);
        self.losses.take();
        if let Some(detail) = geometry.loss {
            findings.push(note(FindingCode::PageLoss, detail));
        }
        if content.text_cut {
            findings.push(note(FindingCode::LimitHit, format!("max_page_text {}", limits.max_page_text)));
        }
        if content.marks > 0 && is_white(format, &pixels) {
            findings.push(note(FindingCode::PageBlank, format!("operators {}", content.marks)));
        }
        Painted { format, pixels, content, findings }
    }

    fn paint(&self, page: &'a Page<'a>, geometry: &Geometry) -> (PixelFormat, Vec<u8>) {
        // BOUND: both sides are at most MAX_SIDE_PX, which fits 16 bits.
        let mut context = RenderContext::new(geometry.width_px as u16, geometry.height_px as u16);
        render_into(page, &self.cache, self.settings, &RenderSettings::default(), &mut context, geometry.to_pixels);
        context.flush();
        let mut pixmap = Pixmap::new(context.width(), context.height());
        let raster = RasterizerSettings { target_init: TargetInit::Clear(WHITE), ..RasterizerSettings::default() };
        context.render_with(&mut pixmap, &mut Resources::default(), raster);
        pack_opaque(pixmap.data_as_u8_slice())
    }

    /// A second, cheap pass over the operators: the painter's own device cannot be watched from outside.
    fn read(&self, page: &'a Page<'a>, geometry: &Geometry, limits: &RenderLimits) -> PageContent {
        let target = Rect::new(0.0, 0.0, f64::from(geometry.width_pt), f64::from(geometry.height_pt));
        let mut context = Context::new(geometry.to_points, target, &self.text_cache, page.xref(), self.settings.clone());
        let mut device = TextDevice::new(geometry, limits.max_page_text);
        interpret_page(page, &mut context, &mut device);
        device.into_content()
    }
}

#[cfg(test)]
mod tests;

//! Convert: pixels → PDF or image, text → text, archive → members; what comes out is verified before it counts.

use super::verify::{Refused, Verify};
use super::{Shared, conversion_finding, hold_for_trouble, listed, own_removed};
use crate::encode;
use crate::fault::StationFault;
use crate::line::Stage;
use crate::transition::Transition;
use crate::workers::{self, Inspector, Member, PageIn, Spent, Trouble};
use flatpdf::writer::{Body, Document, Page, Raster, Settings as PageSettings, TextRun, encode_page};
use model::format::{Action, Family};
use model::item::{Artefact, Cleared, Item, Sanitised, Step};
use model::{Effect, Finding, FindingCode, Format, Reason, Removed};
use spool::SpoolFile;
use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::UnboundedSender;
use wire::{Failure, PageStart, RenderLimits, Request, UnpackLimits, VerifyKind};

/// Members of an archive on their way back to the start of the line.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) order: Vec<u32>,
    pub(crate) members: Vec<Member>,
}

/// The stage.
pub(crate) struct Convert {
    pub(crate) shared: Shared,
    pub(crate) verify: Verify,
    pub(crate) unpacked: UnboundedSender<Unpacked>,
    /// What each item of the medium has been unpacked to, by its position.
    pub(crate) spent: Mutex<HashMap<u32, Arc<Spent>>>,
}

/// Finished bytes, not yet verified, with what was seen on the way.
struct Made {
    bytes: SpoolFile,
    kind: VerifyKind,
    extension: &'static str,
    /// Pages, for a PDF.
    pages: Option<u32>,
    findings: Vec<Finding>,
    removed: Vec<Removed>,
}

impl Stage for Convert {
    type In = Cleared;
    type Out = Sanitised;

    async fn run(&self, mut item: Item<Cleared>) -> Result<Step<Sanitised>, StationFault> {
        let format = item.format();
        if item.action() == Action::Unpack {
            return self.unpack(item).await;
        }
        let content = self.shared.spool.file(item.content(), item.size_bytes());
        let made = self.shared.blocking(move |shared| make(shared, &content, format)).await;
        let made = match made {
            Ok(made) => made,
            Err(trouble) => return hold_for_trouble(item, trouble, Some(format)),
        };
        self.shared.transitions.reached(Transition::Converted);
        item.add_findings(made.findings);
        item.add_removed(made.removed);
        match self.verify.run(&made.bytes, made.kind, made.pages, made.extension).await? {
            Ok(artefact) => {
                self.shared.transitions.reached(Transition::Verified);
                Ok(Step::Advance(item.sanitised(vec![artefact])))
            }
            Err(Refused::Rejected(findings)) => {
                item.add_findings(findings);
                Ok(Step::Withhold(item.hold(Reason::VerifyRejected, Some(format))))
            }
            Err(Refused::Trouble(trouble)) => hold_for_trouble(item, trouble, Some(format)),
        }
    }
}

impl Convert {
    fn spent_for(&self, position: u32) -> Arc<Spent> {
        Arc::clone(self.spent.lock().unwrap_or_else(PoisonError::into_inner).entry(position).or_default())
    }

    async fn unpack(&self, mut item: Item<Cleared>) -> Result<Step<Sanitised>, StationFault> {
        let format = item.format();
        let policy = &self.shared.settings.policy.archive;
        let limit = policy.max_depth;
        if item.provenance().depth >= limit {
            item.add_findings([Finding::own(FindingCode::LimitHit, Effect::Undetermined, format!("archive.max_depth = {limit}"))]);
            return Ok(Step::Withhold(item.hold(Reason::Limit, Some(format))));
        }
        let limits = UnpackLimits {
            max_members: policy.max_members,
            max_expanded_bytes: policy.max_expanded_bytes,
            max_ratio: policy.max_ratio,
            max_member_bytes: self.shared.settings.policy.item.max_bytes,
        };
        let content = self.shared.content(&item);
        let spent = self.spent_for(item.provenance().order.first().copied().unwrap_or_default());
        let inner = inner_name(item.provenance().release_path.last().map_or("content", String::as_str));
        let asked = self.shared.blocking(move |shared| {
            let unpack = |inspector: &mut Inspector| inspector.unpack(&content, format, inner.into_bytes(), &limits, &shared.spool, &spent);
            shared.inspectors.with(content.size_bytes, unpack)
        });
        match asked.await {
            Ok(members) => {
                let order = item.provenance().order.clone();
                self.unpacked.send(Unpacked { order, members }).map_err(|_| StationFault::Internal("member queue"))?;
                let artefacts: Vec<Artefact> = Vec::new();
                Ok(Step::Advance(item.sanitised(artefacts)))
            }
            Err(trouble) => hold_for_trouble(item, trouble, Some(format)),
        }
    }
}

/// `a.tar.gz` → `a.tar`, `a.tgz` → `a.tar`.
fn inner_name(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, "tgz" | "tbz" | "tbz2" | "txz")) => format!("{stem}.tar"),
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned() + ".content",
    }
}

fn make(shared: &Shared, content: &SpoolFile, format: Format) -> Result<Made, Trouble> {
    let rule = shared.settings.formats.rule(format).ok_or(Trouble::Protocol("format"))?;
    match (rule.action, rule.family) {
        (Action::Convert, Family::Office) => {
            let filter = rule.office_filter.as_deref().unwrap_or_default();
            let pdf = workers::office_to_pdf(&shared.worker, &shared.settings.policy, content, format, filter, &shared.spool)?;
            flatten(shared, &pdf, &Request::RenderPdf(render_limits(shared)))
        }
        (Action::Convert, Family::Pdf) => flatten(shared, content, &Request::RenderPdf(render_limits(shared))),
        (_, Family::Image) => rebuild_image(shared, content, format),
        (_, Family::Text) => rebuild_text(shared, content, format),
        (_, Family::Pdf | Family::Office | Family::Archive | Family::Other) => Err(Trouble::Failed(Failure::Unsupported, 0)),
    }
}

/// The policy's bounds of rendering.
pub(crate) fn render_limits(shared: &Shared) -> RenderLimits {
    let convert = &shared.settings.policy.convert;
    RenderLimits {
        dpi: convert.dpi,
        max_pages: convert.max_pages,
        max_page_pixels: convert.max_page_pixels,
        max_page_text: convert.max_page_text,
    }
}

/// Renders and writes a flattened PDF. The renderer (its own process) and the page encoder (a thread here) overlap.
fn flatten(shared: &Shared, content: &SpoolFile, request: &Request) -> Result<Made, Trouble> {
    let policy = &shared.settings.policy;
    let settings = PageSettings { jpeg_quality: policy.convert.jpeg_quality, ..PageSettings::default() };
    // BOUND: one page being encoded and one waiting; with the one being received that is three pages of pixels.
    let (to_encoder, pages) = sync_channel::<(u32, PageIn)>(1);
    let (document, findings, pages) = std::thread::scope(|scope| {
        let encoder = scope.spawn(move || {
            let (mut document, mut findings) = (Document::new(None), Vec::new());
            for (index, page) in pages {
                let page = page_of(index, page, &mut findings);
                // Kept short while it grows: pages times findings of a page is a large number.
                if findings.len() > 2_000 {
                    findings = listed(findings);
                }
                document.push(encode_page(&page, &settings).map_err(|_| Trouble::Protocol("page"))?);
            }
            Ok::<_, Trouble>((document, findings))
        });
        let rendered = workers::render(&shared.worker, policy, content, request, |index, _pages, page| {
            shared.transitions.reached(Transition::PageRendered);
            // The encoder ends early only with its own error, which is the one that counts.
            to_encoder.send((index, page)).map_err(|_| Trouble::Protocol("page encoder"))
        });
        drop(to_encoder);
        let encoded = encoder.join().unwrap_or(Err(Trouble::Protocol("page encoder")))?;
        let (document, findings) = encoded;
        rendered.map(|rendered| (document, listed(findings), rendered.pages))
    })?;
    let bytes = document.finish().map_err(|_| Trouble::Protocol("document"))?;
    if bytes.len() as u64 > policy.convert.max_output_bytes {
        return Err(Trouble::Failed(Failure::LimitOutput, policy.convert.max_output_bytes));
    }
    let bytes = put(shared, &bytes)?;
    Ok(Made { bytes, kind: VerifyKind::Pdf, extension: "pdf", pages: Some(pages), findings, removed: Vec::new() })
}

fn page_of(index: u32, page: PageIn, findings: &mut Vec<Finding>) -> Page {
    let number = index + 1;
    match page {
        PageIn::Pixels { start, pixels, text, findings: seen } => {
            findings
                .extend(seen.into_iter().map(conversion_finding).map(|f| Finding { detail: format!("page {number}: {}", f.detail), ..f }));
            let rgb = encode::rgb(start.pixels, &pixels);
            let raster = Raster { width_px: start.width_px, height_px: start.height_px, rgb };
            let run = |t: workers::PageText| TextRun {
                text: t.text,
                x_pt: t.x_pt,
                y_pt: t.y_pt,
                width_pt: t.width_pt,
                size_pt: t.size_pt,
                angle_deg: t.angle_deg,
            };
            Page {
                width_pt: start.width_pt,
                height_pt: start.height_pt,
                body: Body::Raster(raster),
                text: text.into_iter().map(run).collect(),
            }
        }
        PageIn::Failed { width_pt, height_pt, failure } => {
            findings.push(Finding::own(FindingCode::PageFailed, Effect::Note, format!("page {number}: {failure:?}")));
            let lines = vec![format!("Seite {number} konnte nicht dargestellt werden."), format!("Page {number} could not be rendered.")];
            Page { width_pt, height_pt, body: Body::Placeholder { lines }, text: Vec::new() }
        }
    }
}

fn rebuild_image(shared: &Shared, content: &SpoolFile, format: Format) -> Result<Made, Trouble> {
    let policy = &shared.settings.policy;
    let request = Request::RenderImage { format, limits: render_limits(shared) };
    let mut single = None;
    let first = workers::render(&shared.worker, policy, content, &request, |_, pages, page| match page {
        PageIn::Pixels { start, pixels, findings, .. } => {
            single = (pages == 1).then_some((start, pixels, findings));
            Ok(())
        }
        PageIn::Failed { failure, .. } if pages == 1 => Err(Trouble::Failed(failure, 0)),
        PageIn::Failed { .. } => Ok(()),
    })?;
    let Some((start, pixels, seen)) = single else {
        debug_assert!(first.pages > 1);
        return flatten(shared, content, &request);
    };
    let (bytes, kind, extension) = image_bytes(format, &start, &pixels, policy.convert.jpeg_quality)?;
    let bytes = put(shared, &bytes)?;
    let findings = listed(seen.into_iter().map(conversion_finding));
    Ok(Made { bytes, kind, extension, pages: None, findings, removed: Vec::new() })
}

fn image_bytes(format: Format, start: &PageStart, pixels: &[u8], quality: u8) -> Result<(Vec<u8>, VerifyKind, &'static str), Trouble> {
    let encoded = match format {
        Format::Jpeg | Format::Heic => encode::jpeg(start, pixels, quality).map(|bytes| (bytes, VerifyKind::Jpeg, "jpg")),
        _ => encode::png(start, pixels).map(|bytes| (bytes, VerifyKind::Png, "png")),
    };
    encoded.map_err(|_| Trouble::Failed(Failure::Unsupported, 0))
}

fn rebuild_text(shared: &Shared, content: &SpoolFile, format: Format) -> Result<Made, Trouble> {
    let (bytes, removed, findings) = workers::rebuild_text(&shared.worker, &shared.settings.policy, content, format, &shared.spool)?;
    let kind = if format == Format::Csv { VerifyKind::Csv } else { VerifyKind::Text };
    let findings = listed(findings.into_iter().map(conversion_finding));
    Ok(Made { bytes, kind, extension: "txt", pages: None, findings, removed: own_removed(removed) })
}

fn put(shared: &Shared, bytes: &[u8]) -> Result<SpoolFile, Trouble> {
    if let Some(number) = shared.spool.full() {
        return Err(Trouble::Reached("session.max_spool_bytes", number));
    }
    shared.spool.put(bytes).map_err(|error| Trouble::Station(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_stream_is_named_after_its_packer() {
        assert_eq!(inner_name("a.tar.gz"), "a.tar");
        assert_eq!(inner_name("a.tgz"), "a.tar");
        assert_eq!(inner_name("notes"), "notes.content");
    }
}

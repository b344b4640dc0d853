//! The verifiers, held against other readers; and the writers, held against the verifiers.

use crate::assembly::{checked_png, framed_pdf};
use flatpdf::verify::{Kind, VerifyLimits, verify};
use flatpdf::writer::report::{Column, ReportDocument};
use flatpdf::writer::{Body, Document, Page, Raster, Settings, TextRun, encode_page};
use inspect::active::pdf::Look;
use model::Format;
use render::rebuild_text;
use render::verify::{verify_jpeg, verify_png, verify_text};

fn limits() -> VerifyLimits {
    VerifyLimits { pages: 20, objects: 300, stream_bytes: 1 << 20, page_side_pt: 14_400.0 }
}

/// As it is, and with everything right that a mutation cannot get right.
pub(crate) fn pdf(bytes: &[u8]) {
    let framed = framed_pdf(bytes);
    for file in [bytes, &framed] {
        for kind in [Kind::Flattened, Kind::Report] {
            let Ok(accepted) = verify(file, kind, &limits()) else { continue };
            assert!((1..=20).contains(&accepted.pages));
            // Another reader: nothing in it acts, whatever it is called.
            assert_eq!(inspect::active::pdf::look(file), Look::Counted(Vec::new()), "accepted, and yet");
        }
    }
}

pub(crate) fn png(bytes: &[u8]) {
    let checked = checked_png(bytes);
    for file in [bytes, &checked] {
        if verify_png(file, 100_000).is_ok() {
            let decoded = image::load_from_memory_with_format(file, image::ImageFormat::Png);
            decoded.expect("what the verifier accepts can be decoded");
        }
    }
}

pub(crate) fn jpeg(bytes: &[u8]) {
    if verify_jpeg(bytes).is_ok() {
        let markers = bytes.windows(2).filter(|pair| matches!(pair, [0xFF, 0xD9])).count();
        assert!(bytes.ends_with(&[0xFF, 0xD9]) && markers > 0);
    }
}

pub(crate) fn text(bytes: &[u8]) {
    if verify_text(bytes, false).is_ok() {
        let rebuilt = rebuild_text(bytes.to_vec(), Format::Txt, 1 << 20).expect("short");
        assert!(rebuilt.removed.is_empty(), "accepted, and yet rebuilding takes something out");
    }
}

pub(crate) fn csv(bytes: &[u8]) {
    // Where lines are blank, rebuilding may end with another delimiter than the table began with, and then guards tabs that
    // were empty cells before.
    if bytes.split(|byte| *byte == b'\n').any(|line| String::from_utf8_lossy(line).trim().is_empty()) {
        return;
    }
    if verify_text(bytes, true).is_ok()
        && let Ok(rebuilt) = rebuild_text(bytes.to_vec(), Format::Csv, 1 << 20)
    {
        assert!(
            rebuilt.removed.is_empty(),
            "accepted, and yet rebuilding takes something out: {:?}",
            String::from_utf8_lossy(&rebuilt.bytes)
        );
    }
}

/// Takes numbers off the front of an input.
struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or(0)
    }

    fn short(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn float(&mut self) -> f32 {
        f32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn take(&mut self, most: usize) -> &'a [u8] {
        self.0.split_off(..most.min(self.0.len())).unwrap_or_default()
    }
}

/// Any pixels, any text at any place: what the writer writes, the verifier accepts.
pub(crate) fn written_pdf(bytes: &[u8]) {
    let mut numbers = Numbers(bytes);
    let mut document = Document::new(Some("de-DE"));
    let mut pages = 0;
    for _ in 0..=numbers.byte() % 3 {
        let page = any_page(&mut numbers);
        let settings = Settings { jpeg_quality: numbers.byte(), strip_height_px: u32::from(numbers.byte()) };
        if let Ok(page) = encode_page(&page, &settings) {
            document.push(page);
            pages += 1;
        }
    }
    let Ok(file) = document.finish() else {
        assert_eq!(pages, 0, "pages that cannot be written");
        return;
    };
    match verify(&file, Kind::Flattened, &VerifyLimits::default()) {
        Ok(accepted) => assert_eq!(accepted.pages, pages),
        Err(rejection) => assert!(pages == 0, "the writer's own file: {rejection}"),
    }
}

fn any_page(numbers: &mut Numbers<'_>) -> Page {
    let (width_px, height_px) = (u32::from(numbers.byte() % 96) + 1, u32::from(numbers.byte() % 96) + 1);
    let style = numbers.byte();
    let size = (width_px * height_px * 3) as usize;
    let pattern = numbers.take(usize::from(numbers.0.first().copied().unwrap_or(0)) + 1).to_vec();
    let colour = |index: usize| pattern.get(index % pattern.len().max(1)).copied().unwrap_or(255);
    let rgb = match style % 3 {
        0 => (0..size).map(colour).collect(),
        1 => (0..size).map(|index| if colour(index / 3) & 1 == 0 { 255 } else { 0 }).collect(),
        _ => (0..size).map(|index| colour(index / 3)).collect(),
    };
    let (width_pt, height_pt) = match style % 5 {
        0 => (numbers.float(), numbers.float()),
        _ => (f32::from(numbers.short() % 14_400) + 1.0, f32::from(numbers.short() % 14_400) + 1.0),
    };
    let body = if style == 255 {
        Body::Placeholder { lines: vec![String::from_utf8_lossy(&pattern).into_owned()] }
    } else {
        Body::Raster(Raster { width_px, height_px, rgb })
    };
    let runs = numbers.byte() % 8;
    let text = (0..runs).map(|_| {
        let length = usize::from(numbers.byte());
        TextRun {
            text: String::from_utf8_lossy(numbers.take(length)).into_owned(),
            x_pt: numbers.float(),
            y_pt: numbers.float(),
            width_pt: numbers.float(),
            size_pt: numbers.float(),
            angle_deg: numbers.float(),
        }
    });
    Page { width_pt, height_pt, body, text: text.collect() }
}

/// Any words in a report: what the writer writes, the verifier accepts.
pub(crate) fn written_report(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut report = ReportDocument::new(Some("en"));
    for (index, block) in text.split("\n\n").enumerate() {
        match index % 3 {
            0 => report.heading(block),
            1 => report.paragraph(block),
            _ => {
                let rows: Vec<Vec<String>> = block.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect();
                let count = rows.first().map_or(1, Vec::len);
                let columns: Vec<Column> =
                    (0..count).map(|index| Column { title: format!("{index}"), width_share: index as f32 }).collect();
                let _ = report.table(&columns, rows.into_iter());
            }
        }
    }
    let file = report.finish().expect("a report can be written");
    if let Err(rejection) = verify(&file, Kind::Report, &VerifyLimits::default()) {
        panic!("the writer's own report: {rejection}");
    }
}

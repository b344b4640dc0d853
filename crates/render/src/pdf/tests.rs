use super::*;
use crate::sink::WireSink;
use wire::{Answer, Frame, FrameReader, FrameWriter, TextPiece, WireError};

const LIMITS: RenderLimits = RenderLimits { dpi: 72, max_pages: 5, max_page_pixels: 1_000_000, max_page_text: 1_000 };

#[derive(Debug, Default)]
struct Seen {
    document: u32,
    pages: Vec<(PageStart, Vec<u8>)>,
    pieces: Vec<TextPiece>,
    findings: Vec<FindingCode>,
    failed: u32,
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
    fn text(&mut self, pieces: Vec<TextPiece>) -> Result<(), WireError> {
        self.pieces.extend(pieces);
        Ok(())
    }
    fn page_end(&mut self, findings: Vec<RawFinding>) -> Result<(), WireError> {
        self.findings.extend(findings.iter().map(|finding| finding.code));
        Ok(())
    }
    fn page_failed(&mut self, _width_pt: f32, _height_pt: f32, _failure: Failure) -> Result<(), WireError> {
        self.failed += 1;
        Ok(())
    }
}

impl Seen {
    fn words(&self) -> Vec<String> {
        self.pieces.iter().map(word).collect()
    }
}

fn word(piece: &TextPiece) -> String {
    piece.text.clone().into_untrusted().check(|text| Ok::<_, ()>(text.clone())).unwrap()
}

fn render_with(bytes: Vec<u8>, limits: &RenderLimits) -> Result<Seen, RenderError> {
    let mut seen = Seen::default();
    render_pdf(bytes, "", limits, &Fonts::load(), &mut seen)?;
    Ok(seen)
}

fn render(bytes: Vec<u8>) -> Seen {
    render_with(bytes, &LIMITS).unwrap()
}

/// A PDF of these objects, numbered from 1, the first one being the catalogue.
fn pdf_of(objects: &[String]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
    }
    let start = out.len();
    out.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        out.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    out.extend(format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1).bytes());
    out
}

fn stream(dictionary: &str, content: &str) -> String {
    format!("<< {dictionary} /Length {} >>\nstream\n{content}\nendstream", content.len())
}

const HELVETICA: &str = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>";

/// One page with this page dictionary (without type, parent, contents and resources) and content.
fn page_of(attributes: &str, content: &str) -> Vec<u8> {
    pdf_of(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        format!(
            "<< /Type /Page /Parent 2 0 R {attributes} /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> /XObject << /X 6 0 R >> >> >>"
        ),
        stream("", content),
        HELVETICA.to_owned(),
        stream("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X 6 0 R >> >>", "/X Do /X Do"),
    ])
}

fn near(a: f32, b: f32) -> bool {
    (a - b).abs() < 0.2
}

#[test]
fn words_come_with_their_places_and_umlauts() {
    let seen = render(page_of("/MediaBox [0 0 200 100]", "BT /F1 10 Tf 20 70 Td (Gr\\374\\337e aus) Tj 0 -20 Td [(Wi) -20 (en)] TJ ET"));
    assert_eq!((seen.document, seen.failed), (1, 0));
    assert_eq!(seen.words(), ["Grüße", "aus", "Wien"]);
    let first = &seen.pieces[0];
    assert!(near(first.x_pt, 20.0) && near(first.y_pt, 70.0) && near(first.size_pt, 10.0) && near(first.angle_deg, 0.0));
    // Helvetica metrics: G 778, r 333, ü 556, ß 611, e 556.
    assert!(near(first.width_pt, 28.34), "{}", first.width_pt);
    assert!(near(seen.pieces[2].y_pt, 50.0));
    let (start, pixels) = &seen.pages[0];
    assert_eq!((start.width_px, start.height_px, start.pixels), (200, 100, PixelFormat::Gray8));
    assert!(pixels.iter().any(|pixel| *pixel < 100));
    assert!(seen.findings.is_empty());
}

#[test]
fn invisible_text_of_a_scan_is_kept_and_repetition_dropped() {
    let seen = render(page_of("/MediaBox [0 0 200 100]", "BT /F1 10 Tf 3 Tr 20 70 Td (Scan) Tj ET 0 0 1 rg 0 0 20 20 re f"));
    assert_eq!(seen.words(), ["Scan"]);
    assert_eq!(seen.pages[0].0.pixels, PixelFormat::Rgb8);
    let twice = render(page_of("/MediaBox [0 0 200 100]", "BT /F1 10 Tf 2 Tr 20 70 Td (Bold) Tj ET BT /F1 10 Tf 20.2 70 Td (Bold) Tj ET"));
    assert_eq!(twice.words(), ["Bold"]);
}

#[test]
fn rotation_crop_and_user_unit_are_respected() {
    let content = "BT /F1 10 Tf 20 70 Td (Up) Tj ET";
    let turned = render(page_of("/MediaBox [0 0 200 100] /Rotate 90", content));
    assert_eq!((turned.pages[0].0.width_px, turned.pages[0].0.height_px), (100, 200));
    let piece = &turned.pieces[0];
    // Turned clockwise, the point (20, 70) lies 70 from the left and 180 above the lower edge; text runs downwards.
    assert!(near(piece.x_pt, 70.0) && near(piece.y_pt, 180.0) && near(piece.angle_deg, -90.0), "{piece:?}");
    let cropped = render(page_of("/MediaBox [0 0 200 100] /CropBox [10 20 110 100]", content));
    assert_eq!((cropped.pages[0].0.width_pt, cropped.pages[0].0.height_pt), (100.0, 80.0));
    assert!(near(cropped.pieces[0].x_pt, 10.0) && near(cropped.pieces[0].y_pt, 50.0));
    let large = render(page_of("/MediaBox [0 0 200 100] /UserUnit 2", content));
    assert_eq!((large.pages[0].0.width_pt, large.pages[0].0.width_px), (400.0, 400));
    assert!(near(large.pieces[0].x_pt, 40.0) && near(large.pieces[0].size_pt, 20.0));
}

#[test]
fn gigantic_and_broken_boxes_are_bounded_and_noted() {
    for (attributes, sides) in [
        ("/MediaBox [0 0 14400 14400]", Some((14_400.0, 14_400.0))),
        ("/MediaBox [0 0 100000 50000]", Some((14_400.0, 7_200.0))),
        ("/MediaBox [0 0 200 100] /UserUnit 900", Some((14_400.0, 7_200.0))),
        ("/MediaBox [0 0 1000000000000000000000 1000000000000000000000]", None),
        ("/MediaBox [-9000000 -9000000 9000000 9000000]", None),
        ("/MediaBox [0 0 0 0]", None),
        ("/MediaBox [5 5 5 900]", None),
        ("/MediaBox [0 0 100 100] /CropBox [500 500 600 600]", None),
        ("/MediaBox [0 0 99999999999999999999999999 7]", None),
    ] {
        let seen = render(page_of(attributes, "0 g 0 0 50 50 re f"));
        let start = seen.pages[0].0;
        let (width, height) = sides.unwrap_or(crate::limits::A4_PT);
        assert!(near(start.width_pt, width) && near(start.height_pt, height), "{attributes}: {start:?}");
        assert!(u64::from(start.width_px) * u64::from(start.height_px) <= LIMITS.max_page_pixels);
        let exact = attributes == "/MediaBox [0 0 14400 14400]";
        assert_eq!(seen.findings.contains(&FindingCode::PageLoss), !exact, "{attributes}");
    }
}

#[test]
fn a_page_that_is_blank_in_spite_of_its_text_is_noted() {
    let blank = render(page_of("/MediaBox [0 0 200 100]", ""));
    assert!(blank.findings.is_empty() && blank.pages[0].1.iter().all(|pixel| *pixel == 255));
    let white = render(page_of("/MediaBox [0 0 200 100]", "1 g 0 0 200 100 re f"));
    assert!(white.findings.is_empty());
    let outside = render(page_of("/MediaBox [0 0 200 100]", "BT /F1 10 Tf 20 700 Td (Gone) Tj ET"));
    assert_eq!(outside.findings, [FindingCode::PageBlank]);
}

#[test]
fn text_beyond_the_limit_is_cut_with_a_note() {
    let limits = RenderLimits { max_page_text: 6, ..LIMITS };
    let seen = render_with(page_of("/MediaBox [0 0 200 100]", "BT /F1 10 Tf 20 70 Td (four four four) Tj ET"), &limits).unwrap();
    assert_eq!(seen.words(), ["four"]);
    assert_eq!(seen.findings, [FindingCode::LimitHit]);
}

#[test]
fn what_cannot_be_opened_has_its_own_error() {
    for bytes in [&b""[..], b"%PDF-1.7\n%%EOF", b"garbage", &[0; 5_000]] {
        assert!(matches!(render_with(bytes.to_vec(), &LIMITS), Err(RenderError::Malformed)));
    }
    let none = pdf_of(&["<< /Type /Catalog /Pages 2 0 R >>".to_owned(), "<< /Type /Pages /Kids [] /Count 0 >>".to_owned()]);
    assert!(matches!(render_with(none, &LIMITS), Err(RenderError::Malformed)));
    let six = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >> ".repeat(6);
    let many = pdf_of(&["<< /Type /Catalog /Pages 2 0 R >>".to_owned(), format!("<< /Type /Pages /Kids [{six}] /Count 6 >>")]);
    assert!(matches!(render_with(many, &LIMITS), Err(RenderError::Pages(5))));
    let locked = pdf_of(&["<< /Type /Catalog /Pages 2 0 R >>".to_owned(), "<< /Type /Pages /Kids [] >>".to_owned()]);
    let entry = "/Encrypt << /Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <0000000000000000000000000000000000000000000000000000000000000000> \
        /U <1111111111111111111111111111111111111111111111111111111111111111> >> /ID [<00> <00>] /Root";
    let locked = String::from_utf8(locked).unwrap().replace("/Root", entry);
    assert!(matches!(render_with(locked.into_bytes(), &LIMITS), Err(RenderError::Encrypted)));
}

#[test]
fn circles_in_page_tree_and_forms_end() {
    let tree = pdf_of(&[
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R 2 0 R] /Count 9 >>".to_owned(),
        "<< /Type /Pages /Kids [2 0 R 4 0 R 3 0 R] /Count 9 >>".to_owned(),
        "<< /Type /Page /MediaBox [0 0 9 9] >>".to_owned(),
    ]);
    assert_eq!(render(tree).document, 1);
    // A form that draws itself once more and again would take 2^50 steps; one that draws only itself must end.
    let forms = page_of("/MediaBox [0 0 99 99]", "/X Do");
    let forms = String::from_utf8(forms).unwrap().replace("/X Do /X Do", "/X Do      ");
    assert_eq!(render(forms.into_bytes()).pages.len(), 1);
}

#[test]
fn a_document_cut_anywhere_never_brings_the_renderer_down() {
    let whole = page_of("/MediaBox [0 0 20 10]", "BT /F1 10 Tf 2 2 Td (Text) Tj ET");
    for length in (0..whole.len()).step_by(7) {
        match render_with(whole[..length].to_vec(), &LIMITS) {
            Ok(seen) => assert_eq!(seen.pages.len() as u32 + seen.failed, seen.document),
            Err(error) => assert!(matches!(error, RenderError::Malformed), "{error}"),
        }
    }
}

#[test]
fn the_same_document_gives_the_same_frames() {
    let frames = || {
        let mut out = Vec::new();
        let mut sink = WireSink::new(FrameWriter::new(&mut out));
        let content = "BT /F1 10 Tf 20 70 Td (Same) Tj ET 1 0 0 rg 5 5 30 30 re f";
        render_pdf(page_of("/MediaBox [0 0 200 100]", content), "", &LIMITS, &Fonts::load(), &mut sink).unwrap();
        out
    };
    let first = frames();
    assert_eq!(first, frames());
    let mut reader = FrameReader::new(&first[..]);
    let mut kinds = Vec::new();
    while let Some(frame) = reader.read_frame::<Answer>().unwrap() {
        kinds.push(match frame {
            Frame::Control(Answer::Document { pages: 1 }) => "document",
            Frame::Control(Answer::Page(_)) => "page",
            Frame::Bytes(_) => "pixels",
            Frame::Control(Answer::PageText(_)) => "text",
            Frame::Control(Answer::PageEnd { .. }) => "end",
            Frame::Control(_) => "other",
        });
    }
    assert_eq!(kinds, ["document", "page", "pixels", "text", "end"]);
}

//! Lies in well-formed answers, and what an honest answer looks like.

use model::{ActiveContent, Effect, FindingCode, Format};
use std::fs::File;
use std::io::Write as _;
use wire::{
    Answer, EntryKind, Failure, Foreign, FrameWriter, Inspected, PageStart, PixelFormat, RawFinding, RawRemoved, Request, TextPiece,
    VerifyKind, WireError, YaraHit,
};

type Out = FrameWriter<File>;

/// Text that does something to a terminal, a web page or a reader's eyes.
const DECEPTIVE: &str = "a\u{1b}[2J\u{202e}b\u{0}\n<script>";
/// Width of a page that the verifier lies about, points.
const LIED_ABOUT_PT: f32 = 4321.0;

/// Answers one request.
pub fn tell(lie: &str, content: &str, request: &Request, job: u32, out: &mut Out, raw: &mut File) -> Result<(), WireError> {
    match lie {
        "another answer" => return out.control(&Answer::InventoryEnd { entries: 1, bytes: 1 }),
        "bytes for an answer" => return out.bytes(b"bytes").and_then(|()| out.control(&Answer::InventoryEnd { entries: 0, bytes: 0 })),
        "failure" => return out.control(&Answer::Failed { failure: Failure::Encrypted, number: u64::MAX }),
        "endless bytes" => loop {
            out.bytes(&vec![b'x'; 60_000])?;
        },
        _ => {}
    }
    match request {
        Request::Inspect { .. } if lie == "answers twice" => {
            // In one go, so that the second answer is there as soon as the first is.
            let mut both = Vec::new();
            let mut frames = FrameWriter::new(&mut both);
            (1..job).for_each(|_| frames.next_job());
            frames.control(&Answer::Inspected(inspected(Format::Txt)))?;
            frames.control(&Answer::Inspected(inspected(Format::Pdf)))?;
            raw.write_all(&both).map_err(WireError::Write)
        }
        Request::Inspect { claimed_extension, .. } => out.control(&Answer::Inspected(inspection(lie, claimed_extension))),
        Request::Yara { .. } => out.control(&Answer::YaraHits { complete: true, hits: Vec::new() }),
        Request::Strip { .. } => out.bytes(told_on(content, "stripped")).and_then(|()| out.control(&Answer::Stripped(removed(lie)))),
        Request::Unpack { .. } => members(lie, out),
        Request::Pack { record, .. } => out.bytes(&sample(lie, content.len() + record.len())).and_then(|()| out.control(&Answer::Done)),
        Request::RenderPdf { .. } | Request::RenderImage { .. } => pages(lie, out),
        Request::RebuildText { .. } | Request::Office(_) => {
            out.bytes(told_on(content, "rebuilt"))?;
            out.control(&Answer::Rebuilt { removed: removed(lie), findings: Vec::new() })
        }
        Request::Verify { kind, .. } => out.control(&verdict(lie, content, *kind)),
        Request::LoadRules(_) | Request::ReadImage { .. } | Request::ReadTree { .. } => Err(WireError::Unexpected),
    }
}

/// A sample of two members of this length together.
fn sample(lie: &str, length: usize) -> Vec<u8> {
    let beginning: &[u8] = if lie == "another beginning" { b"MZ" } else { b"PK\x03\x04" };
    let length = match lie {
        "sample too short" => length - 1,
        "sample too long" => length + (1 << 20),
        _ => length,
    };
    let mut bytes = vec![0; length];
    bytes.iter_mut().zip(beginning).for_each(|(to, from)| *to = *from);
    bytes
}

/// What becomes of content: a lie of a later role is passed on to it.
fn told_on<'a>(content: &'a str, honest: &'a str) -> &'a [u8] {
    let later = content.starts_with("render-office: ") || content.starts_with("verify: ");
    if later { content.as_bytes() } else { honest.as_bytes() }
}

fn inspection(lie: &str, claimed_extension: &str) -> Inspected {
    let honest = match claimed_extension {
        "pdf" => Format::Pdf,
        "png" => Format::Png,
        "docx" => Format::Docx,
        "zip" => Format::Zip,
        _ => Format::Txt,
    };
    let deceptive = || Foreign::new(DECEPTIVE.to_owned());
    match lie {
        "claims a picture" => inspected(Format::Png),
        "has nothing to do with the rules" => Inspected { yara_complete: false, ..inspected(honest) },
        "an absurd list of removed content" => Inspected { active: removed(lie), ..inspected(honest) },
        "deceptive names" => Inspected {
            findings: vec![RawFinding { code: FindingCode::ActiveContent, effect: Effect::Note, detail: deceptive() }; 1_000],
            active: vec![RawRemoved { kind: ActiveContent::Hyperlink, name: Some(deceptive()), count: u32::MAX }; 1_000],
            yara: vec![YaraHit { rule: deceptive(), effect: Effect::Note, part: Some(deceptive()) }; 1_000],
            ..inspected(honest)
        },
        "encrypted is a note" => Inspected {
            findings: vec![RawFinding { code: FindingCode::Encrypted, effect: Effect::Note, detail: Foreign::new("content".into()) }],
            ..inspected(honest)
        },
        _ => inspected(honest),
    }
}

fn inspected(format: Format) -> Inspected {
    Inspected { format, findings: Vec::new(), active: Vec::new(), yara: Vec::new(), yara_complete: true }
}

fn removed(lie: &str) -> Vec<RawRemoved> {
    let line = |n: u32| RawRemoved { kind: ActiveContent::Hyperlink, name: Some(Foreign::new(format!("part {n}"))), count: u32::MAX };
    // Just below the longest frame.
    if lie == "an absurd list of removed content" { (0..50_000).map(line).collect() } else { Vec::new() }
}

fn verdict(lie: &str, content: &str, kind: VerifyKind) -> Answer {
    match lie {
        "rejects with a long story" => Answer::Rejected { code: Foreign::new(DECEPTIVE.repeat(1_000)), offset: u64::MAX },
        // Every document of these tests has one page; what is not a PDF has none.
        _ => Answer::Accepted {
            pages: match kind {
                VerifyKind::Pdf if content.contains(&format!("{LIED_ABOUT_PT}")) => 7,
                VerifyKind::Pdf | VerifyKind::ReportPdf => 1,
                VerifyKind::Text | VerifyKind::Csv | VerifyKind::Png | VerifyKind::Jpeg => 0,
            },
        },
    }
}

fn members(lie: &str, out: &mut Out) -> Result<(), WireError> {
    let member = |out: &mut Out, path: Vec<&str>, bytes: &[u8], end: bool| {
        let path = path.into_iter().map(|part| Foreign::new(part.as_bytes().to_vec())).collect();
        out.control(&Answer::Entry { path, kind: EntryKind::File, size_bytes: u64::MAX })?;
        out.bytes(bytes)?;
        if end { out.control(&Answer::EntryEnd { failure: None, offset: 0 }) } else { Ok(()) }
    };
    match lie {
        "no path" => member(out, Vec::new(), b"x", true)?,
        "deep path" => member(out, vec!["a"; 10_000], b"x", true)?,
        "endless members" => loop {
            member(out, vec!["a"], b"", true)?;
        },
        "endless member" => {
            member(out, vec!["a"], b"", false)?;
            loop {
                out.bytes(&vec![0; 60_000])?;
            }
        }
        "many large members" => loop {
            member(out, vec!["a"], &vec![0; 60_000], true)?;
        },
        "member without an end" => member(out, vec!["a"], b"x", false)?,
        "bytes of nobody" => out.bytes(b"x")?,
        "member failure" => {
            member(out, vec!["a"], b"x", false)?;
            out.control(&Answer::EntryEnd { failure: Some(Failure::LimitRatio), offset: u64::MAX })?;
        }
        _ => member(out, vec!["..", "a/b"], b"content", true)?,
    }
    out.control(&Answer::Done)
}

fn pages(lie: &str, out: &mut Out) -> Result<(), WireError> {
    let count = match lie {
        "no pages" => 0,
        "2^32-1 pages" => u32::MAX,
        "one page too many" => 101,
        "a page less" => 2,
        _ => 1,
    };
    out.control(&Answer::Document { pages: count })?;
    let (width_pt, (width_px, height_px)) = match lie {
        "page of NaN" => (f32::NAN, (2, 2)),
        "page of infinity" => (f32::INFINITY, (2, 2)),
        "page of nothing" => (0.0, (2, 2)),
        "a page for the lying verifier" => (LIED_ABOUT_PT, (2, 2)),
        "0 x 0" => (100.0, (0, 0)),
        "65535 x 65535" => (100.0, (65_535, 65_535)),
        "2^32-1 x 2^32-1" => (100.0, (u32::MAX, u32::MAX)),
        _ => (100.0, (2, 2)),
    };
    match lie {
        "failed page of NaN" => out.control(&Answer::PageFailed { width_pt: f32::NAN, height_pt: 1.0, failure: Failure::Malformed })?,
        "failed page" => out.control(&Answer::PageFailed { width_pt: 10.0, height_pt: 20.0, failure: Failure::Malformed })?,
        _ => out.control(&Answer::Page(PageStart { width_pt, height_pt: 50.0, width_px, height_px, pixels: PixelFormat::Rgb8 }))?,
    }
    if !lie.starts_with("failed page") {
        match lie {
            "too few pixels" => out.bytes(&[7; 11])?,
            "too many pixels" => out.bytes(&[7; 13])?,
            "no pixels" => {}
            _ => out.bytes(&[7; 12])?,
        }
        text(lie, out)?;
    }
    if lie == "a page more" {
        out.control(&Answer::PageFailed { width_pt: 10.0, height_pt: 20.0, failure: Failure::Malformed })?;
    }
    out.control(&Answer::Done)
}

fn text(lie: &str, out: &mut Out) -> Result<(), WireError> {
    let piece =
        |text: &str, x_pt, size_pt| TextPiece { text: Foreign::new(text.into()), x_pt, y_pt: 1.0, width_pt: -5.0, size_pt, angle_deg: 0.0 };
    let finding = || RawFinding { code: FindingCode::Malformed, effect: Effect::Note, detail: Foreign::new(String::new()) };
    match lie {
        "text at NaN" => out.control(&Answer::PageText(vec![piece("x", f32::NAN, 12.0)]))?,
        "text at infinity" => out.control(&Answer::PageText(vec![piece("x", f32::NEG_INFINITY, 12.0)]))?,
        "text far away" => out.control(&Answer::PageText(vec![piece("x", 1e30, 12.0)]))?,
        "text with controls" => out.control(&Answer::PageText(vec![piece("a\u{1b}[2J\u{202e}b\u{0}\nß", 1.0, f32::MIN_POSITIVE)]))?,
        "bytes after the text" => out.control(&Answer::PageText(Vec::new())).and_then(|()| out.bytes(b"x"))?,
        "endless text" => loop {
            out.control(&Answer::PageText(vec![piece(&"x".repeat(10_000), 1.0, 12.0)]))?;
        },
        _ => out.control(&Answer::PageText(vec![piece("Text", 1.0, 12.0)]))?,
    }
    let findings = if lie == "1,001 findings" { 1_001 } else { 1_000 };
    out.control(&Answer::PageEnd { findings: (0..findings).map(|_| finding()).collect() })
}

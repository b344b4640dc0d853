//! The worker's side. Confined like the real one, or the supervisor would not talk to it.

use model::{Effect, FindingCode, Format};
use sandbox::{Confined, Limits, Role};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use wire::{
    Answer, EntryKind, Failure, Foreign, FrameWriter, Inspected, PageStart, PixelFormat, RawFinding, Request, TextPiece, WireError,
};

type Out = FrameWriter<File>;

/// Confines itself, then answers requests until the supervisor has heard enough.
pub fn serve(role: Role, limits: &Limits) -> ExitCode {
    let Ok(mut confined) = sandbox::confine(role, limits) else { return ExitCode::FAILURE };
    let mut out = FrameWriter::new(confined.answers().try_clone().unwrap());
    let mut raw = confined.answers().try_clone().unwrap();
    let mut job = 0;
    while let Ok(Some((request, input))) = wire::receive_request(confined.job()) {
        job += 1;
        let Some(mut input) = input.map(File::from) else {
            // Rules: the one request without content. A rule file that has this name does not compile.
            let broken = matches!(&request, Request::LoadRules(rules) if rules.iter().any(|rule| rule.name == "broken"));
            let answer = if broken { Answer::Failed { failure: Failure::Rules, number: 0 } } else { Answer::Done };
            out.control(&answer).unwrap();
            out.next_job();
            continue;
        };
        let mut lie = String::new();
        input.read_to_string(&mut lie).unwrap();
        if lie == "hang up and stay" {
            drop((out, raw));
            *confined.answers() = input;
            wait(&mut confined);
            return ExitCode::SUCCESS;
        }
        if let Some(code) = end(&lie, job, &mut confined, &mut raw) {
            return ExitCode::from(code);
        }
        // A supervisor that has heard enough closes the pipe, which is an error here and the end.
        if tell(&lie, &request, &mut out).is_err() {
            return ExitCode::SUCCESS;
        }
        out.next_job();
    }
    ExitCode::SUCCESS
}

/// Until the supervisor closes the job channel.
fn wait(confined: &mut Confined) {
    while let Ok(Some(_)) = wire::receive_request(confined.job()) {}
}

/// Lies below the messages; the exit code of those that end the process.
fn end(lie: &str, job: u32, confined: &mut Confined, raw: &mut File) -> Option<u8> {
    let longest = wire::MAX_FRAME_BYTES as u32;
    let frame = |version: u8, kind: u8, job: u32, length: u32, payload: &[u8]| {
        [&[version, kind][..], &job.to_le_bytes(), &length.to_le_bytes(), payload].concat()
    };
    let told = match lie {
        "exit 0" => return Some(0),
        "exit 7" => return Some(7),
        "abort" => std::process::abort(),
        "socket" => {
            // A forbidden system call; it kills every role but the office one, whose suite asks and gets an error.
            return Some(if std::net::UdpSocket::bind("127.0.0.1:0").is_err() { 9 } else { 10 });
        }
        "silence" => Vec::new(),
        "version" => frame(wire::VERSION + 1, 1, job, 1, &[0]),
        "kind" => frame(wire::VERSION, 7, job, 0, &[]),
        "length" => frame(wire::VERSION, 2, job, u32::MAX, &[]),
        "one byte too long" => frame(wire::VERSION, 2, job, longest + 1, &[]),
        "no bytes" => frame(wire::VERSION, 2, job, 0, &[]),
        "garbage" => frame(wire::VERSION, 1, job, 20, &[0xFF; 20]),
        // `Done`, and a byte behind it.
        "trailing" => frame(wire::VERSION, 1, job, 2, &[0, 0]),
        // `Done` of another job.
        "job before" => frame(wire::VERSION, 1, job.wrapping_sub(1), 1, &[0]),
        "job after" => frame(wire::VERSION, 1, job + 1, 1, &[0]),
        "half a frame" => frame(wire::VERSION, 1, job, 20, &[1]),
        _ => return None,
    };
    raw.write_all(&told).unwrap();
    if lie != "half a frame" {
        wait(confined);
    }
    Some(0)
}

fn tell(lie: &str, request: &Request, out: &mut Out) -> Result<(), WireError> {
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
            out.control(&inspected(Format::Txt))?;
            out.control(&inspected(Format::Pdf))
        }
        Request::Inspect { .. } => out.control(&inspected(Format::Txt)),
        Request::Yara { .. } => out.control(&Answer::YaraHits { complete: true, hits: Vec::new() }),
        Request::Strip { .. } => out.bytes(b"stripped").and_then(|()| out.control(&Answer::Stripped(Vec::new()))),
        Request::Unpack { .. } => members(lie, out),
        Request::RenderPdf(_) | Request::RenderImage { .. } => pages(lie, out),
        Request::RebuildText { .. } | Request::Office(_) => {
            out.bytes(b"rebuilt")?;
            out.control(&Answer::Rebuilt { removed: Vec::new(), findings: Vec::new() })
        }
        Request::Verify { .. } => out.control(&Answer::Accepted { pages: 3 }),
        Request::LoadRules(_) | Request::ReadImage { .. } | Request::ReadTree { .. } => Err(WireError::Unexpected),
    }
}

fn inspected(format: Format) -> Answer {
    Answer::Inspected(Inspected { format, findings: Vec::new(), active: Vec::new(), yara: Vec::new(), yara_complete: true })
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

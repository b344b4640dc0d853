//! What each role does with a request. One arm per request; a request of another role is refused.

use crate::answers::{Members, failed};
use flatpdf::verify::{Kind, VerifyLimits};
use inspect::{Content, PackError, Rules, RulesError};
use medium::ReadLimits;
use render::office::OfficeExit;
use render::{Fonts, WireSink, verify};
use sandbox::{Confined, Exit, Role};
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use wire::{Answer, Failure, Foreign, FrameWriter, OfficeJob, Request, Secret, VerifyKind, WireError};

/// Largest content a renderer or verifier takes into memory.
// BOUND: the address-space limit of the worker ends what is larger anyway; this makes it a code instead of a crash.
const MAX_IN_MEMORY: u64 = 1 << 30;
/// Signal the sandbox ends the office suite with at its wall-clock limit.
const SIGALRM: i32 = 14;

/// What a worker keeps between requests.
pub struct State {
    pub fonts: Fonts,
    pub rules: Option<Rules>,
}

/// Serves one request.
pub fn serve<W: Write>(
    confined: &Confined,
    state: &mut State,
    request: Request,
    descriptor: Option<OwnedFd>,
    out: &mut FrameWriter<W>,
) -> Result<(), WireError> {
    let input = descriptor.map(File::from);
    match (confined.role(), request, input) {
        (Role::Inspect, Request::LoadRules(sources), None) => match Rules::compile(&sources) {
            Ok(rules) => {
                state.rules = Some(rules);
                out.control(&Answer::Done)
            }
            // Which file; one past the last when it is the engine itself.
            Err(error) => {
                let position = match &error {
                    RulesError::Compile { name, .. } => sources.iter().position(|source| source.name == *name),
                    RulesError::Engine(_) => None,
                };
                failed(out, Failure::Rules, position.unwrap_or(sources.len()) as u64)
            }
        },
        (Role::Inspect, request, Some(input)) => inspection(state, request, input, out),
        (Role::Render, Request::RebuildText { format, max_output_bytes }, Some(input)) => {
            with_bytes(input, out, |bytes, out| match render::rebuild_text(bytes, format, max_output_bytes) {
                Ok(rebuilt) => {
                    out.bytes(&rebuilt.bytes)?;
                    out.control(&Answer::Rebuilt { removed: rebuilt.removed, findings: rebuilt.findings })
                }
                Err(error) => fail(out, error.failure()),
            })
        }
        (Role::Render, request @ (Request::RenderPdf { .. } | Request::RenderImage { .. }), Some(input)) => {
            with_bytes(input, out, |bytes, out| pages(state, &request, bytes, out))
        }
        (Role::RenderOffice, Request::Office(job), Some(input)) => office(confined, &job, input, out),
        (Role::Verify, Request::Verify { kind, max_pages, max_bytes }, Some(input)) => {
            with_bytes(input, out, |bytes, out| out.control(&judge(&bytes, kind, max_pages, max_bytes)))
        }
        (Role::Read, Request::ReadImage { max_entries, max_depth, max_file_bytes, unlock }, Some(input)) => {
            let limits = ReadLimits { max_entries, max_depth, max_file_bytes };
            let done = medium::image::unlock_image(input, limits, &unlock, out);
            finish_reading(done, out)
        }
        (Role::Tree, Request::ReadTree { max_entries, max_depth, max_file_bytes }, None) => {
            let limits = ReadLimits { max_entries, max_depth, max_file_bytes };
            let Some(root) = confined.root() else { return failed(out, Failure::Request, 0) };
            let done = medium::tree::read_tree(root, limits, out);
            finish_reading(done, out)
        }
        _ => failed(out, Failure::Request, 0),
    }
}

fn fail<W: Write>(out: &mut FrameWriter<W>, (failure, number): (Failure, u64)) -> Result<(), WireError> {
    failed(out, failure, number)
}

fn finish_reading<W: Write>(done: Result<(), medium::ReadError>, out: &mut FrameWriter<W>) -> Result<(), WireError> {
    match done {
        Ok(()) => out.control(&Answer::Done),
        Err(medium::ReadError::Wire(error)) => Err(error),
        Err(error) => fail(out, error.failure()),
    }
}

fn inspection<W: Write>(state: &State, request: Request, input: File, out: &mut FrameWriter<W>) -> Result<(), WireError> {
    let Ok(mut content) = Content::from_file(input) else { return failed(out, Failure::Read, 0) };
    match request {
        Request::Inspect { claimed_extension, yara_timeout_seconds } => {
            let timeout = Duration::from_secs(yara_timeout_seconds.into());
            out.control(&Answer::Inspected(inspect::inspect(&mut content, &claimed_extension, state.rules.as_ref(), timeout)))
        }
        Request::Yara { format, extension, timeout_seconds } => {
            let Some(rules) = state.rules.as_ref() else { return failed(out, Failure::Rules, 0) };
            let timeout = Duration::from_secs(timeout_seconds.into());
            // What cannot be read or scanned whole is not complete; that it is not is the answer.
            let scanned = content.all(MAX_IN_MEMORY).ok().and_then(|bytes| rules.scan(&bytes, &format, &extension, timeout).ok());
            out.control(&Answer::YaraHits { complete: scanned.is_some(), hits: scanned.unwrap_or_default() })
        }
        Request::Strip { format, max_output_bytes } => {
            match inspect::strip(&mut content, format, &mut |bytes| out.bytes(bytes), max_output_bytes) {
                Ok(removed) => out.control(&Answer::Stripped(removed)),
                Err(error) => failed(out, error.failure(), error.number()),
            }
        }
        Request::Unpack { format, inner_name, limits, password } => {
            let Ok(inner) = inner_name.into_untrusted().check(|name| Ok::<_, std::convert::Infallible>(name.clone()));
            let password = password.as_ref().map(Secret::reveal);
            match inspect::unpack(&mut content, format, &inner, password, &limits, &mut Members(out)) {
                Ok(()) => out.control(&Answer::Done),
                Err(error) => failed(out, error.failure(), error.number()),
            }
        }
        Request::Pack { name, record } => match inspect::pack(&mut content, &name, &record, &mut |bytes| out.bytes(bytes)) {
            Ok(()) => out.control(&Answer::Done),
            Err(PackError::Read) => failed(out, Failure::Read, 0),
            Err(PackError::Sink(error)) => Err(error),
        },
        _ => failed(out, Failure::Request, 0),
    }
}

fn with_bytes<W: Write>(
    mut input: File,
    out: &mut FrameWriter<W>,
    job: impl FnOnce(Vec<u8>, &mut FrameWriter<W>) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let mut bytes = Vec::new();
    match (&mut input).take(MAX_IN_MEMORY + 1).read_to_end(&mut bytes) {
        Ok(n) if n as u64 > MAX_IN_MEMORY => failed(out, Failure::Limit, MAX_IN_MEMORY),
        Ok(_) => job(bytes, out),
        Err(_) => failed(out, Failure::Read, 0),
    }
}

fn pages<W: Write>(state: &State, request: &Request, bytes: Vec<u8>, out: &mut FrameWriter<W>) -> Result<(), WireError> {
    let mut sink = WireSink::new(out.by_ref());
    let done = match request {
        Request::RenderPdf { limits, password } => {
            let password = password.as_ref().map_or("", Secret::reveal);
            render::render_pdf(bytes, password, limits, &state.fonts, &mut sink)
        }
        Request::RenderImage { format, limits } => render::render_image(bytes, *format, limits, &state.fonts, &mut sink),
        _ => return failed(out, Failure::Request, 0),
    };
    match done {
        Ok(()) => out.control(&Answer::Done),
        Err(error) => fail(out, error.failure()),
    }
}

fn office<W: Write>(confined: &Confined, job: &OfficeJob, mut input: File, out: &mut FrameWriter<W>) -> Result<(), WireError> {
    let run = |program: &Path, arguments: &[std::ffi::OsString], wall: Duration| match confined.run_office(program, arguments, wall) {
        Ok(Exit::Signal(SIGALRM)) => Ok(OfficeExit::TimedOut),
        Ok(_) => Ok(OfficeExit::Ended),
        Err(error) => Err(io::Error::other(error)),
    };
    let converted = render::office::office_to_pdf(&run, Path::new("/work"), &mut input, job, &mut |bytes| out.bytes(bytes));
    match converted {
        Ok(()) => out.control(&Answer::Rebuilt { removed: Vec::new(), findings: Vec::new() }),
        Err(error) => fail(out, error.failure()),
    }
}

fn judge(bytes: &[u8], kind: VerifyKind, max_pages: u32, max_bytes: u64) -> Answer {
    let limits = VerifyLimits { pages: max_pages, stream_bytes: max_bytes, ..VerifyLimits::default() };
    let pdf = |kind| match flatpdf::verify::verify(bytes, kind, &limits) {
        Ok(accepted) => Ok(accepted.pages),
        Err(rejection) => Err((rejection.code.as_str(), rejection.offset)),
    };
    let verdict = match kind {
        VerifyKind::Pdf => pdf(Kind::Flattened),
        VerifyKind::ReportPdf => pdf(Kind::Report),
        VerifyKind::Text => verify::verify_text(bytes, false).map(|()| 0),
        VerifyKind::Csv => verify::verify_text(bytes, true).map(|()| 0),
        VerifyKind::Png => verify::verify_png(bytes, max_bytes).map(|()| 0),
        VerifyKind::Jpeg => verify::verify_jpeg(bytes).map(|()| 0),
    };
    match verdict {
        Ok(pages) => Answer::Accepted { pages },
        Err((code, offset)) => Answer::Rejected { code: Foreign::new(code.to_owned()), offset: offset as u64 },
    }
}

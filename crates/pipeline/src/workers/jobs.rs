//! Jobs of single-use workers that give bytes or a yes: office, text, verify.

use super::conversation::{Conversation, Heard, Trouble};
use super::inspector::{append, finish, writer};
use model::item::Acceptance;
use model::policy::Policy;
use model::{Format, Untrusted};
use sandbox::Role;
use spool::{Spool, SpoolFile};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::Duration;
use wire::{Answer, Foreign, OfficeJob, RawFinding, RawRemoved, Request, VerifyKind};

/// Has the office suite turn a document into a (still foreign) PDF in the spool. Blocking.
///
/// # Errors
/// [`Trouble`].
pub fn office_to_pdf(
    program: &Path,
    policy: &Policy,
    content: &SpoolFile,
    format: Format,
    filter: &str,
    spool: &Spool,
) -> Result<SpoolFile, Trouble> {
    let mut limits = policy.worker.scaled_to(content.size_bytes);
    let wall_seconds = limits.office_wall_seconds;
    // The worker ends the suite itself at its deadline; this is the deadline of the worker.
    limits.silent_seconds = wall_seconds + 15;
    let wall = Duration::from_secs((wall_seconds + 30).into());
    let job = OfficeJob {
        format,
        import_filter: filter.into(),
        max_pages: policy.convert.max_pages.saturating_add(1),
        wall_seconds,
        max_output_bytes: policy.convert.max_output_bytes,
    };
    let mut conversation = Conversation::start(program, Role::RenderOffice, &limits, wall, None)?;
    rebuilt(&mut conversation, content, &Request::Office(job), policy.convert.max_output_bytes, spool).map(|(file, ..)| file)
}

/// Has text decoded, normalised and written again. Blocking.
///
/// # Errors
/// [`Trouble`].
pub fn rebuild_text(
    program: &Path,
    policy: &Policy,
    content: &SpoolFile,
    format: Format,
    spool: &Spool,
) -> Result<(SpoolFile, Vec<RawRemoved>, Vec<RawFinding>), Trouble> {
    let worker = policy.worker.scaled_to(content.size_bytes);
    let wall = Duration::from_secs(worker.wall_seconds.into());
    let mut conversation = Conversation::start(program, Role::Render, &worker, wall, None)?;
    let max_output_bytes = policy.convert.max_output_bytes;
    rebuilt(&mut conversation, content, &Request::RebuildText { format, max_output_bytes }, max_output_bytes, spool)
}

fn rebuilt(
    conversation: &mut Conversation,
    content: &SpoolFile,
    request: &Request,
    max_bytes: u64,
    spool: &Spool,
) -> Result<(SpoolFile, Vec<RawRemoved>, Vec<RawFinding>), Trouble> {
    let file = content.open().map_err(|error| Trouble::Station(error.into()))?;
    conversation.ask(request, Some(file.as_fd()))?;
    let mut writer = writer(spool)?;
    match conversation.hear_bytes(|bytes| append(&mut writer, bytes, max_bytes))? {
        Answer::Rebuilt { removed, findings } => Ok((finish(writer)?, removed, findings)),
        _ => Err(Trouble::Protocol("answer to rebuild")),
    }
}

/// Has the strict verifier judge an artefact, which has `pages` pages where that is known: its acceptance, or the code it was
/// rejected with. Blocking.
///
/// # Errors
/// [`Trouble`]; among others when the verifier accepts another number of pages than there are.
pub fn verify(
    program: &Path,
    policy: &Policy,
    artefact: &SpoolFile,
    kind: VerifyKind,
    pages: Option<u32>,
) -> Result<Result<Acceptance, Untrusted<String>>, Trouble> {
    let worker = policy.worker.scaled_to(artefact.size_bytes);
    let wall = Duration::from_secs(worker.wall_seconds.into());
    let mut conversation = Conversation::start(program, Role::Verify, &worker, wall, None)?;
    let file = artefact.open().map_err(|error| Trouble::Station(error.into()))?;
    let max_bytes = policy.convert.max_page_pixels.saturating_mul(4).max(artefact.size_bytes);
    conversation.ask(&Request::Verify { kind, max_pages: policy.convert.max_pages, max_bytes }, Some(file.as_fd()))?;
    match conversation.hear()? {
        // It cannot have read these bytes and counted otherwise.
        Heard::Answer(Answer::Accepted { pages: counted }) if pages.is_some_and(|pages| pages != counted) => {
            Err(Trouble::Protocol("number of pages accepted"))
        }
        Heard::Answer(Answer::Accepted { pages: counted }) => {
            let counted = matches!(kind, VerifyKind::Pdf | VerifyKind::ReportPdf).then_some(counted);
            #[expect(clippy::disallowed_methods, reason = "the one place: the verifier has just accepted this content")]
            let acceptance = Acceptance::by_verifier(artefact.digest, artefact.size_bytes, counted);
            Ok(Ok(acceptance))
        }
        Heard::Answer(Answer::Rejected { code, .. }) => Ok(Err(Foreign::into_untrusted(code))),
        _ => Err(Trouble::Protocol("answer to verify")),
    }
}

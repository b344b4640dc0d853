//! The `inspect` workers of a session: identification, YARA, stripping, unpacking.
//!
//! Loading rules is costly, so an inspector serves many items of one session; after any trouble it is replaced.

use super::conversation::{Conversation, Heard, Trouble};
use crate::fault::StationFault;
use model::policy::{Policy, WorkerPolicy};
use model::{Format, Untrusted, escape_text};
use sandbox::Role;
use spool::{Spool, SpoolFile, SpoolWriter};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wire::{Answer, EntryKind, Failure, Foreign, Inspected, RawRemoved, Request, RuleSource, Secret, UnpackLimits, YaraHit};

/// A worker in the `inspect` role with the rules loaded.
#[derive(Debug)]
pub struct Inspector {
    conversation: Conversation,
    /// Time it spent on items.
    worked: Duration,
}

/// The policy's key of the CPU limit.
const CPU_KEY: &str = "worker.cpu_seconds";

/// A member of an archive.
#[derive(Debug)]
pub struct Member {
    /// Path components, foreign.
    pub path: Vec<Untrusted<Vec<u8>>>,
    /// What it is.
    pub kind: EntryKind,
    /// Its content.
    pub content: MemberContent,
}

/// What came of a member's content.
#[derive(Debug)]
pub enum MemberContent {
    /// It has none (directory, link, special).
    None,
    /// It lies in the spool.
    Spooled(SpoolFile),
}

/// What an item of the medium has been unpacked to so far, archives inside of archives included: a bomb may be built of many
/// archives of which none is one.
#[derive(Debug, Default)]
pub struct Spent {
    members: AtomicU32,
    expanded_bytes: AtomicU64,
}

impl Spent {
    /// Counts one more member; whether there may be one.
    fn member(&self, limits: &UnpackLimits) -> Result<(), Trouble> {
        if self.members.fetch_add(1, Ordering::Relaxed) >= limits.max_members {
            return Err(Trouble::Failed(Failure::LimitMembers, limits.max_members.into()));
        }
        Ok(())
    }

    /// Counts expanded bytes; whether there may be so many.
    fn bytes(&self, count: usize, limits: &UnpackLimits) -> Result<(), Trouble> {
        let before = self.expanded_bytes.fetch_add(count as u64, Ordering::Relaxed);
        if before.saturating_add(count as u64) > limits.max_expanded_bytes {
            return Err(Trouble::Failed(Failure::LimitExpanded, limits.max_expanded_bytes));
        }
        Ok(())
    }
}

/// Inspectors at rest, and how to make another.
#[derive(Debug)]
pub struct InspectorPool {
    program: PathBuf,
    rules: Arc<Vec<RuleSource>>,
    policy: WorkerPolicy,
    yara_timeout_seconds: u32,
    idle: Mutex<Vec<Inspector>>,
}

impl InspectorPool {
    /// A pool for one session.
    pub fn new(program: PathBuf, rules: Arc<Vec<RuleSource>>, policy: &Policy) -> Self {
        let yara_timeout_seconds = policy.scan.yara_timeout_seconds;
        Self { program, rules, policy: policy.worker.clone(), yara_timeout_seconds, idle: Mutex::default() }
    }

    /// Runs one job on an inspector, with the time-outs for content of this size; the inspector goes back to the pool only
    /// when nothing was wrong. Blocking.
    ///
    /// # Errors
    /// The job's trouble, or the trouble of starting an inspector.
    pub fn with<T>(&self, size_bytes: u64, job: impl FnOnce(&mut Inspector) -> Result<T, Trouble>) -> Result<T, Trouble> {
        let policy = self.policy.scaled_to(size_bytes);
        let mut inspector = match self.resting(policy.cpu_seconds) {
            Some(inspector) => inspector,
            None => self.start(&policy)?,
        };
        inspector.conversation.set_wall(Duration::from_secs(policy.wall_seconds.into()));
        let begun = Instant::now();
        let done = job(&mut inspector);
        inspector.worked += begun.elapsed();
        // The inspector's own limit is larger than one item's, so that what others used is not this one's trouble.
        let done = match done {
            Err(Trouble::Reached(CPU_KEY, _)) => Err(Trouble::Reached(CPU_KEY, policy.cpu_seconds.into())),
            other => other,
        };
        // A worker that refused a job by the protocol is in order; anything else is not trusted with another item. One that
        // is still talking about this item would be heard by the next.
        if matches!(done, Ok(_) | Err(Trouble::Failed(..))) && inspector.conversation.at_rest() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(inspector);
        }
        done
    }

    /// An inspector that has been silent since its last answer. One that has not, or has ended, is dropped: what it said
    /// unasked is not this item's trouble. Neither is what others used of its processor time: it must have as many seconds
    /// left as this item may use. It has one thread, so it cannot have used more of them than went by.
    fn resting(&self, cpu_seconds: u32) -> Option<Inspector> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(inspector) = idle.pop() {
            let left = Duration::from_secs(inspector.conversation.cpu_seconds().into()).saturating_sub(inspector.worked);
            if inspector.conversation.at_rest() && left >= Duration::from_secs(cpu_seconds.into()) {
                return Some(inspector);
            }
        }
        None
    }

    fn start(&self, policy: &WorkerPolicy) -> Result<Inspector, Trouble> {
        let wall = Duration::from_secs(policy.wall_seconds.into());
        // Enough for one item after many small ones.
        let twice = WorkerPolicy { cpu_seconds: policy.cpu_seconds.saturating_mul(2), ..policy.clone() };
        let mut conversation = Conversation::start(&self.program, Role::Inspect, &twice, wall, None)?;
        conversation.ask(&Request::LoadRules(self.rules.as_ref().clone()), None)?;
        match conversation.hear() {
            Ok(Heard::Answer(Answer::Done)) => Ok(Inspector { conversation, worked: Duration::ZERO }),
            Err(Trouble::Failed(Failure::Rules, position)) => {
                // The name is ours; a position nobody has is no name.
                let file = usize::try_from(position).ok().and_then(|position| self.rules.get(position));
                let file = file.map_or_else(|| "(which one, the inspector does not say)".into(), |rule| escape_text(&rule.name));
                Err(Trouble::Station(StationFault::Rules { file }))
            }
            Err(trouble) => Err(trouble),
            Ok(_) => Err(Trouble::Protocol("answer to the rules")),
        }
    }

    /// Longest YARA scan, seconds.
    pub const fn yara_timeout_seconds(&self) -> u32 {
        self.yara_timeout_seconds
    }
}

impl Inspector {
    /// Identifies and scans content.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn inspect(&mut self, content: &SpoolFile, claimed_extension: &str, yara_timeout_seconds: u32) -> Result<Inspected, Trouble> {
        let request = Request::Inspect { claimed_extension: claimed_extension.into(), yara_timeout_seconds };
        self.ask(content, &request)?;
        match self.conversation.hear()? {
            Heard::Answer(Answer::Inspected(inspected)) => Ok(inspected),
            _ => Err(Trouble::Protocol("answer to inspect")),
        }
    }

    /// Runs the rules over content: whether it was complete, and the hits.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn yara(
        &mut self,
        content: &SpoolFile,
        format: &str,
        extension: &str,
        timeout_seconds: u32,
    ) -> Result<(bool, Vec<YaraHit>), Trouble> {
        self.ask(content, &Request::Yara { format: format.into(), extension: extension.into(), timeout_seconds })?;
        match self.conversation.hear()? {
            Heard::Answer(Answer::YaraHits { complete, hits }) => Ok((complete, hits)),
            _ => Err(Trouble::Protocol("answer to yara")),
        }
    }

    /// Takes active content out of a document; the result goes into the spool.
    ///
    /// # Errors
    /// [`Trouble`].
    pub fn strip(
        &mut self,
        content: &SpoolFile,
        format: Format,
        max_bytes: u64,
        spool: &Spool,
    ) -> Result<(SpoolFile, Vec<RawRemoved>), Trouble> {
        self.ask(content, &Request::Strip { format, max_output_bytes: max_bytes })?;
        let mut writer = writer(spool)?;
        match self.conversation.hear_bytes(|bytes| append(&mut writer, bytes, max_bytes))? {
            Answer::Stripped(removed) => Ok((finish(writer)?, removed)),
            _ => Err(Trouble::Protocol("answer to strip")),
        }
    }

    /// Takes an archive apart, encrypted members with `password`; members go into the spool. Limits are counted here once more,
    /// on top of what is `spent`.
    ///
    /// # Errors
    /// [`Trouble`]; a limit hit anywhere fails the whole archive.
    #[expect(clippy::too_many_arguments, reason = "one request's parts, each of another type")]
    pub fn unpack(
        &mut self,
        content: &SpoolFile,
        format: Format,
        inner_name: Vec<u8>,
        password: Option<Secret>,
        limits: &UnpackLimits,
        spool: &Spool,
        spent: &Spent,
    ) -> Result<Vec<Member>, Trouble> {
        self.ask(content, &Request::Unpack { format, inner_name: Foreign::new(inner_name), limits: *limits, password })?;
        let mut members = Vec::new();
        loop {
            let (path, kind) = match self.conversation.hear()? {
                Heard::Answer(Answer::Done) => return Ok(members),
                Heard::Answer(Answer::Entry { path, kind, .. }) => (path, kind),
                _ => return Err(Trouble::Protocol("member")),
            };
            spent.member(limits)?;
            if path.is_empty() || path.len() > 1_000 {
                return Err(Trouble::Protocol("member path"));
            }
            let mut writer = writer(spool)?;
            let end = self.conversation.hear_bytes(|bytes| {
                spent.bytes(bytes.len(), limits)?;
                append_up_to(&mut writer, bytes, limits.max_member_bytes, Failure::Limit)
            })?;
            let Answer::EntryEnd { failure, offset } = end else { return Err(Trouble::Protocol("member end")) };
            if let Some(failure) = failure {
                return Err(Trouble::Failed(failure, number_of(failure, limits).unwrap_or(offset)));
            }
            let content = match kind {
                EntryKind::File | EntryKind::Stream => MemberContent::Spooled(finish(writer)?),
                EntryKind::Directory | EntryKind::Link | EntryKind::Special | EntryKind::Unreadable => MemberContent::None,
                EntryKind::Encrypted | EntryKind::Area(_) => return Err(Trouble::Protocol("member kind")),
            };
            members.push(Member { path: path.into_iter().map(Foreign::into_untrusted).collect(), kind, content });
        }
    }

    fn ask(&mut self, content: &SpoolFile, request: &Request) -> Result<(), Trouble> {
        let file = content.open().map_err(|error| Trouble::Station(error.into()))?;
        self.conversation.ask(request, Some(file.as_fd()))
    }
}

/// The number of the limit a member ran into.
fn number_of(failure: Failure, limits: &UnpackLimits) -> Option<u64> {
    match failure {
        Failure::LimitMembers => Some(limits.max_members.into()),
        Failure::LimitExpanded => Some(limits.max_expanded_bytes),
        Failure::LimitRatio => Some(limits.max_ratio.into()),
        Failure::Limit => Some(limits.max_member_bytes),
        _ => None,
    }
}

pub(super) fn writer(spool: &Spool) -> Result<SpoolWriter, Trouble> {
    if let Some(number) = spool.full() {
        return Err(Trouble::Reached("session.max_spool_bytes", number));
    }
    spool.writer().map_err(|error| Trouble::Station(error.into()))
}

pub(super) fn append(writer: &mut SpoolWriter, bytes: &[u8], max_bytes: u64) -> Result<(), Trouble> {
    append_up_to(writer, bytes, max_bytes, Failure::LimitOutput)
}

fn append_up_to(writer: &mut SpoolWriter, bytes: &[u8], max_bytes: u64, limit: Failure) -> Result<(), Trouble> {
    if writer.size_bytes() + bytes.len() as u64 > max_bytes {
        return Err(Trouble::Failed(limit, max_bytes));
    }
    writer.append(bytes).map_err(|error| Trouble::Station(error.into()))
}

pub(super) fn finish(writer: SpoolWriter) -> Result<SpoolFile, Trouble> {
    writer.finish().map_err(|error| Trouble::Station(error.into()))
}

//! One worker and the deadlines of talking to it.

use crate::fault::StationFault;
use model::{Effect, Finding, FindingCode, Reason};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sandbox::{Exit, Limits, Role, SandboxError, Worker};
use std::fmt;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};
use wire::{Answer, Failure, Frame, FrameReader, Request, WireError};

/// What went wrong with a worker on one item.
#[derive(Debug)]
pub enum Trouble {
    /// It reported that it cannot do the job.
    Failed(Failure, u64),
    /// It ended before its last answer.
    Died(Exit),
    /// It was silent, or took too long in all: the policy's key and its seconds.
    TimedOut(&'static str, u64),
    /// What it said is no answer.
    Protocol(&'static str),
    /// A number of the policy was reached, by the worker or on its behalf.
    Reached(&'static str, u64),
    /// It could not be started: the station's trouble, not the item's.
    Station(StationFault),
}

impl Trouble {
    /// The reason and finding an item is held with.
    ///
    /// # Errors
    /// The fault, when it is the station that is in trouble.
    pub fn into_finding(self) -> Result<(Reason, Finding), StationFault> {
        let finding = |code, detail: String| Finding::own(code, Effect::Undetermined, detail);
        Ok(match self {
            Self::Station(fault) => return Err(fault),
            Self::Died(exit) => (Reason::WorkerDied, finding(FindingCode::WorkerDied, exit.to_string())),
            Self::TimedOut(key, seconds) => (Reason::Timeout, finding(FindingCode::WorkerTimeout, format!("{key} = {seconds}"))),
            Self::Protocol(what) => (Reason::WorkerProtocol, finding(FindingCode::WorkerProtocol, what.into())),
            Self::Reached(key, number) => (Reason::Limit, finding(FindingCode::LimitHit, format!("{key} = {number}"))),
            Self::Failed(failure, number) => failed(failure, number),
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure, number) => f.write_str(&failed(*failure, *number).1.detail),
            Self::Died(exit) => write!(f, "its worker ended with {exit}"),
            Self::TimedOut(key, seconds) => write!(f, "its worker took too long ({key} = {seconds})"),
            Self::Protocol(what) => write!(f, "its worker broke the protocol ({what})"),
            Self::Reached(key, number) => write!(f, "its worker reached {key} = {number}"),
            Self::Station(fault) => fault.fmt(f),
        }
    }
}

fn failed(failure: Failure, number: u64) -> (Reason, Finding) {
    let limit = |name: &str| (Reason::Limit, Finding::own(FindingCode::LimitHit, Effect::Undetermined, format!("{name} = {number}")));
    let other = |reason, code, detail: &str| (reason, Finding::own(code, Effect::Undetermined, detail));
    match failure {
        Failure::Encrypted => other(Reason::Encrypted, FindingCode::Encrypted, "content"),
        Failure::WrongPassword => other(Reason::PasswordWrong, FindingCode::Encrypted, "the password given does not fit"),
        Failure::Malformed => other(Reason::Malformed, FindingCode::Malformed, "structure"),
        Failure::Unsupported => other(Reason::ConversionFailed, FindingCode::ConversionFailed, "a feature no decoder here supports"),
        Failure::LimitMembers => limit("archive.max_members"),
        Failure::LimitExpanded => limit("archive.max_expanded_bytes"),
        Failure::LimitRatio => limit("archive.max_ratio"),
        Failure::LimitPages => limit("convert.max_pages"),
        Failure::LimitOutput => limit("convert.max_output_bytes"),
        Failure::LimitPixels => limit("convert.max_page_pixels"),
        Failure::LimitEntries => limit("session.max_items"),
        Failure::LimitDepth => limit("session.max_depth"),
        Failure::Limit => limit("item.max_bytes"),
        // Only the office worker measures time itself: it ends the suite, and can then say so.
        Failure::Timeout => other(Reason::Timeout, FindingCode::WorkerTimeout, &format!("worker.office_wall_seconds = {number}")),
        Failure::Read => other(Reason::Malformed, FindingCode::Malformed, "read error"),
        Failure::NoOutput => other(Reason::ConversionFailed, FindingCode::ConversionFailed, "the converter wrote nothing"),
        Failure::Rules | Failure::Request => other(Reason::WorkerProtocol, FindingCode::WorkerProtocol, "the worker refused the request"),
    }
}

/// The signal of the CPU limit (signal(7)).
const SIGXCPU: i32 = 24;

/// The budget of a worker by policy.
pub(crate) fn budget(policy: &model::policy::WorkerPolicy, role: Role) -> Limits {
    let office = role == Role::RenderOffice;
    Limits {
        cpu_seconds: policy.cpu_seconds,
        memory_bytes: if office { policy.office_memory_bytes } else { policy.memory_bytes },
        // Only the office suite writes files, into its own memory-backed directory.
        file_bytes: if office { policy.office_memory_bytes } else { 0 },
        processes: if office { policy.office_processes } else { 1 },
    }
}

/// What a worker said next.
#[derive(Debug)]
pub(crate) enum Heard {
    Answer(Answer),
    Bytes(Vec<u8>),
}

/// A confined worker and its answers.
#[derive(Debug)]
pub(crate) struct Conversation {
    worker: Worker,
    role: Role,
    limits: Limits,
    frames: FrameReader<Deadlined>,
    /// Requests asked so far.
    asked: u32,
    /// Whether the last request has been answered to its end.
    at_rest: bool,
}

impl Conversation {
    /// Starts a worker. Blocks for the milliseconds confinement takes.
    pub(crate) fn start(
        program: &Path,
        role: Role,
        policy: &model::policy::WorkerPolicy,
        wall: Duration,
        root: Option<OwnedFd>,
    ) -> Result<Self, Trouble> {
        let station = |error: SandboxError| Trouble::Station(error.into());
        let limits = budget(policy, role);
        let mut worker = sandbox::spawn(program, role, &limits, root).map_err(station)?;
        let Some(answers) = worker.take_answers() else {
            return Err(Trouble::Station(StationFault::Internal("worker channels")));
        };
        // A larger pipe means fewer switches per page; the default still works where this is not allowed.
        let _ = rustix::pipe::fcntl_setpipe_size(&answers, wire::MAX_FRAME_BYTES);
        let silent = Duration::from_secs(policy.silent_seconds.into());
        let frames = FrameReader::new(Deadlined { answers, silent, wall, until: Instant::now() + wall });
        Ok(Self { worker, role, limits, frames, asked: 0, at_rest: true })
    }

    /// How long one request may take from now on.
    pub(crate) fn set_wall(&mut self, wall: Duration) {
        self.frames.get_mut().wall = wall;
    }

    /// Processor seconds the worker may use in its life.
    pub(crate) const fn cpu_seconds(&self) -> u32 {
        self.limits.cpu_seconds
    }

    /// Sends a request; its deadline begins now.
    pub(crate) fn ask(&mut self, request: &Request, descriptor: Option<BorrowedFd<'_>>) -> Result<(), Trouble> {
        self.frames.get_mut().restart();
        self.at_rest = false;
        if self.asked > 0 {
            self.frames.next_job();
        }
        self.asked += 1;
        let sent = self.worker.job().is_some_and(|job| wire::send_request(job, request, descriptor).is_ok());
        if sent { Ok(()) } else { Err(self.ended()) }
    }

    /// The next thing the worker says.
    pub(crate) fn hear(&mut self) -> Result<Heard, Trouble> {
        match self.frames.read_frame::<Answer>() {
            Ok(Some(Frame::Control(Answer::Failed { failure, number }))) => {
                self.at_rest = true;
                Err(Trouble::Failed(failure, number))
            }
            Ok(Some(Frame::Control(answer))) => {
                self.at_rest = is_last(&answer);
                Ok(Heard::Answer(answer))
            }
            Ok(Some(Frame::Bytes(bytes))) => Ok(Heard::Bytes(bytes)),
            Ok(None) | Err(WireError::Ended) => Err(self.ended()),
            Err(WireError::Read(error)) if error.kind() == io::ErrorKind::TimedOut => {
                self.worker.kill();
                let (key, seconds) = self.frames.get_mut().waited();
                Err(Trouble::TimedOut(key, seconds))
            }
            Err(_) => {
                self.worker.kill();
                Err(Trouble::Protocol("frame"))
            }
        }
    }

    /// Hears bytes until something else is said, handing them to `take`.
    pub(crate) fn hear_bytes(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), Trouble>) -> Result<Answer, Trouble> {
        loop {
            match self.hear()? {
                Heard::Bytes(bytes) => take(&bytes)?,
                Heard::Answer(answer) => return Ok(answer),
            }
        }
    }

    /// Whether the worker can be given another request: the last one is answered to its end, and it neither said anything
    /// since nor hung up. What it says unasked would be heard as the answer to the next request.
    pub(crate) fn at_rest(&self) -> bool {
        self.at_rest && self.frames.get_ref().is_quiet()
    }

    fn ended(&mut self) -> Trouble {
        // It hung up on us: whatever it is still doing, it is done.
        match self.worker.wait_at_most(Duration::from_secs(5)) {
            Ok(Some(Exit::Signal(SIGXCPU))) => Trouble::Reached("worker.cpu_seconds", self.limits.cpu_seconds.into()),
            Ok(Some(Exit::OutOfMemory)) if self.role == Role::RenderOffice => {
                Trouble::Reached("worker.office_memory_bytes", self.limits.memory_bytes)
            }
            Ok(Some(Exit::OutOfMemory)) => Trouble::Reached("worker.memory_bytes", self.limits.memory_bytes),
            Ok(Some(exit)) => Trouble::Died(exit),
            Ok(None) => {
                self.worker.kill();
                Trouble::Protocol("hung up without ending")
            }
            Err(error) => Trouble::Station(error.into()),
        }
    }
}

/// Whether nothing of the same request follows this answer.
const fn is_last(answer: &Answer) -> bool {
    match answer {
        Answer::Done
        | Answer::Failed { .. }
        | Answer::Inspected(_)
        | Answer::YaraHits { .. }
        | Answer::Stripped(_)
        | Answer::Rebuilt { .. }
        | Answer::Accepted { .. }
        | Answer::Rejected { .. } => true,
        Answer::Entry { .. }
        | Answer::Content { .. }
        | Answer::EntryEnd { .. }
        | Answer::Volume(_)
        | Answer::Trying
        | Answer::InventoryEnd { .. }
        | Answer::Document { .. }
        | Answer::Page(_)
        | Answer::PageText(_)
        | Answer::PageEnd { .. }
        | Answer::PageFailed { .. } => false,
    }
}

/// A pipe that gives up when the worker is silent or takes too long in all.
#[derive(Debug)]
struct Deadlined {
    answers: PipeReader,
    silent: Duration,
    wall: Duration,
    until: Instant,
}

impl Deadlined {
    fn restart(&mut self) {
        self.until = Instant::now() + self.wall;
    }
    /// Whether nothing can be read now, the end of the pipe included. Does not wait.
    fn is_quiet(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut [PollFd::from_borrowed_fd(self.answers.as_fd(), PollFlags::IN)], Some(&now)), Ok(0))
    }
    /// Which patience came to its end, and how many seconds it was.
    fn waited(&self) -> (&'static str, u64) {
        if Instant::now() >= self.until {
            ("worker.wall_seconds", self.wall.as_secs())
        } else {
            ("worker.silent_seconds", self.silent.as_secs())
        }
    }
}

impl Read for Deadlined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        // A flood is always readable: without this it would only end where the pipe happens to be empty.
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let patience = self.silent.min(left);
        let timeout = Timespec { tv_sec: patience.as_secs() as i64, tv_nsec: patience.subsec_nanos().into() };
        let mut fds = [PollFd::from_borrowed_fd(self.answers.as_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => self.answers.read(buffer),
            Err(rustix::io::Errno::INTR) => Err(io::ErrorKind::Interrupted.into()),
            Err(error) => Err(error.into()),
        }
    }
}

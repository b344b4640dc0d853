//! What stops the station, as opposed to what holds an item.

use std::path::PathBuf;

/// Why a hold is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HoldRefusal {
    /// Nobody can approve it.
    #[error("it is known as malicious; nobody can approve it")]
    Malicious,
    /// The exception is another hold's.
    #[error("the exception was granted for another hold or another content")]
    Exception,
    /// The bytes are not those that were held.
    #[error("the content given is not the one that was held")]
    Content,
    /// The record is not one this program wrote.
    #[error("its record names no place in a session")]
    Record,
}

/// The station cannot work: the session stops, and nothing unverified is released.
#[derive(Debug, thiserror::Error)]
pub enum StationFault {
    /// The scanner.
    #[error(transparent)]
    Scan(#[from] scan::ScanFault),
    /// Confinement, or the worker program.
    #[error(transparent)]
    Confinement(#[from] sandbox::SandboxError),
    /// A worker succeeded with what must be impossible.
    #[error(
        "the {role} workers are not confined: the attempt `{attempt}` succeeded. Run `schleuse doctor`; nothing is processed until it is denied"
    )]
    NotConfined {
        /// Which role.
        role: &'static str,
        /// Which attempt.
        attempt: &'static str,
    },
    /// The spool.
    #[error(transparent)]
    Spool(#[from] spool::SpoolError),
    /// The quarantine.
    #[error(transparent)]
    Quarantine(#[from] spool::QuarantineError),
    /// The reviewers' keys.
    #[error(transparent)]
    Reviewers(#[from] spool::ReviewerError),
    /// The release target.
    #[error(transparent)]
    Release(#[from] release::ReleaseError),
    /// The outbox no longer holds what was sealed.
    #[error(transparent)]
    Outbox(release::target::TargetError),
    /// The audit chain.
    #[error(transparent)]
    Audit(#[from] audit::AuditError),
    /// The report could not be written as PDF.
    #[error("the session report could not be written: {0}")]
    Report(#[from] flatpdf::writer::WriteError),
    /// The report did not pass the verifier.
    #[error("the session report did not pass the verifier ({0}); this is a defect of the program")]
    ReportRejected(String),
    /// The verifier came to no judgement about the report.
    #[error("the session report was not judged: {what}; nothing was released. Process the medium again")]
    ReportNotJudged {
        /// What happened to the verifier.
        what: String,
    },
    /// A rule file does not compile.
    #[error("the YARA rule file {file} does not compile")]
    Rules {
        /// Which, escaped.
        file: String,
    },
    /// No inspector would take the rules.
    #[error("no inspector could load the YARA rules: {what}")]
    RulesNotLoaded {
        /// What happened to it.
        what: String,
    },
    /// The office suite is absent.
    #[error(
        "LibreOffice is not installed at {path}. Install it (Debian: `apt-get install --no-install-recommends \
         libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui`)"
    )]
    OfficeAbsent {
        /// Where it was looked for.
        path: String,
    },
    /// Known content did not end as it must: what the line says about foreign content is worth nothing.
    #[error("intake is stopped: the canary `{which}` was {what}. {cure} Nothing is processed until every canary ends as it must")]
    CanaryMissed {
        /// Which.
        which: &'static str,
        /// What became of it.
        what: String,
        /// What to do.
        cure: &'static str,
    },
    /// The medium as a whole cannot be read.
    #[error("the medium {source_path} cannot be read: {what}")]
    Medium {
        /// Which, escaped.
        source_path: String,
        /// What happened, with the number of the limit where one was hit.
        what: String,
    },
    /// The medium was pulled out, and the policy wants nothing of it then.
    #[error(
        "the medium {source_path} was removed before it was read to its end ({found} entries accounted for); nothing was \
         released (session.on_medium_gone = \"void\"). Insert it again and leave it until the end"
    )]
    MediumGone {
        /// Which, escaped.
        source_path: String,
        /// Entries met.
        found: u64,
    },
    /// A hold does not go through the line again, or is not looked at again.
    #[error("the hold {hold} is refused: {why}")]
    HoldRefused {
        /// Which, escaped.
        hold: String,
        /// Why.
        why: HoldRefusal,
    },
    /// A sample cannot be written.
    #[error("the sample cannot be written: {source}")]
    Sample {
        /// Why.
        source: std::io::Error,
    },
    /// Too little room.
    #[error("only {free_bytes} bytes are free for the spool; the policy wants {wanted_bytes} (session.min_free_bytes)")]
    DiskFull {
        /// Free.
        free_bytes: u64,
        /// Wanted.
        wanted_bytes: u64,
    },
    /// A file of the state directory.
    #[error("{path} in the state directory cannot be used: {source}")]
    State {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The sums do not add up (I3).
    #[error("the session does not reconcile: {found} found, {lines} accounted for; nothing was released")]
    NotReconciled {
        /// Met.
        found: u64,
        /// Lines in the report.
        lines: u64,
    },
    /// There is a supervisor already.
    #[error("another supervisor works on this state directory ({path} is locked). Wait until it has ended")]
    SecondSupervisor {
        /// Its lock.
        path: PathBuf,
    },
    /// Another program holds this state directory, and does not answer.
    #[error("another program works on this state directory and does not answer at {path}: {source}. Wait until it has ended")]
    Occupied {
        /// Where it should.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The chain could not be written, by this program or by the one that holds it; told again.
    #[error("the audit chain could not be written: {what}")]
    Recorded {
        /// What it said.
        what: String,
    },
    /// No sample could be made of a hold.
    #[error("no sample could be made of hold {hold}: {what}")]
    NotPacked {
        /// Which.
        hold: String,
        /// Why.
        what: String,
    },
    /// A task of the station itself ended unexpectedly.
    #[error("a part of the program ended unexpectedly ({0}); this is a defect, nothing was released")]
    Internal(&'static str),
}

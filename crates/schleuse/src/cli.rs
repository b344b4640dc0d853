//! The command line.

mod audit;
pub mod index;
mod keys;

pub use audit::{Audit, Erase, Verify, Which};
pub use keys::Keys;
pub mod operations;
mod quarantine;
mod retention;
mod reviewer;

pub use quarantine::{Approve, By, Decide, Destroy, Export, List, Quarantine, Rescan, Show, Sort, Stats};
pub use retention::{DueNow, Retention};
pub use reviewer::{Create, Reviewer};

use clap::{Args, Parser, Subcommand};
use operations::{Metrics, Siem};
use scan::ClamdAddress;
use std::path::PathBuf;

pub mod retro;

/// Data lock: foreign media in, rebuilt files out, the rest held, everything on record.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_STATUS)]
pub struct Cli {
    /// More words on standard error.
    #[arg(long, short, global = true)]
    pub verbose: bool,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_STATUS: &str = "Exit status:
  0   done; for `process`: the session reconciled and nothing was withheld
  1   what was checked does not hold (audit verify, verify-release, verify-certificate, rules test, doctor);
      `retro-hunt`: past releases are named;
      `wipe`: the wipe failed, destroy the medium physically
  2   usage or configuration
  3   station fault; nothing unverified was released
  4   `process`: the device policy refuses the device; nothing of it was read
  5   a request of a person is refused, and the refusal is on record (quarantine, reviewer)
  6   `process`: the session reconciled, and its release waits in the outbox because its target is away;
      `release deliver`: some still wait
  10  `process`: the session reconciled and something was withheld or could not be read";

/// Where the station keeps its state.
#[derive(Debug, Args)]
pub struct State {
    /// State directory: spool, quarantine, audit chain, keys [default: /var/lib/schleuse for root, otherwise
    /// ~/.local/state/schleuse].
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Print JSON for machines.
    #[arg(long)]
    pub json: bool,
}

/// Where releases go.
#[derive(Debug, Args)]
pub struct DestinationArgs {
    /// Where releases go; each becomes a folder named after its session. Where the policy has routes (release.routes), they
    /// decide instead.
    #[arg(long, value_name = "DIR")]
    pub release_to: Option<PathBuf>,
    /// Whose medium it is, as the name service (Active Directory) knows the person; the groups decide where the release goes.
    #[arg(long, value_name = "USER")]
    pub owner: Option<String>,
}

/// Which policy and rules are in force.
#[derive(Debug, Args)]
pub struct PolicyFile {
    /// Policy file (TOML); keys it does not name keep their default. See `schleuse policy explain`.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take a medium through the lock.
    Process(Process),
    /// Take every medium that is put in through the lock, several at once, until interrupted.
    Watch(Watch),
    /// Look at media: which are there, what comes and goes, and what the device policy says. Nothing is read.
    #[command(subcommand)]
    Media(Media),
    /// Check, show and export the audit chain; erase a session's particulars from it.
    #[command(subcommand)]
    Audit(Audit),
    /// Show or replace the station's signing key.
    #[command(subcommand)]
    Keys(Keys),
    /// Look at what is held, and decide on it.
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Make reviewers' keys, and register them.
    #[command(subcommand)]
    Reviewer(Reviewer),
    /// Delete what has been kept long enough.
    #[command(subcommand)]
    Retention(Retention),
    /// Releases that wait for their target.
    #[command(subcommand)]
    Release(Release),
    /// Name past releases whose content, or what came out of it, is in a list of digests.
    RetroHunt(retro::RetroHunt),
    /// Check a release: signature, hashes, missing and extra files.
    VerifyRelease(VerifyRelease),
    /// Overwrite a retired medium, read it back, format it, and certify it.
    Wipe(Wipe),
    /// Check the certificate of a wipe: signature, hashes, missing and extra files.
    VerifyCertificate(VerifyCertificate),
    /// Look at the policy.
    #[command(subcommand)]
    Policy(Policy),
    /// Look at the detection rules.
    #[command(subcommand)]
    Rules(Rules),
    /// Look at the index of what went through this station, or build it anew.
    #[command(subcommand)]
    State(index::Indexed),
    /// Name the sessions that saw or released content of this digest.
    Find(index::Find),
    /// Say what is wrong with this station and how to mend it.
    Doctor(Doctor),
    /// Forward the audit chain to the syslog collector.
    #[command(subcommand)]
    Siem(Siem),
    /// Print the figures for Prometheus as they were last written.
    Metrics(Metrics),
}

#[derive(Debug, Args)]
pub struct Process {
    /// Directory, raw image of a medium (FAT, exFAT, NTFS, ext2/3/4, ISO 9660 or UDF, whole or in MBR/GPT partitions), or block
    /// device (/dev/sdX).
    pub source: PathBuf,
    /// Socket of schleuse-mountd, which attaches devices [default: root starts one].
    #[arg(long, value_name = "SOCKET")]
    pub mountd: Option<PathBuf>,
    #[command(flatten)]
    pub destination: DestinationArgs,
    /// The ClamAV daemon: auto, unix:PATH or tcp:HOST:PORT.
    #[arg(long, value_name = "ADDRESS", default_value = "auto")]
    pub clamd: ClamdAddress,
    /// Read passwords or recovery keys for encrypted volumes (LUKS, BitLocker) from standard input, one a line, until its
    /// end or an empty line. They are not shown, not stored, and tried on every encrypted volume of the medium.
    #[arg(long)]
    pub unlock_stdin: bool,
    /// Also write the session report (JSON) here.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Args)]
pub struct Watch {
    #[command(flatten)]
    pub destination: DestinationArgs,
    /// Socket of schleuse-mountd, which attaches devices [default: root starts one].
    #[arg(long, value_name = "SOCKET")]
    pub mountd: Option<PathBuf>,
    /// The ClamAV daemon: auto, unix:PATH or tcp:HOST:PORT.
    #[arg(long, value_name = "ADDRESS", default_value = "auto")]
    pub clamd: ClamdAddress,
    /// Serve figures for Prometheus at http://ADDRESS:PORT/metrics; without encryption, so give a loopback address.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<std::net::SocketAddr>,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Subcommand)]
pub enum Media {
    /// Every block device with what the kernel says about it, and the judgement.
    List {
        #[command(flatten)]
        policy: PolicyFile,
        /// Print JSON for machines.
        #[arg(long)]
        json: bool,
    },
    /// A line for every medium put in, changed or removed; what is there at the beginning counts as put in.
    Watch {
        #[command(flatten)]
        policy: PolicyFile,
        /// Print JSON for machines, one object a line.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum Release {
    /// List releases that wait in the outbox for their target.
    List {
        #[command(flatten)]
        state: State,
    },
    /// Try to deliver every release that waits. Exit status 6 when some still do.
    Deliver {
        /// The ClamAV daemon: auto, unix:PATH or tcp:HOST:PORT.
        #[arg(long, value_name = "ADDRESS", default_value = "auto")]
        clamd: ClamdAddress,
        #[command(flatten)]
        policy: PolicyFile,
        #[command(flatten)]
        state: State,
    },
}

#[derive(Debug, Args)]
pub struct VerifyRelease {
    /// A release folder.
    pub dir: PathBuf,
    /// Also check that this receipt (the text of its QR code) belongs to the release.
    #[arg(long, value_name = "CODE")]
    pub receipt: Option<String>,
    /// Public key of the station (64 hexadecimal digits) instead of the one in the state directory.
    #[arg(long, value_name = "HEX")]
    pub key: Option<String>,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Args)]
#[command(after_help = WIPE_HELP)]
pub struct Wipe {
    /// A whole block device (/dev/sdX), or an image file of a medium. Everything on it is lost.
    pub target: PathBuf,
    /// How often it is overwritten, at least 2 [default: wipe.passes_default of the policy, 3].
    #[arg(long, value_name = "N")]
    pub passes: Option<u32>,
    /// Erase without asking, if this is the medium's serial number (of an image or a medium without one: its file name).
    #[arg(long, value_name = "SERIAL")]
    pub yes_erase: Option<String>,
    /// The new file system [default: FAT32 from 64 MiB to 32 GiB, else exFAT].
    #[arg(long, value_name = "NAME")]
    pub format: Option<WipeFormat>,
    /// The new volume's label, 1 to 11 of A-Z, 0-9, blank, - and _ [default: wipe.label of the policy, LEER].
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// Where the certificate's folder goes [default: certificates in the state directory].
    #[arg(long, value_name = "DIR")]
    pub certificate_to: Option<PathBuf>,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}

const WIPE_HELP: &str = "An interrupted wipe goes on where it stopped when the same command is given again.

Exit status:
  0  wiped: every byte overwritten and read back; NIST SP 800-88 Clear, never Purge
  1  failed: no level reached; destroy the medium physically (there is a certificate that says so)
  2  refused: not confirmed, system disk, mounted or in use, optical, write-protected, fewer than 2 passes; nothing was written
  3  station fault: nothing is certified; give the command again to go on";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WipeFormat {
    Fat32,
    Exfat,
}

#[derive(Debug, Args)]
pub struct VerifyCertificate {
    /// A certificate's folder, or a file in it.
    pub certificate: PathBuf,
    /// Public key of the station (64 hexadecimal digits) instead of the one in the state directory.
    #[arg(long, value_name = "HEX")]
    pub key: Option<String>,
    #[command(flatten)]
    pub state: State,
}

#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Print every key in force, and what becomes of which format.
    Explain {
        #[command(flatten)]
        policy: PolicyFile,
        #[command(flatten)]
        state: State,
    },
}

#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Compile the YARA rules in a confined worker and run every hit and miss test.
    Test {
        #[command(flatten)]
        policy: PolicyFile,
        #[command(flatten)]
        state: State,
    },
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// The ClamAV daemon: auto, unix:PATH or tcp:HOST:PORT.
    #[arg(long, value_name = "ADDRESS", default_value = "auto")]
    pub clamd: ClamdAddress,
    #[command(flatten)]
    pub policy: PolicyFile,
    #[command(flatten)]
    pub state: State,
}

//! The way out: a release folder, its manifest and signature, the reports, and the check of all of it.
//!
//! **Invariants:** only artefacts of a sanitised item get in (I1: [`ReleaseTicket`]); a release appears by rename, whole
//! (I8); what lies in it is what the manifest says (I9).

mod deliver;
mod folder;
mod manifest;
mod names;
mod people;
mod process;
mod receipt;
mod route;
pub mod target;
mod verify;

pub use deliver::{Delivered, deliver, partial_name, withdraw};
pub use folder::{Release, ReleaseError, ReleaseTicket, Sealed, open_target, remove_leftovers};
pub use manifest::{MANIFEST, Manifest, Purpose, SIGNATURE};
pub use names::OutputNames;
pub use people::{Language, report_pdf};
pub use process::ProcessError;
pub use receipt::{read_receipt_code, receipt_code, receipt_pdf};
pub use route::{RouteError, folder_of, groups_of, route};
pub use verify::{ReleaseFault, VerifiedRelease, verify_folder, verify_folder_by, verify_release};

/// Where the files of a medium lie in a release.
pub const FILES: &str = "files";
/// The session report for machines.
pub const REPORT_JSON: &str = "session-report.json";
/// The session report for people, German.
pub const REPORT_DE: &str = "Sitzungsbericht.pdf";
/// The receipt, German and English, one page.
pub const RECEIPT: &str = "Quittung-Receipt.pdf";
/// The session report for people, English.
pub const REPORT_EN: &str = "session-report.pdf";

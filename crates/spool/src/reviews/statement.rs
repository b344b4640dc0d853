//! One reviewer's signed statement about one hold.

use crate::durable::{sync_dir, write_by_rename};
use crate::identity::ReviewerIdentity;
use crate::instant::{self, DAY_MS};
use crate::quarantine::HoldRecord;
use crate::reviewers::SigningKey;
use model::Digest;
use model::policy::ReviewPolicy;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// Name and version of a statement's JSON form, and what its signature is for.
pub const REVIEW_SCHEMA: &str = "datenschleuse-review/1";
/// Longest file of a statement.
// BOUND: the longest comment of the policy (100,000 characters of 4 bytes, escaped), and a little.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Most files looked at in one `reviews`.
// BOUND: a reviewer decides a handful of times; more is somebody filling the disk.
const MAX_FILES: usize = 1_000;

/// What a reviewer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It may go through the line again.
    Approve,
    /// It may not.
    Reject,
    /// The original is to be destroyed.
    Destroy,
}

impl Decision {
    /// The word in statements and records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Destroy => "destroy",
        }
    }
}

/// A signed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// [`REVIEW_SCHEMA`].
    pub schema: String,
    /// Its place among the statements about this hold, from 1.
    pub number: u32,
    /// The hold.
    pub hold: String,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// What was decided.
    pub decision: Decision,
    /// A reason code of the policy.
    pub reason: String,
    /// In the reviewer's words.
    pub comment: String,
    /// Who decided.
    pub reviewer: String,
    /// When, RFC 3339 UTC.
    pub at: String,
    /// Until when an approval is good; none for other decisions.
    pub expires: Option<String>,
    /// Ed25519 over [`Statement::message`], 128 lower-case hexadecimal digits.
    pub signature: String,
}

/// What a reviewer wants to state.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// What was decided.
    pub decision: Decision,
    /// A reason code.
    pub reason: &'a str,
    /// In the reviewer's words.
    pub comment: &'a str,
    /// Registered name of the reviewer.
    pub reviewer: &'a str,
}

impl Statement {
    /// States `wanted` about a hold, as number `number`, signed. `None` when the clock shows no usable time.
    pub fn sign(
        record: &HoldRecord,
        number: u32,
        wanted: &Wanted<'_>,
        policy: &ReviewPolicy,
        identity: &ReviewerIdentity,
        now_unix_ms: i64,
    ) -> Option<Self> {
        let expires = now_unix_ms.checked_add(i64::from(policy.expires_days) * DAY_MS).and_then(instant::rfc3339)?;
        let mut statement = Self {
            schema: REVIEW_SCHEMA.into(),
            number,
            hold: record.hold.clone(),
            sha256: record.sha256,
            decision: wanted.decision,
            reason: wanted.reason.into(),
            comment: wanted.comment.into(),
            reviewer: wanted.reviewer.into(),
            at: instant::rfc3339(now_unix_ms)?,
            expires: (wanted.decision == Decision::Approve).then_some(expires),
            signature: String::new(),
        };
        statement.signature = identity.sign_hex(&statement.message());
        Some(statement)
    }

    /// What is signed: the purpose, a zero byte, then each value as its length (4 bytes, big-endian) and UTF-8 bytes.
    pub fn message(&self) -> Vec<u8> {
        let (number, digest) = (self.number.to_string(), self.sha256.hex());
        let values = [
            &number,
            &self.hold,
            &digest,
            self.decision.as_str(),
            &self.reason,
            &self.comment,
            &self.reviewer,
            &self.at,
            self.expires.as_deref().unwrap_or_default(),
        ];
        let mut message = format!("{REVIEW_SCHEMA}\0").into_bytes();
        for value in values {
            message.extend_from_slice(&(value.len() as u32).to_be_bytes());
            message.extend_from_slice(value.as_bytes());
        }
        message
    }

    pub(super) fn is_signed_by(&self, key: &SigningKey) -> bool {
        self.schema == REVIEW_SCHEMA && key.verifies(&self.message(), &self.signature)
    }

    /// The name its file must have.
    pub fn file_name(&self) -> String {
        format!("{:03}-{}.json", self.number, self.reviewer)
    }

    /// Puts it into the directory of its hold, by rename, durably.
    ///
    /// # Errors
    /// When it cannot be written, or one of that name is there.
    pub fn file(&self, hold_dir: &Path) -> io::Result<()> {
        let dir = hold_dir.join("reviews");
        if !dir.is_dir() {
            use std::os::unix::fs::DirBuilderExt as _;
            fs::DirBuilder::new().mode(0o700).create(&dir)?;
            sync_dir(hold_dir)?;
        }
        let path = dir.join(self.file_name());
        if path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        write_by_rename(&path, &serde_json::to_vec_pretty(self)?)
    }
}

/// A file in `reviews`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filed {
    /// Its name.
    pub file: String,
    /// What it says, if it is a statement.
    pub statement: Option<Statement>,
}

impl Filed {
    /// Everything in the `reviews` of a hold, in the order of their numbers. Half-written files do not count.
    ///
    /// # Errors
    /// When the directory cannot be read, or holds too many files.
    pub fn all(hold_dir: &Path) -> io::Result<Vec<Self>> {
        let entries = match fs::read_dir(hold_dir.join("reviews")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry?;
            let file = entry.file_name().to_string_lossy().into_owned();
            if file.starts_with('.') {
                continue;
            }
            if all.len() == MAX_FILES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("more than {MAX_FILES} statements")));
            }
            all.push(Self { file, statement: Self::read(&entry.path()) });
        }
        all.sort_by(|a, b| a.order().cmp(&b.order()));
        Ok(all)
    }

    fn order(&self) -> (u32, &str) {
        (self.statement.as_ref().map_or(u32::MAX, |statement| statement.number), &self.file)
    }

    /// A file that cannot be read is one that says nothing; it counts as broken.
    fn read(path: &Path) -> Option<Statement> {
        if !fs::symlink_metadata(path).ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= MAX_FILE_BYTES).then(|| serde_json::from_slice(&bytes).ok()).flatten()
    }

    /// Its name, to be shown.
    pub fn shown_name(&self) -> String {
        model::escape_text(&self.file)
    }

    /// The number the next statement gets.
    pub fn next_number(all: &[Self]) -> u32 {
        all.iter().filter_map(|filed| filed.statement.as_ref()).map(|statement| statement.number).max().unwrap_or(0).saturating_add(1)
    }
}

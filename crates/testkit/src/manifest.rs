//! `samples/MANIFEST.toml`: what the sample medium holds and what the line is expected to do with each item.

use crate::tree::{ExpectedMember, Sample, fat_subset};
use anyhow::{Context as _, Result};
use model::report::Outcome;
use model::{Format, Reason};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The manifest as a file holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// One line per sample, in the order of the medium.
    pub item: Vec<ManifestItem>,
}

/// One sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestItem {
    /// Path from the root of the medium, escaped.
    pub path: String,
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
    /// Bytes of the content.
    pub size: u64,
    /// Why it is there.
    pub why: String,
    /// Whether a FAT volume can hold the name; without it the item is only in the tree form.
    pub on_fat: bool,
    /// What the bytes are.
    pub format: Format,
    /// How it is expected to end.
    pub disposition: Outcome,
    /// The expected reason.
    pub reason: Reason,
    /// Expected members of an archive that is unpacked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member: Vec<ExpectedMember>,
}

impl Manifest {
    /// The manifest of samples.
    pub fn of(samples: &[Sample]) -> Self {
        let on_fat: Vec<&Sample> = fat_subset(samples).into_iter().map(|(_, sample)| sample).collect();
        let item = samples
            .iter()
            .map(|sample| ManifestItem {
                path: sample.escaped_path(),
                sha256: Sha256::digest(&sample.bytes).iter().map(|byte| format!("{byte:02x}")).collect(),
                size: sample.bytes.len() as u64,
                why: sample.why.clone(),
                on_fat: on_fat.iter().any(|other| std::ptr::eq(*other, sample)),
                format: sample.expected.format,
                disposition: sample.expected.disposition,
                reason: sample.expected.reason,
                member: sample.expected.members.clone(),
            })
            .collect();
        Self { item }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When it is not the expected TOML.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).context("the sample manifest")
    }
}

/// The text of `samples/MANIFEST.toml`.
///
/// # Errors
/// When the TOML writer refuses.
pub fn manifest_toml(samples: &[Sample]) -> Result<String> {
    const HEAD: &str = "# The sample medium: what it holds, why, and what the line is expected to do with it.\n\
                        # Made from the code of crates/testkit; see README.md beside this file for how to write it anew.\n\n";
    Ok(HEAD.to_owned() + &toml::to_string(&Manifest::of(samples)).context("writing the manifest")?)
}

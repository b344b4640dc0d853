//! The manifest: `sha256sum`-compatible, and its detached signature.

use audit::{PublicKey, StationKey};
use model::Digest;
use std::collections::BTreeMap;

/// File name of the manifest.
pub const MANIFEST: &str = "SHA256SUMS";
/// File name of its signature: one line `ed25519 PUBLIC-KEY SIGNATURE`, both hexadecimal, over
/// the line `datenschleuse release manifest v1` (of a wipe's certificate: `datenschleuse wipe certificate v1`) and the
/// manifest's bytes.
pub const SIGNATURE: &str = "SHA256SUMS.sig";

/// Path relative to the release → digest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Manifest {
    lines: BTreeMap<String, Digest>,
}

impl Manifest {
    /// Adds a file; paths come out of the name policy, so they hold no newline or backslash.
    pub fn add(&mut self, path: String, digest: Digest) {
        self.lines.insert(path, digest);
    }

    /// All files.
    pub const fn files(&self) -> &BTreeMap<String, Digest> {
        &self.lines
    }

    /// As `sha256sum -c` reads it.
    pub fn to_text(&self) -> String {
        self.lines.iter().map(|(path, digest)| digest.hex() + "  " + path + "\n").collect()
    }

    /// Reads what [`Manifest::to_text`] wrote; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut manifest = Self::default();
        for line in text.split_terminator('\n') {
            let (digest, path) = line.split_once("  ")?;
            let inside = !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
            if !inside || manifest.lines.insert(path.into(), Digest::from_hex(digest)?).is_some() {
                return None;
            }
        }
        (manifest.to_text() == text).then_some(manifest)
    }
}

/// What a signed folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The release of a session.
    Release,
    /// The certificate of a wipe.
    WipeCertificate,
}

impl Purpose {
    /// Goes before the manifest's bytes in what is signed, so that no signature of the station's key serves two purposes.
    const fn tag(self) -> &'static [u8] {
        match self {
            Self::Release => b"datenschleuse release manifest v1\n",
            Self::WipeCertificate => b"datenschleuse wipe certificate v1\n",
        }
    }
}

/// The content of the signature file.
pub fn sign(manifest: &str, key: &StationKey, purpose: Purpose) -> String {
    format!("ed25519 {} {}\n", key.public_key_hex(), hex(&key.sign(&signed_bytes(manifest, purpose))))
}

/// The key a signature names, if the signature holds under it for this purpose.
pub fn signed_by(manifest: &str, signature: &str, purpose: Purpose) -> Option<PublicKey> {
    let mut words = signature.strip_suffix('\n')?.split(' ');
    let (Some("ed25519"), Some(key), Some(signature), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return None;
    };
    let key: PublicKey = key.parse().ok()?;
    key.verify(&signed_bytes(manifest, purpose), &unhex(signature)?).then_some(key)
}

fn signed_bytes(manifest: &str, purpose: Purpose) -> Vec<u8> {
    [purpose.tag(), manifest.as_bytes()].concat()
}

fn hex(bytes: &[u8]) -> String {
    let nibble = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or('0');
    bytes.iter().flat_map(|b| [nibble(b >> 4), nibble(b & 15)]).collect()
}

fn unhex(text: &str) -> Option<[u8; 64]> {
    let bytes = text.as_bytes();
    let pairs = bytes.chunks_exact(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    bytes.try_into().ok().filter(|_| text.len() == 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_text_reads_back() {
        let mut manifest = Manifest::default();
        manifest.add("files/Grüße.pdf".into(), Digest([1; 32]));
        manifest.add("a b.txt".into(), Digest([2; 32]));
        let text = manifest.to_text();
        assert_eq!(Manifest::from_text(&text), Some(manifest));
        for wrong in
            [text.replace("a b", "../a"), text.replace("  ", " *"), text[1..].to_owned(), text.clone() + "\n", text.clone() + &text]
        {
            assert_eq!(Manifest::from_text(&wrong), None, "{wrong}");
        }
    }
}

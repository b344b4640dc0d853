//! Payload keys: one per session, ChaCha20-Poly1305 (RFC 8439), destroyed to erase the session's payloads.
//!
//! **Invariant.** A session whose key was destroyed never gets another: its tombstone (`ID.erased`) stays.
//!
//! Destroying overwrites the key file before it is removed. Flash and copy-on-write file systems may keep
//! the old block; the state directory belongs on an encrypted volume.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::durable::{self, Existing};
use crate::key::refuse_exposed;
use crate::{AuditError, Entropy, layout};

const KEY_BYTES: usize = 32;
/// Longest reason of an erasure, as any name in the chain.
const REASON_BYTES: usize = 128;

/// What a sealed payload is bound to: moved to another record, it does not open.
pub(crate) struct Binding<'a> {
    pub(crate) station: &'a str,
    pub(crate) session: &'a str,
    pub(crate) seq: u64,
    pub(crate) event: &'a str,
}

impl Binding<'_> {
    fn bytes(&self) -> Vec<u8> {
        // None of the names contains a line end, so the parts cannot run into each other.
        format!("{}\n{}\n{}\n{}", self.station, self.session, self.seq, self.event).into_bytes()
    }
}

/// One session's payload key.
pub(crate) struct SessionKey(Box<LessSafeKey>);

impl SessionKey {
    fn new(bytes: &[u8]) -> Option<Self> {
        UnboundKey::new(&CHACHA20_POLY1305, bytes).ok().map(|key| Self(Box::new(LessSafeKey::new(key))))
    }

    /// Nonce and ciphertext in base64.
    // BOUND: nonces are random; 2^32 records of one session keep a collision under 2^-32.
    fn seal(&self, entropy: &dyn Entropy, binding: &Binding<'_>, payload: Vec<u8>) -> Result<String, AuditError> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce)?;
        let mut ciphertext = payload;
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(binding.bytes()), &mut ciphertext)
            .map_err(|_unspecified| AuditError::Seal { session: binding.session.to_owned() })?;
        Ok(STANDARD.encode([nonce.as_slice(), &ciphertext].concat()))
    }

    /// The payload, if `sealed` was sealed with this key for this place.
    pub(crate) fn open(&self, binding: &Binding<'_>, sealed: &str) -> Option<Vec<u8>> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let mut payload = ciphertext.to_vec();
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(binding.bytes()), &mut payload).ok()?.len();
        payload.truncate(opened);
        Some(payload)
    }
}

/// Whether `session` can name a session, and so a file.
pub(crate) fn is_session_id(session: &str) -> bool {
    (1..=64).contains(&session.len())
        && !session.starts_with('-')
        && session.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// What is known of a session's key.
pub(crate) enum Found {
    /// It is here.
    Key(SessionKey),
    /// It was destroyed.
    Erased,
    /// It is not here and was not destroyed here (a copy of the chain without its keys, a new session).
    Absent,
}

fn key_path(state: &Path, session: &str) -> PathBuf {
    layout::sessions_dir(state).join(format!("{session}.key"))
}

fn tombstone_path(state: &Path, session: &str) -> PathBuf {
    layout::sessions_dir(state).join(format!("{session}.erased"))
}

/// Looks for the key of `session`, which must be a session id.
pub(crate) fn find(state: &Path, session: &str) -> Result<Found, AuditError> {
    if !is_session_id(session) {
        return Ok(Found::Absent);
    }
    if tombstone_path(state, session).exists() {
        return Ok(Found::Erased);
    }
    let path = key_path(state, session);
    match durable::read_capped(&path, KEY_BYTES) {
        Ok(bytes) => {
            refuse_exposed(&path)?;
            SessionKey::new(&bytes).map(Found::Key).ok_or(AuditError::KeyMalformed { path })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Absent),
        Err(source) => Err(AuditError::ReadKey { path, source }),
    }
}

/// Whether the encrypted payloads of a session can be read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionPayloads {
    /// Their key is here.
    Readable,
    /// Their key was destroyed.
    Erased,
    /// There never was a key here, or the session never was.
    Unknown,
}

/// Whether the encrypted payloads of `session` can be read with what lies below `state`.
///
/// # Errors
/// When its key file cannot be read or can be read by others.
pub fn session_payloads(state: &Path, session: &str) -> Result<SessionPayloads, AuditError> {
    Ok(match find(state, session)? {
        Found::Key(_) => SessionPayloads::Readable,
        Found::Erased => SessionPayloads::Erased,
        Found::Absent => SessionPayloads::Unknown,
    })
}

/// The payload keys of the sessions at work.
pub(crate) struct SessionKeys {
    state: PathBuf,
    entropy: Arc<dyn Entropy>,
    in_use: BTreeMap<String, SessionKey>,
}

impl SessionKeys {
    /// Prepares the directory of keys.
    pub(crate) fn open(state: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, AuditError> {
        let path = layout::sessions_dir(state);
        durable::create_dir(&path).map_err(|source| AuditError::CreateDir { path, source })?;
        Ok(Self { state: state.to_owned(), entropy, in_use: BTreeMap::new() })
    }

    /// Encrypts `payload` under the session's key, which is created (and on disk) before its first use.
    pub(crate) fn seal(&mut self, binding: &Binding<'_>, payload: Vec<u8>) -> Result<String, AuditError> {
        if !self.in_use.contains_key(binding.session) {
            let key = match find(&self.state, binding.session)? {
                Found::Key(key) => key,
                Found::Absent => self.create(binding.session)?,
                Found::Erased => {
                    return Err(AuditError::SessionErased { session: binding.session.to_owned() });
                }
            };
            self.in_use.insert(binding.session.to_owned(), key);
        }
        match self.in_use.get(binding.session) {
            Some(key) => key.seal(self.entropy.as_ref(), binding, payload),
            None => Err(AuditError::Seal { session: binding.session.to_owned() }),
        }
    }

    fn create(&self, session: &str) -> Result<SessionKey, AuditError> {
        let path = key_path(&self.state, session);
        let mut bytes = [0; KEY_BYTES];
        self.entropy.fill(&mut bytes)?;
        durable::write(&path, &bytes, Existing::Keep).map_err(|source| AuditError::WriteKey { path: path.clone(), source })?;
        SessionKey::new(&bytes).ok_or(AuditError::KeyMalformed { path })
    }

    /// Lets go of a key that is not needed for now.
    pub(crate) fn release(&mut self, session: &str) {
        self.in_use.remove(session);
    }

    /// Marks the session as erased: from here on its key is not used again. Returns whether there is still
    /// something to destroy or to record.
    pub(crate) fn mark_erased(&mut self, session: &str, reason: &str) -> Result<bool, AuditError> {
        self.release(session);
        let path = tombstone_path(&self.state, session);
        match durable::write(&path, reason.as_bytes(), Existing::Keep) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(key_path(&self.state, session).exists()),
            Err(source) => Err(AuditError::WriteKey { path, source }),
        }
    }

    /// The reason a marked session is erased for.
    pub(crate) fn erased_because(&self, session: &str) -> Result<String, AuditError> {
        let path = tombstone_path(&self.state, session);
        let bytes = durable::read_capped(&path, REASON_BYTES).map_err(|source| AuditError::ReadKey { path, source })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Overwrites and removes the key file; that it is already gone is fine.
    pub(crate) fn destroy(&self, session: &str) -> Result<(), AuditError> {
        let path = key_path(&self.state, session);
        match durable::overwrite_and_remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(AuditError::DestroyKey { path, source }),
            Ok(()) => durable::sync_dir(&layout::sessions_dir(&self.state)).map_err(|source| AuditError::DestroyKey { path, source }),
        }
    }

    /// Sessions marked as erased whose key a crash left behind, in order.
    pub(crate) fn half_erased(&self) -> Result<Vec<String>, AuditError> {
        let dir = layout::sessions_dir(&self.state);
        let unreadable = |source| AuditError::ReadKey { path: dir.clone(), source };
        let mut sessions = Vec::new();
        for entry in std::fs::read_dir(&dir).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let session = name.to_str().and_then(|name| name.strip_suffix(".erased"));
            if let Some(session) = session
                && is_session_id(session)
                && key_path(&self.state, session).exists()
            {
                sessions.push(session.to_owned());
            }
        }
        sessions.sort_unstable();
        Ok(sessions)
    }
}

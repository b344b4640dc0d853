//! Where things lie below the station's state directory.

use std::path::{Path, PathBuf};

pub(crate) fn audit_dir(state: &Path) -> PathBuf {
    state.join("audit")
}

pub(crate) fn chain(state: &Path) -> PathBuf {
    audit_dir(state).join("chain.jsonl")
}

pub(crate) fn head(state: &Path) -> PathBuf {
    audit_dir(state).join("HEAD")
}

pub(crate) fn lock(state: &Path) -> PathBuf {
    audit_dir(state).join("LOCK")
}

pub(crate) fn keys_dir(state: &Path) -> PathBuf {
    state.join("keys")
}

pub(crate) fn station_key(state: &Path) -> PathBuf {
    keys_dir(state).join("station.pk8")
}

pub(crate) fn station_public_key(state: &Path) -> PathBuf {
    keys_dir(state).join("station.pub")
}

pub(crate) fn sessions_dir(state: &Path) -> PathBuf {
    keys_dir(state).join("sessions")
}

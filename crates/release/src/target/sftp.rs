//! A folder on an SFTP server (protocol version 3, draft-ietf-secsh-filexfer-02), by way of OpenSSH's `ssh`.
//!
//! **Invariants:** only a server whose host key is in the given file gets anything; of this machine's and user's SSH
//! settings, agents and other keys nothing is used; nothing is overwritten (no `posix-rename`).

mod connection;

use super::directory::outbox;
use super::{Target, TargetError, parents, split};
use connection::{Connection, Trouble};
use model::policy::ReleasePolicy;
use russh_sftp::client::error::Error;
use russh_sftp::extensions::Statvfs;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};
use std::fs::File;
use std::future::Future;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// BOUND: One read or write request goes to 32 KiB; sixteen are under way at once.
const CHUNK_BYTES: usize = 256 << 10;
/// The only failure version 3 knows for a full disk is "failure": with less than this left it was that.
const NOTHING_LEFT: u64 = 1 << 20;
/// In the flags of `statvfs@openssh.com` (OpenSSH, PROTOCOL 4.4).
const READ_ONLY: u64 = 1;
/// Longest name, in bytes, where the server does not say (POSIX file systems).
const NAME_BYTES: usize = 255;

/// Where the server is, and how to log in.
#[derive(Debug, Clone)]
pub(super) struct Login {
    pub(super) server: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// Absolute; must be there.
    pub(super) folder: String,
    pub(super) identity: PathBuf,
    pub(super) known_hosts: PathBuf,
}

/// A folder on an SFTP server.
#[derive(Debug)]
pub struct Sftp {
    place: String,
    login: Login,
    base: String,
    stall: Duration,
    /// The connection; none after one broke.
    connection: Option<Connection>,
}

impl Sftp {
    /// Connects, and makes `folder` below the target's own, which must be there.
    ///
    /// # Errors
    /// When the server is away, is not the known one, or does not let this program in.
    pub(super) fn open(login: Login, folder: &str, policy: &ReleasePolicy) -> Result<Self, TargetError> {
        let base = login.folder.trim_end_matches('/').to_owned();
        let place = format!("the server {}", model::escape_text(&format!("{}@{}:{base}", login.user, login.server)));
        let mut sftp = Self { place, login, base, stall: Duration::from_secs(policy.stall_seconds.into()), connection: None };
        if sftp.attributes("")?.is_none_or(|attributes| !attributes.is_dir()) {
            return Err(TargetError::gone(&sftp.place, "it has no such folder"));
        }
        for below in parents(folder) {
            if sftp.make(below)? {
                sftp.set_mode(below, 0o755)?;
            }
        }
        if !folder.is_empty() {
            sftp.base = format!("{}/{folder}", sftp.base);
            sftp.place = format!("{}/{}", sftp.place, model::escape_text(folder));
        }
        Ok(sftp)
    }

    fn full(&self, path: &str) -> String {
        match (self.base.as_str(), path) {
            ("", "") => "/".into(),
            (base, "") => base.into(),
            (base, path) => format!("{base}/{path}"),
        }
    }

    /// Runs requests on the connection, which is made where there is none, and given up when it broke.
    fn ask<T, F>(&mut self, path: &str, requests: impl FnOnce(connection::Session) -> F) -> Result<T, TargetError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::start(&self.login, self.stall).map_err(|trouble| match trouble {
                Trouble::Local(error) => TargetError::gone(&self.place, format!("ssh cannot be used: {error}")),
                Trouble::Refused(said) => TargetError::denied(&self.place, said),
                Trouble::Ended(said) => TargetError::gone(&self.place, said),
            })?,
        };
        let ended = connection.run(requests);
        match ended {
            // The server answered: the connection lives.
            Ok(_) | Err(Error::Status(_)) => self.connection = Some(connection),
            Err(_) => {}
        }
        ended.map_err(|error| self.failed(path, &error))
    }

    fn failed(&self, path: &str, error: &Error) -> TargetError {
        let name = split(path).1;
        match error {
            Error::Status(status) if status.status_code == StatusCode::PermissionDenied => {
                TargetError::denied(&self.place, format!("{path}: permission denied"))
            }
            Error::Status(status) if status.status_code == StatusCode::NoSuchFile => {
                TargetError::gone(&self.place, format!("{path}: no such file or folder"))
            }
            Error::Status(_) if name.len() > NAME_BYTES => TargetError::refused(&self.place, path, "the name is too long for the server"),
            Error::Timeout => TargetError::gone(&self.place, format!("no answer within {} s", self.stall.as_secs())),
            other => TargetError::gone(&self.place, format!("{path}: {}", short(&other.to_string()))),
        }
    }

    fn attributes(&mut self, path: &str) -> Result<Option<FileAttributes>, TargetError> {
        let full = self.full(path);
        self.ask(path, |session| async move {
            match session.symlink_metadata(full).await {
                Ok(attributes) => Ok(Some(attributes)),
                Err(Error::Status(status)) if status.status_code == StatusCode::NoSuchFile => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// `true` when it was made, `false` when it was there.
    fn make(&mut self, path: &str) -> Result<bool, TargetError> {
        let full = self.full(path);
        let Err(error) = self.ask(path, |session| async move { session.create_dir(full).await }) else { return Ok(true) };
        if !matches!(error, TargetError::Gone { .. }) {
            return Err(error);
        }
        match self.attributes(path)? {
            Some(attributes) if attributes.is_dir() => Ok(false),
            Some(_) => Err(TargetError::exists(&self.place, path)),
            None => Err(self.reason(error)),
        }
    }

    fn set_mode(&mut self, path: &str, mode: u32) -> Result<(), TargetError> {
        let full = self.full(path);
        let attributes = FileAttributes { permissions: Some(mode), ..FileAttributes::empty() };
        self.ask(path, |session| async move { session.set_metadata(full, attributes).await })
    }

    fn numbers(&mut self) -> Result<Option<Statvfs>, TargetError> {
        let full = self.full("");
        self.ask("", |session| async move { session.fs_info(full).await })
    }

    /// What a change that failed without a reason means.
    fn reason(&mut self, error: TargetError) -> TargetError {
        let TargetError::Gone { .. } = error else { return error };
        match self.numbers() {
            Ok(Some(numbers)) if numbers.flags & READ_ONLY != 0 => TargetError::denied(&self.place, "the file system is read-only"),
            Ok(Some(numbers)) if free(&numbers) < NOTHING_LEFT => {
                TargetError::full(&self.place, format!("{} bytes are free", free(&numbers)))
            }
            _ => error,
        }
    }
}

impl Target for Sftp {
    fn place(&self) -> &str {
        &self.place
    }

    fn free_bytes(&mut self) -> Result<Option<u64>, TargetError> {
        Ok(self.numbers()?.as_ref().map(free))
    }

    fn make_dir(&mut self, path: &str) -> Result<(), TargetError> {
        if self.make(path)? && !path.contains('/') { self.set_mode(path, 0o700) } else { Ok(()) }
    }

    fn put(&mut self, path: &str, from: &Path) -> Result<(), TargetError> {
        let (full, mut source) = (self.full(path), File::open(from).map_err(|error| outbox(from, error))?);
        let mut unread = None;
        let not_read = &mut unread;
        let written = self.ask(path, |session| async move {
            let attributes = FileAttributes { permissions: Some(0o644), ..FileAttributes::empty() };
            let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUDE;
            let mut file = session.open_with_flags_and_attributes(full, flags, attributes).await?;
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let n = source.read(&mut buffer).unwrap_or_else(|error| {
                    *not_read = Some(error);
                    0
                });
                let Some(read) = buffer.get(..n).filter(|read| !read.is_empty()) else { break };
                file.write_all(read).await?;
            }
            file.flush().await?;
            file.sync_all().await?;
            Ok(file.close().await?)
        });
        match (unread, written) {
            (Some(error), _) => Err(outbox(from, error)),
            (None, written) => written.map_err(|error| self.reason(error)),
        }
    }

    fn settle(&mut self, _path: &str) -> Result<(), TargetError> {
        // Each file was synced when it was written (`fsync@openssh.com`); the protocol has nothing for folders.
        Ok(())
    }

    fn read_back(&mut self, path: &str, sink: &mut dyn FnMut(&[u8])) -> Result<(), TargetError> {
        let full = self.full(path);
        self.ask(path, |session| async move {
            let mut file = session.open(full).await?;
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let n = file.read(&mut buffer).await?;
                let Some(read) = buffer.get(..n).filter(|read| !read.is_empty()) else { break };
                sink(read);
            }
            Ok(file.close().await?)
        })
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, TargetError> {
        let full = self.full(path);
        let entries = self.ask(path, |session| async move { session.read_dir(full).await })?;
        Ok(entries.map(|entry| entry.file_name()).filter(|name| name != "." && name != "..").collect())
    }

    fn exists(&mut self, path: &str) -> Result<bool, TargetError> {
        if split(path).1.len() > NAME_BYTES {
            return Err(TargetError::refused(&self.place, path, "the name is too long for the server"));
        }
        Ok(self.attributes(path)?.is_some())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), TargetError> {
        // Version 3 fails when the new name is taken, without saying so.
        if self.exists(to)? {
            return Err(TargetError::exists(&self.place, to));
        }
        self.set_mode(from, 0o755)?;
        let (old, new) = (self.full(from), self.full(to));
        self.ask(to, |session| async move { session.rename(old, new).await })
    }

    fn remove_tree(&mut self, path: &str) -> Result<(), TargetError> {
        let Some(attributes) = self.attributes(path)? else { return Ok(()) };
        let full = self.full(path);
        if !attributes.is_dir() {
            return self.ask(path, |session| async move { session.remove_file(full).await });
        }
        for name in self.list(path)? {
            self.remove_tree(&format!("{path}/{name}"))?;
        }
        self.ask(path, |session| async move { session.remove_dir(full).await })
    }
}

fn free(numbers: &Statvfs) -> u64 {
    numbers.blocks_avail.saturating_mul(numbers.fragment_size)
}

/// BOUND: what a server says is shown up to this length.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

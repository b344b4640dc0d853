//! An SMB 3.1.1 share, by way of one long-lived `smbclient` (Debian's; a program of its own, not linked).
//!
//! **Invariants:** nothing is sent that is not encrypted, and never a lower protocol; user and password are only in the
//! authentication file; a name that its command language could read as anything but a name is refused before it is sent.

mod client;
mod status;

use super::directory::outbox;
use super::{Target, TargetError, parents};
use client::{Client, Sink, Trouble};
use model::policy::ReleasePolicy;
use status::Kind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// BOUND: a server this slow, in bytes each second, counts as silent; `smbclient` itself waits for each answer only
/// `release.stall_seconds`.
const SLOWEST: u64 = 64 << 10;

/// Where a share is, and how to log in.
#[derive(Debug, Clone)]
pub(super) struct Share {
    pub(super) server: String,
    pub(super) port: u16,
    pub(super) name: String,
    /// On the share; must be there.
    pub(super) folder: String,
    pub(super) credentials: PathBuf,
}

/// A folder of a share.
#[derive(Debug)]
pub struct Smb {
    place: String,
    share: Share,
    /// Before each path: folder of the target and of the route.
    base: String,
    stall: Duration,
    /// The connection; none after one broke.
    client: Option<Client>,
}

impl Smb {
    /// Connects, and makes `folder` below the target's own, which must be there.
    ///
    /// # Errors
    /// When the server is away, does not encrypt, or does not let this program in.
    pub(super) fn open(share: Share, folder: &str, policy: &ReleasePolicy) -> Result<Self, TargetError> {
        let place = format!("the share {}", model::escape_text(&format!("//{}/{}", share.server, share.name)));
        let base = share.folder.trim_matches('/').to_owned();
        let mut smb = Self { place, share, base, stall: Duration::from_secs(policy.stall_seconds.into()), client: None };
        if !smb.entry("")? {
            return Err(TargetError::gone(&smb.place, format!("it has no folder {}", smb.base)));
        }
        for below in parents(folder) {
            smb.make_dir(below)?;
        }
        smb.base = [&smb.base, folder]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(|part| part.trim_matches('/'))
            .collect::<Vec<_>>()
            .join("/");
        if !smb.base.is_empty() {
            smb.place = format!("{}/{}", smb.place, model::escape_text(&smb.base));
        }
        Ok(smb)
    }

    /// As `smbclient` reads it: quoted, with backslashes.
    fn name(&self, path: &str) -> Result<String, TargetError> {
        let full = [self.base.as_str(), path].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        // Its quoting knows no escapes, and it expands wildcards.
        let meant = |c: char| c.is_control() || matches!(c, '"' | '\\' | '*' | '?' | '<' | '>' | '|' | ':');
        let climbs = !full.is_empty() && full.split('/').any(|part| matches!(part, "" | "." | ".."));
        // Two of them, a command and quotes fit a line.
        let too_long = full.len() > client::MAX_LINE_BYTES / 2 - 100;
        if full.contains(meant) || climbs || too_long {
            return Err(TargetError::refused(&self.place, path, "a share cannot have such a name"));
        }
        Ok(full.replace('/', "\\"))
    }

    fn client(&mut self) -> Result<&mut Client, TargetError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::start(&self.share, self.stall).map_err(|trouble| self.failed("", trouble))?,
        };
        Ok(self.client.insert(client))
    }

    fn failed(&self, path: &str, trouble: Trouble) -> TargetError {
        match trouble {
            Trouble::Local(error) => TargetError::gone(&self.place, format!("smbclient cannot be used: {error}")),
            Trouble::Silent => TargetError::gone(&self.place, format!("no answer within {} s", self.stall.as_secs())),
            Trouble::Ended(text) => self.meaning(path, &text),
        }
    }

    fn meaning(&self, path: &str, text: &str) -> TargetError {
        let cause = status::sentence(text);
        match status::kind(text) {
            Kind::Full => TargetError::full(&self.place, cause),
            Kind::Denied => TargetError::denied(&self.place, cause),
            Kind::Exists => TargetError::exists(&self.place, path),
            Kind::Refused => TargetError::refused(&self.place, path, cause),
            Kind::Absent | Kind::Gone => TargetError::gone(&self.place, cause),
        }
    }

    /// One command; its answer. The connection is given up when it broke.
    fn ask(&mut self, path: &str, command: &str) -> Result<String, TargetError> {
        let stall = self.stall;
        self.ask_for(path, command, stall, None)
    }

    fn ask_for(&mut self, path: &str, command: &str, limit: Duration, sink: Option<Sink<'_>>) -> Result<String, TargetError> {
        let answer = self.client()?.ask(command, limit, sink);
        answer.map_err(|trouble| {
            self.client = None;
            self.failed(path, trouble)
        })
    }

    /// A command that says nothing when it worked.
    fn order(&mut self, path: &str, command: &str) -> Result<(), TargetError> {
        let answer = self.ask(path, command)?;
        self.silent(path, &answer)
    }

    fn silent(&mut self, path: &str, answer: &str) -> Result<(), TargetError> {
        if answer.trim().is_empty() {
            return Ok(());
        }
        let error = self.meaning(path, answer);
        if matches!(error, TargetError::Gone { .. }) {
            // A broken connection says so again and again; the next call makes a new one.
            self.client = None;
        }
        Err(error)
    }

    /// Whether something has that name.
    fn entry(&mut self, path: &str) -> Result<bool, TargetError> {
        let name = self.name(path)?;
        if name.is_empty() {
            // The share itself: it is there when it lets this program in.
            return self.order("", "").map(|()| true);
        }
        let answer = self.ask(path, &format!("ls \"{name}\""))?;
        match status::kind_if_any(&answer) {
            None => Ok(true),
            Some(Kind::Absent) => Ok(false),
            Some(_) => self.silent(path, &answer).map(|()| false),
        }
    }
}

impl Target for Smb {
    fn place(&self) -> &str {
        &self.place
    }

    fn free_bytes(&mut self) -> Result<Option<u64>, TargetError> {
        // It tells the room of the working folder, which may be another disk than the share's own.
        let name = self.name("")?;
        self.order("", &format!("cd \"\\{name}\""))?;
        let answer = self.ask("", "du")?;
        self.order("", "cd \"\\\"")?;
        Ok(status::free_bytes(&answer))
    }

    fn make_dir(&mut self, path: &str) -> Result<(), TargetError> {
        let name = self.name(path)?;
        match self.order(path, &format!("mkdir \"{name}\"")) {
            Err(TargetError::Exists { .. }) if self.list(path).is_ok() => Ok(()),
            ended => ended,
        }
    }

    fn put(&mut self, path: &str, from: &Path) -> Result<(), TargetError> {
        let name = self.name(path)?;
        let bytes = std::fs::metadata(from).map_err(|error| outbox(from, error))?.len();
        let limit = self.stall + Duration::from_secs(bytes / SLOWEST);
        let offered = self.client()?.offer(from);
        let offered = offered.map_err(|error| self.failed(path, Trouble::Local(error)))?;
        let answer = self.ask_for(path, &format!("put \"{offered}\" \"{name}\""), limit, None)?;
        self.silent(path, &answer)
    }

    fn settle(&mut self, _path: &str) -> Result<(), TargetError> {
        // SMB leaves that to the server (Samba: `strict sync`, `sync always`); smbclient has no command for it.
        Ok(())
    }

    fn read_back(&mut self, path: &str, sink: &mut dyn FnMut(&[u8])) -> Result<(), TargetError> {
        let command = format!("get \"{}\" \"{}\"", self.name(path)?, client::INCOMING);
        let stall = self.stall;
        let answer = self.ask_for(path, &command, stall, Some(sink))?;
        self.silent(path, &answer)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, TargetError> {
        let name = self.name(path)?;
        let answer = self.ask(path, &format!("ls \"{name}\\*\""))?;
        match status::kind_if_any(&answer) {
            None => Ok(status::names(&answer)),
            Some(_) => self.silent(path, &answer).map(|()| Vec::new()),
        }
    }

    fn exists(&mut self, path: &str) -> Result<bool, TargetError> {
        self.entry(path)
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), TargetError> {
        // Without a third word it does not replace.
        let command = format!("rename \"{}\" \"{}\"", self.name(from)?, self.name(to)?);
        self.order(to, &command)
    }

    fn remove_tree(&mut self, path: &str) -> Result<(), TargetError> {
        if !self.entry(path)? {
            return Ok(());
        }
        let command = format!("deltree \"{}\"", self.name(path)?);
        let answer = self.ask(path, &command)?;
        match status::kind_if_any(&answer) {
            Some(Kind::Absent) => Ok(()),
            _ => self.silent(path, &answer),
        }
    }
}

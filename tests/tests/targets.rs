//! Release targets against real servers: a private smbd that requires encryption, a private sshd, a folder on a small disk.

use anyhow::{Context as _, Result, bail, ensure};
use audit::{OsEntropy, PublicKey, StationKey};
use e2e::servers::{CUSTOMERS, STATION, Samba, Sshd};
use e2e::{command, run};
use model::policy::{ReleasePolicy, TargetPlace};
use release::target::{Target, TargetError, connect};
use release::{Delivered, Release, deliver, partial_name, verify_release};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tempfile::TempDir;

const SESSION: &str = "20261123-080000-abcd";

/// A sealed release, and the key it is signed with.
struct Outbox {
    scratch: TempDir,
    key: PublicKey,
}

impl Outbox {
    fn with(files: &[(&str, usize)]) -> Result<Self> {
        let scratch = tempfile::tempdir()?;
        let key = StationKey::load_or_create(&scratch.path().join("state"), &OsEntropy::new())?;
        let mut release = Release::begin(&scratch.path().join("outbox"), SESSION)?;
        release.add_folder(&["files".to_owned(), "Grüße und mehr".to_owned()])?;
        for (name, bytes) in files {
            release.add_record(name, &vec![7; *bytes])?;
        }
        release.seal(&key)?.publish()?;
        Ok(Self { scratch, key: key.public_key() })
    }
    fn small() -> Result<Self> {
        Self::with(&[("files/a.txt", 3), ("files/Grüße und mehr/b.pdf", 700_000), ("files/leer", 0), ("session-report.json", 20)])
    }
    fn deliver(&self, target: &mut dyn Target, pause: &dyn Fn(Duration)) -> Result<Delivered, TargetError> {
        deliver(&self.scratch.path().join("outbox").join(SESSION), SESSION, target, &policy(), pause)
    }
    /// Nothing but the release is in `folder`, and it is whole.
    fn check(&self, folder: &Path) -> Result<()> {
        ensure!(names(folder)? == [SESSION], "{:?}", names(folder)?);
        verify_release(&folder.join(SESSION), Some(&self.key))?;
        Ok(())
    }
}

fn policy() -> ReleasePolicy {
    ReleasePolicy { attempts: 3, min_free_bytes: 0, stall_seconds: 30, ..ReleasePolicy::default() }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// A server of either kind.
enum Server {
    Samba(Samba),
    Sshd(Sshd),
}

impl Server {
    /// Those this machine can run.
    fn all() -> Result<Vec<Self>> {
        let mut servers = Vec::new();
        match Samba::missing() {
            Some(why) => println!("skipped: {why}"),
            None => servers.push(Self::Samba(Samba::start(true)?)),
        }
        match Sshd::missing() {
            Some(why) => println!("skipped: {why}"),
            None => servers.push(Self::Sshd(Sshd::start()?)),
        }
        Ok(servers)
    }
    fn place(&self, folder: &str) -> TargetPlace {
        match self {
            Self::Samba(samba) => samba.place(STATION, folder),
            Self::Sshd(sshd) => sshd.place(STATION, "host", folder),
        }
    }
    fn share(&self) -> &Path {
        match self {
            Self::Samba(samba) => samba.share(),
            Self::Sshd(sshd) => sshd.share(),
        }
    }
    fn connect(&self, folder: &str) -> Result<Box<dyn Target>, TargetError> {
        connect(&self.place(folder), "", &policy())
    }
    fn kill(&mut self) -> Result<()> {
        match self {
            Self::Samba(samba) => samba.kill(),
            Self::Sshd(sshd) => sshd.kill(),
        }
    }
    fn start_again(&mut self) -> Result<()> {
        match self {
            Self::Samba(samba) => samba.start_again(),
            Self::Sshd(sshd) => sshd.start_again(),
        }
    }
    fn hang(&self, hangs: bool) -> Result<()> {
        match (self, hangs) {
            (Self::Samba(samba), true) => samba.hang(),
            (Self::Samba(samba), false) => samba.go_on(),
            (Self::Sshd(sshd), true) => sshd.hang(),
            (Self::Sshd(sshd), false) => sshd.go_on(),
        }
    }
    /// What a customer gets who reads `path`.
    fn read_as(&self, customer: &str, path: &str) -> Result<bool> {
        let ended = match self {
            Self::Samba(samba) => samba.client(customer, "SMB3_11", &format!("get \"{}\" read-{customer}", path.replace('/', "\\")))?,
            Self::Sshd(sshd) => sshd.client(customer, &format!("get \"{}\" read-{customer}", sshd.share().join(path).display()))?,
        };
        Ok(ended.status == 0)
    }
}

/// Counts what is sent, and does something before the operation of a number.
struct Watched<'a> {
    inner: Box<dyn Target>,
    calls: usize,
    puts: usize,
    before: Box<dyn FnMut(usize) + Send + 'a>,
}

impl<'a> Watched<'a> {
    fn new(inner: Box<dyn Target>, before: impl FnMut(usize) + Send + 'a) -> Self {
        Self { inner, calls: 0, puts: 0, before: Box::new(before) }
    }
    fn next(&mut self) -> &mut dyn Target {
        self.calls += 1;
        (self.before)(self.calls);
        self.inner.as_mut()
    }
}

impl Target for Watched<'_> {
    fn place(&self) -> &str {
        self.inner.place()
    }
    fn free_bytes(&mut self) -> Result<Option<u64>, TargetError> {
        self.next().free_bytes()
    }
    fn make_dir(&mut self, path: &str) -> Result<(), TargetError> {
        self.next().make_dir(path)
    }
    fn put(&mut self, path: &str, from: &Path) -> Result<(), TargetError> {
        self.next().put(path, from)?;
        self.puts += 1;
        Ok(())
    }
    fn settle(&mut self, path: &str) -> Result<(), TargetError> {
        self.next().settle(path)
    }
    fn read_back(&mut self, path: &str, sink: &mut dyn FnMut(&[u8])) -> Result<(), TargetError> {
        self.next().read_back(path, sink)
    }
    fn list(&mut self, path: &str) -> Result<Vec<String>, TargetError> {
        self.next().list(path)
    }
    fn exists(&mut self, path: &str) -> Result<bool, TargetError> {
        self.next().exists(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), TargetError> {
        self.next().rename(from, to)
    }
    fn remove_tree(&mut self, path: &str) -> Result<(), TargetError> {
        self.next().remove_tree(path)
    }
}

#[test]
fn each_customer_reads_its_own_release_and_no_other() -> Result<()> {
    for server in Server::all()? {
        let outbox = Outbox::small()?;
        let [(mine, ..), (other, ..)] = CUSTOMERS;
        let delivered = outbox.deliver(server.connect(mine)?.as_mut(), &|_| {})?;
        ensure!(delivered.written == 6 && !delivered.already, "{delivered:?}");
        outbox.check(&server.share().join(mine))?;
        let path = format!("{mine}/{SESSION}/files/Grüße und mehr/b.pdf");
        ensure!(server.read_as(mine, &path)?, "the owner");
        ensure!(!server.read_as(other, &path)?, "the other customer");
        // The program ended between rename and record.
        let again = outbox.deliver(server.connect(mine)?.as_mut(), &|_| {})?;
        ensure!(again.already && again.written == 0, "{again:?}");
        outbox.check(&server.share().join(mine))?;
    }
    Ok(())
}

#[test]
fn a_folder_of_a_route_is_made_below_the_targets_own_which_must_be_there() -> Result<()> {
    for server in Server::all()? {
        let outbox = Outbox::small()?;
        outbox.deliver(connect(&server.place("games"), "2026/11", &policy())?.as_mut(), &|_| {})?;
        outbox.check(&server.share().join("games/2026/11"))?;
        // The root of what the server gives.
        outbox.deliver(server.connect("")?.as_mut(), &|_| {})?;
        verify_release(&server.share().join(SESSION), Some(&outbox.key))?;
        let absent = connect(&server.place("absent"), "x", &policy());
        ensure!(matches!(absent, Err(TargetError::Gone { .. })), "{:?}", absent.err());
        ensure!(!server.share().join("absent").exists());
    }
    Ok(())
}

#[test]
fn smb_goes_encrypted_or_not_at_all() -> Result<()> {
    if let Some(why) = Samba::missing() {
        println!("skipped: {why}");
        return Ok(());
    }
    let requires = Samba::start(true)?;
    for (protocol, let_in) in [("SMB3_11", true), ("SMB2_10", false)] {
        let ended = requires.client("games", protocol, "ls")?;
        ensure!((ended.status == 0) == let_in, "{protocol}: {ended:?}");
    }
    let plain = Samba::start(false)?;
    ensure!(plain.client("games", "SMB2_10", "ls")?.status == 0, "the server without encryption works");
    let refused = connect(&plain.place(STATION, "games"), "", &policy()).err().context("connected without encryption")?;
    ensure!(matches!(refused, TargetError::Denied { .. }), "{refused:?}");
    Ok(())
}

#[test]
fn a_wrong_login_or_host_is_told_without_its_secret() -> Result<()> {
    let mut refused = Vec::new();
    for server in Server::all()? {
        let places = match &server {
            Server::Samba(samba) => vec![samba.place("wrong", "games")],
            Server::Sshd(sshd) => vec![sshd.place("wrong", "host", "games"), sshd.place(STATION, "other-host", "games")],
        };
        for place in places {
            let error = connect(&place, "", &policy()).err().with_context(|| format!("let in: {place:?}"))?;
            ensure!(matches!(error, TargetError::Denied { .. }), "{error:?}");
            refused.push(error.to_string());
        }
        // A secret others can read is not used.
        let (TargetPlace::Smb { credentials: file, .. } | TargetPlace::Sftp { identity: file, .. }) = server.place("games") else {
            bail!("a server")
        };
        fs::set_permissions(&file, PermissionsExt::from_mode(0o640))?;
        let error = server.connect("games").err().context("used a secret others can read")?;
        ensure!(matches!(&error, TargetError::Denied { cause, .. } if cause.contains("0600")), "{error:?}");
    }
    ensure!(refused.iter().all(|text| !text.contains("falsch") && !text.contains("PRIVATE")), "{refused:?}");
    Ok(())
}

#[test]
fn names_are_names_whatever_they_look_like() -> Result<()> {
    let long = format!("{}.pdf", "ü".repeat(120));
    let mut files: Vec<(&str, usize)> = [
        "-n.txt",
        "!touch pwned",
        "a;b",
        "a b  c",
        "it's",
        "$(touch pwned)",
        "`touch pwned`",
        "%U %n",
        "#x",
        "~",
        "{a,b}",
        "[a]",
        "NT_STATUS_DISK_FULL",
        "xqend1",
        "&",
        "Müller & Söhne, Übersicht (2).pdf",
        "日本語.txt",
        "e\u{301}",
    ]
    .into_iter()
    .map(|name| (name, 5))
    .collect();
    files.push((&long, 5));
    for server in Server::all()? {
        let outbox = Outbox::with(&files)?;
        let mut target = server.connect("games")?;
        outbox.deliver(target.as_mut(), &|_| {})?;
        outbox.check(&server.share().join("games"))?;
        let mut listed = target.list(SESSION)?;
        listed.sort_unstable();
        let mut there = names(&server.share().join("games").join(SESSION))?;
        there.sort_unstable();
        ensure!(listed == there, "{listed:?}\n{there:?}");
        let too_long = target.put(&"ü".repeat(200), Path::new("/etc/hostname"));
        ensure!(matches!(too_long, Err(TargetError::Refused { .. })), "{too_long:?}");
    }
    Ok(())
}

#[test]
fn a_share_never_gets_a_name_its_client_could_read_as_something_else() -> Result<()> {
    if let Some(why) = Samba::missing() {
        println!("skipped: {why}");
        return Ok(());
    }
    let samba = Samba::start(true)?;
    let mut target = connect(&samba.place(STATION, "games"), "", &policy())?;
    for name in ["a\"b", "a\" \"b", "x\"\nmkdir \"y", "*", "?", "a\\b", "..", "../mail/x", "a/../b", "a//b", "a:b", "a\0b"] {
        let refused = target.make_dir(name);
        ensure!(matches!(refused, Err(TargetError::Refused { .. })), "{name:?}: {refused:?}");
        ensure!(matches!(target.remove_tree(name), Err(TargetError::Refused { .. })), "{name:?}");
    }
    ensure!(names(&samba.share().join("games"))?.is_empty());
    Ok(())
}

/// A server that can be ended while a delivery holds on to it.
struct Mortal<'a> {
    server: &'a mut Server,
    lives: bool,
}

impl Mortal<'_> {
    fn dies(&mut self) -> Result<()> {
        self.lives = false;
        self.server.kill()
    }
    fn is_back(&mut self) -> Result<()> {
        if !self.lives {
            self.server.start_again()?;
            self.lives = true;
        }
        Ok(())
    }
}

/// The server dies at each operation in turn and is back before the next attempt.
#[test]
fn a_server_that_dies_at_any_operation_and_comes_back_gets_it_whole_and_once() -> Result<()> {
    for mut server in Server::all()? {
        let mut target = Watched::new(server.connect("mail")?, |_| {});
        Outbox::small()?.deliver(&mut target, &|_| {})?;
        let calls = target.calls;
        drop(target);
        let (share, place) = (server.share().join("games"), server.place("games"));
        let mortal = Mutex::new(Mortal { server: &mut server, lives: true });
        for at in 1..=calls {
            let outbox = Outbox::small()?;
            let mut target = Watched::new(connect(&place, "", &policy())?, |call| {
                if call == at {
                    mortal.lock().unwrap().dies().unwrap();
                }
            });
            let delivered = outbox.deliver(&mut target, &|_| mortal.lock().unwrap().is_back().unwrap())?;
            ensure!(!delivered.already && delivered.written == 6 && target.puts == 6, "{at}: {delivered:?}, {} sent", target.puts);
            outbox.check(&share).with_context(|| format!("at {at}"))?;
            fs::remove_dir_all(share.join(SESSION))?;
            mortal.lock().unwrap().is_back()?;
        }
    }
    Ok(())
}

/// Away for good, the release stays hidden; the next delivery sends only what is missing.
#[test]
fn after_an_outage_only_what_is_missing_is_sent() -> Result<()> {
    for mut server in Server::all()? {
        let outbox = Outbox::with(&[("a.bin", 1000), ("b.bin", 60_000_000), ("c.bin", 1000)])?;
        let (share, place) = (server.share().join("games"), server.place("games"));
        let mut target = connect(&place, "", &policy())?;
        let half = share.join(partial_name(SESSION)).join("b.bin");
        // While the second file is being written.
        std::thread::scope(|scope| -> Result<()> {
            let ended = scope.spawn(|| -> Result<()> {
                while !half.exists() {
                    std::thread::yield_now();
                }
                server.kill()
            });
            let delivery = outbox.deliver(target.as_mut(), &|_| {});
            ensure!(matches!(delivery, Err(TargetError::Gone { .. })), "{delivery:?}");
            ended.join().unwrap()
        })?;
        ensure!(names(&share)? == [partial_name(SESSION)], "{:?}", names(&share)?);
        server.start_again()?;
        let mut target = Watched::new(connect(&place, "", &policy())?, |_| {});
        let delivered = outbox.deliver(&mut target, &|_| {})?;
        ensure!(delivered.written == 4 && target.puts == 4, "{delivered:?}: all but a.bin");
        outbox.check(&share)?;
    }
    Ok(())
}

#[test]
fn a_server_that_hangs_counts_as_gone_after_the_policys_seconds() -> Result<()> {
    for server in Server::all()? {
        let (outbox, policy) = (Outbox::small()?, ReleasePolicy { stall_seconds: 2, attempts: 1, ..policy() });
        let mut target = connect(&server.place("games"), "", &policy)?;
        server.hang(true)?;
        let ended = outbox.deliver(target.as_mut(), &|_| {});
        server.hang(false)?;
        ensure!(matches!(ended, Err(TargetError::Gone { .. })), "{ended:?}");
        outbox.deliver(server.connect("games")?.as_mut(), &|_| {})?;
        outbox.check(&server.share().join("games"))?;
    }
    Ok(())
}

#[test]
fn a_permission_that_was_lost_is_told_and_the_rest_delivered_when_it_is_back() -> Result<()> {
    for server in Server::all()? {
        let (outbox, share) = (Outbox::small()?, server.share().join("games"));
        fs::set_permissions(&share, PermissionsExt::from_mode(0o550))?;
        let ended = outbox.deliver(server.connect("games")?.as_mut(), &|_| {});
        ensure!(matches!(ended, Err(TargetError::Denied { .. })), "{ended:?}");
        ensure!(names(&share)?.is_empty());
        fs::set_permissions(&share, PermissionsExt::from_mode(0o2750))?;
        outbox.deliver(server.connect("games")?.as_mut(), &|_| {})?;
        outbox.check(&share)?;
    }
    Ok(())
}

#[test]
fn a_foreign_thing_of_that_name_stays_as_it_is() -> Result<()> {
    for server in Server::all()? {
        let (outbox, share) = (Outbox::small()?, server.share().join("games"));
        fs::create_dir(share.join(SESSION))?;
        fs::write(share.join(SESSION).join("theirs.txt"), "theirs")?;
        fs::set_permissions(share.join(SESSION), PermissionsExt::from_mode(0o777))?;
        let mut target = server.connect("games")?;
        let ended = outbox.deliver(target.as_mut(), &|_| {});
        ensure!(matches!(&ended, Err(TargetError::Exists { name, .. }) if name == SESSION), "{ended:?}");
        // Nor by the rename itself.
        target.make_dir("x")?;
        let renamed = target.rename("x", SESSION);
        ensure!(matches!(renamed, Err(TargetError::Exists { .. })), "{renamed:?}");
        target.remove_tree("x")?;
        ensure!(names(&share)? == [SESSION] && fs::read_to_string(share.join(SESSION).join("theirs.txt"))? == "theirs");
    }
    Ok(())
}

/// A small disk, mounted on a folder; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Result<Self> {
        let mounted = run(command("/bin/mount").args(["-t", "tmpfs", "-o", "size=4m,mode=0777", "tmpfs"]).arg(folder))?;
        ensure!(mounted.status == 0, "{mounted:?}");
        Ok(Self(folder.into()))
    }
    fn read_only(&self) -> Result<()> {
        let mounted = run(command("/bin/mount").args(["-o", "remount,ro"]).arg(&self.0))?;
        ensure!(mounted.status == 0, "{mounted:?}");
        Ok(())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = run(command("/bin/umount").arg("--lazy").arg(&self.0));
    }
}

/// A target that does not tell how much room it has.
struct Silent(Box<dyn Target>);

impl Target for Silent {
    fn place(&self) -> &str {
        self.0.place()
    }
    fn free_bytes(&mut self) -> Result<Option<u64>, TargetError> {
        Ok(None)
    }
    fn make_dir(&mut self, path: &str) -> Result<(), TargetError> {
        self.0.make_dir(path)
    }
    fn put(&mut self, path: &str, from: &Path) -> Result<(), TargetError> {
        self.0.put(path, from)
    }
    fn settle(&mut self, path: &str) -> Result<(), TargetError> {
        self.0.settle(path)
    }
    fn read_back(&mut self, path: &str, sink: &mut dyn FnMut(&[u8])) -> Result<(), TargetError> {
        self.0.read_back(path, sink)
    }
    fn list(&mut self, path: &str) -> Result<Vec<String>, TargetError> {
        self.0.list(path)
    }
    fn exists(&mut self, path: &str) -> Result<bool, TargetError> {
        self.0.exists(path)
    }
    fn rename(&mut self, from: &str, to: &str) -> Result<(), TargetError> {
        self.0.rename(from, to)
    }
    fn remove_tree(&mut self, path: &str) -> Result<(), TargetError> {
        self.0.remove_tree(path)
    }
}

/// Where a small disk is: on a server of each kind, and as a folder.
fn on_small_disks(check: impl Fn(&TargetPlace, &Path, &SmallDisk) -> Result<()>) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: mounting takes root");
        return Ok(());
    }
    for server in Server::all()? {
        let folder = server.share().join("games");
        let disk = SmallDisk::mount(&folder)?;
        check(&server.place("games"), &folder, &disk)?;
    }
    let scratch = tempfile::tempdir()?;
    let disk = SmallDisk::mount(scratch.path())?;
    check(&TargetPlace::Directory { path: scratch.path().to_string_lossy().into_owned() }, scratch.path(), &disk)
}

#[test]
fn a_full_target_shows_and_keeps_nothing_and_gets_it_when_there_is_room() -> Result<()> {
    on_small_disks(|place, folder, _| {
        let outbox = Outbox::with(&[("a.bin", 1_000_000), ("b.bin", 1_000_000)])?;
        fs::write(folder.join("other"), vec![0; 3_000_000])?;
        let seen = outbox.deliver(connect(place, "", &policy())?.as_mut(), &|_| {});
        ensure!(matches!(&seen, Err(TargetError::Full { cause, .. }) if cause.contains("min_free_bytes")), "{seen:?}");
        let hit = outbox.deliver(&mut Silent(connect(place, "", &policy())?), &|_| {});
        ensure!(matches!(hit, Err(TargetError::Full { .. })), "{hit:?}");
        ensure!(names(folder)? == ["other"], "{:?}", names(folder)?);
        fs::remove_file(folder.join("other"))?;
        outbox.deliver(connect(place, "", &policy())?.as_mut(), &|_| {})?;
        outbox.check(folder)
    })
}

#[test]
fn a_target_that_is_read_only_is_told_as_that() -> Result<()> {
    on_small_disks(|place, folder, disk| {
        disk.read_only()?;
        let ended = Outbox::small()?.deliver(connect(place, "", &policy())?.as_mut(), &|_| {});
        ensure!(matches!(ended, Err(TargetError::Denied { .. })), "{ended:?}");
        ensure!(names(folder)?.is_empty());
        Ok(())
    })
}

/// Somebody with read access looks all the time.
#[test]
fn a_reader_who_watches_sees_a_whole_release_or_none() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut places = vec![(TargetPlace::Directory { path: scratch.path().to_string_lossy().into_owned() }, scratch.path().to_path_buf())];
    let servers = Server::all()?;
    places.extend(servers.iter().map(|server| (server.place("games"), server.share().join("games"))));
    for (place, folder) in places {
        let outbox = Outbox::small()?;
        let done = AtomicBool::new(false);
        let looks = std::thread::scope(|scope| -> Result<usize> {
            let watcher = scope.spawn(|| -> Result<usize> {
                let mut looks = 0;
                while !done.load(Ordering::SeqCst) {
                    for name in names(&folder)?.iter().filter(|name| **name != partial_name(SESSION)) {
                        ensure!(name == SESSION, "{name}");
                        verify_release(&folder.join(name), Some(&outbox.key))?;
                    }
                    looks += 1;
                }
                Ok(looks)
            });
            let delivered = connect(&place, "", &policy()).and_then(|mut target| outbox.deliver(target.as_mut(), &|_| {}));
            done.store(true, Ordering::SeqCst);
            let looks = watcher.join().unwrap()?;
            delivered?;
            Ok(looks)
        })?;
        ensure!(looks > 3, "only {looks} looks");
        outbox.check(&folder)?;
    }
    Ok(())
}

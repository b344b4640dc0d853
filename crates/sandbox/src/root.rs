//! The worker's own root directory: empty, or the tree to be read, or for LibreOffice only what it reads.
//!
//! **Invariant**: after each of the three functions no path of the machine leads anywhere; the old root is detached, not hidden.

use crate::{Limits, SandboxError, sys};
use rustix::{
    fs::{AtFlags, CWD, StatVfsMountFlags, StatxFlags, fstatvfs, statx},
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, unmount},
    process::{chdir, chroot, fchdir, pivot_root},
};
use std::{
    ffi::CString,
    fs, io,
    os::{fd::BorrowedFd, unix::fs::symlink},
    path::{Path, PathBuf},
};

/// Where the new root is built. Every machine with a mounted `/proc` has it, and nothing of it is needed any more.
const STAGE: &str = "/proc";
/// The directory of LibreOffice's programs (Debian).
pub(crate) const OFFICE_PROGRAMS: &str = "/usr/lib/libreoffice/program";
/// The dynamic loader, which the kernel executes for every program (System V ABI, x86-64 supplement).
pub(crate) const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
/// The only directory of the office jail that can be written.
pub(crate) const WORK: &str = "/work";

/// What LibreOffice reads, found by tracing conversions of all its formats. Only the first two must be there.
const OFFICE_READS: [&str; 16] = [
    "/usr/lib/libreoffice",
    // Its libraries, and the loader.
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    // Its default profile and presets, part of them in /etc and /var on Debian.
    "/etc/libreoffice",
    "/usr/share/libreoffice",
    "/var/lib/libreoffice",
    // Fonts, and the index without which it reads every font at each start.
    "/etc/fonts",
    "/usr/share/fontconfig",
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/var/cache/fontconfig",
    // The loader's index of libraries.
    "/etc/ld.so.cache",
    // C.UTF-8, so that file names are UTF-8.
    "/usr/lib/locale",
    // Dates in spreadsheets and fields.
    "/etc/localtime",
    "/usr/share/zoneinfo",
    // Hyphenation changes where lines break.
    "/usr/share/hyphen",
];
/// How many of [`OFFICE_READS`] must exist.
const OFFICE_MUST_HAVE: usize = 2;
/// Devices of the office jail: the standard streams of soffice, and the random numbers of its libraries.
const OFFICE_DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];
/// Links of Debian's merged /usr, and the customary place of temporary files.
const OFFICE_LINKS: [(&str, &str); 3] = [("/lib", "usr/lib"), ("/lib64", "usr/lib64"), ("/tmp", "work/tmp")];
/// The user data base of the office jail; the machine's own is nobody's business there.
const OFFICE_USERS: &str = "/etc/passwd";

/// Gives the process an empty, read-only root directory.
pub(crate) fn empty() -> Result<(), SandboxError> {
    stage("size=4096,nr_inodes=2,mode=0555")?;
    enter_stage()?;
    protect(Path::new("/"))
}

/// Makes the working directory the root directory, read-only, with the mounts below it.
///
/// So that `..` and absolute links end inside the tree: Landlock refuses to open what lies outside of it, but not to ask
/// for its size and times.
///
/// A mount that stands in no mount table cannot be shown anywhere. Then the root directory is an empty one, and the process
/// sees the mount as its own root only.
pub(crate) fn tree(directory: BorrowedFd<'_>) -> Result<(), SandboxError> {
    if is_detached()? {
        read_only(directory)?;
        empty()?;
        let entered = fchdir(directory).and_then(|()| chroot(".")).and_then(|()| chdir("/"));
        return at(Path::new("."), entered.map_err(io::Error::from));
    }
    make_private()?;
    bind_onto(Path::new("."), Path::new(STAGE))?;
    protect(Path::new(STAGE))?;
    enter_stage()
}

/// Whether the working directory lies in a mount that no mount table lists.
fn is_detached() -> Result<bool, SandboxError> {
    let here = Path::new(".");
    let stat = statx(CWD, here, AtFlags::empty(), StatxFlags::MNT_ID);
    let number = at(here, stat.map_err(io::Error::from))?.stx_mnt_id.to_string();
    let table = Path::new("/proc/self/mountinfo");
    let listed = at(table, fs::read(table))?;
    let first = |line: &[u8]| line.split(|b| *b == b' ').next() == Some(number.as_bytes());
    Ok(!listed.split(|b| *b == b'\n').any(first))
}

/// A detached mount cannot be protected from here, so it must come protected.
fn read_only(directory: BorrowedFd<'_>) -> Result<(), SandboxError> {
    let here = Path::new(".");
    let wanted = StatVfsMountFlags::RDONLY | StatVfsMountFlags::NOSUID | StatVfsMountFlags::NODEV;
    let flags = at(here, fstatvfs(directory).map_err(io::Error::from))?.f_flag;
    if flags.contains(wanted) { Ok(()) } else { at(here, Err(io::ErrorKind::PermissionDenied.into())) }
}

/// Gives the process the root directory LibreOffice needs: its programs and fonts read-only, and an empty [`WORK`].
pub(crate) fn office(limits: &Limits) -> Result<(), SandboxError> {
    // BOUND: directories, links, mount points and one small file; nothing is written here later.
    stage("size=65536,nr_inodes=256,mode=0755")?;
    for (number, path) in OFFICE_READS.iter().enumerate() {
        let source = Path::new(path);
        if source.exists() {
            bind(source)?;
            protect(&staged(source))?;
        } else if number < OFFICE_MUST_HAVE {
            return Err(SandboxError::OfficeMissing(source.to_owned()));
        }
    }
    for (link, target) in OFFICE_LINKS {
        let link = staged(Path::new(link));
        at(&link, symlink(target, &link))?;
    }
    let users = staged(Path::new(OFFICE_USERS));
    at(&users, fs::write(&users, "nobody:x:65534:65534::/work:/nonexistent\n"))?;
    let work = staged(Path::new(WORK));
    at(&work, fs::create_dir(&work))?;
    for device in OFFICE_DEVICES {
        make_target(&staged(Path::new(device)), false)?;
    }
    enter_stage_with(&work, limits)
}

/// The paths of the office jail that may be read, for the Landlock rules.
pub(crate) fn readable() -> Vec<PathBuf> {
    OFFICE_READS.into_iter().chain([OFFICE_USERS, "/dev/urandom"]).map(PathBuf::from).filter(|path| path.exists()).collect()
}

fn enter_stage_with(work: &Path, limits: &Limits) -> Result<(), SandboxError> {
    protect(Path::new(STAGE))?;
    // The devices come after the protection, which would make them unusable.
    for device in OFFICE_DEVICES {
        bind_onto(Path::new(device), &staged(Path::new(device)))?;
    }
    // BOUND: what is written here is memory, so the memory limit is its size; a conversion makes some hundred files.
    let size = format!("size={},nr_inodes=16384,mode=0700", limits.memory_bytes);
    mount_tmpfs(work, &size)?;
    let temporary = work.join("tmp");
    at(&temporary, fs::create_dir(&temporary))?;
    enter_stage()
}

/// Mounts a new tmpfs where the new root is built.
fn stage(options: &str) -> Result<(), SandboxError> {
    make_private()?;
    mount_tmpfs(Path::new(STAGE), options)
}

/// No mount made from now on is seen by any other process.
fn make_private() -> Result<(), SandboxError> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    let made = mount_change("/", private);
    at(Path::new("/"), made.map_err(io::Error::from))
}

fn mount_tmpfs(path: &Path, options: &str) -> Result<(), SandboxError> {
    let options = at(path, CString::new(options).map_err(io::Error::from))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let mounted = mount("tmpfs", path, "tmpfs", flags, options.as_c_str());
    at(path, mounted.map_err(io::Error::from))
}

/// Makes the stage the root directory and detaches the old one (`pivot_root(2)`, "pivot_root(".", ".")").
fn enter_stage() -> Result<(), SandboxError> {
    let entered =
        chdir(STAGE).and_then(|()| pivot_root(".", ".")).and_then(|()| unmount(".", UnmountFlags::DETACH)).and_then(|()| chdir("/"));
    at(Path::new(STAGE), entered.map_err(io::Error::from))
}

fn protect(path: &Path) -> Result<(), SandboxError> {
    at(path, sys::protect_mount(path))
}

/// Shows `source` at the same place of the stage.
fn bind(source: &Path) -> Result<(), SandboxError> {
    let target = staged(source);
    make_target(&target, source.is_dir())?;
    bind_onto(source, &target)
}

fn bind_onto(source: &Path, target: &Path) -> Result<(), SandboxError> {
    at(source, mount_bind_recursive(source, target).map_err(io::Error::from))
}

fn make_target(target: &Path, directory: bool) -> Result<(), SandboxError> {
    if directory {
        return at(target, fs::create_dir_all(target));
    }
    if let Some(parent) = target.parent() {
        at(parent, fs::create_dir_all(parent))?;
    }
    at(target, fs::write(target, ""))
}

fn staged(path: &Path) -> PathBuf {
    Path::new(STAGE).join(path.strip_prefix("/").unwrap_or(path))
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, SandboxError> {
    result.map_err(|source| SandboxError::Root { path: path.to_owned(), source })
}

//! Namespaces of the worker's own, and the identity inside them.
//!
//! **Invariant**: afterwards the process is no longer root on the machine, whoever started it. Only a tree worker
//! started by root keeps every id visible, so that the one capability it keeps (reading) counts for files of any owner.

use crate::{
    Role, SandboxError,
    privileges::NOBODY,
    sys::{self, Fork},
};
use rustix::{
    process::{DumpableBehavior, geteuid, getgid, getppid, getuid, set_dumpable_behavior},
    thread::{CapabilitySet, CapabilitySets, UnshareFlags, set_capabilities, set_keep_capabilities},
};
use std::{
    fs,
    io::{self, Read, Write},
};

/// All namespaces a worker gets.
const NAMESPACES: UnshareFlags = UnshareFlags::NEWUSER
    .union(UnshareFlags::NEWNS)
    .union(UnshareFlags::NEWPID)
    .union(UnshareFlags::NEWNET)
    .union(UnshareFlags::NEWIPC)
    .union(UnshareFlags::NEWUTS)
    .union(UnshareFlags::NEWCGROUP);

/// Every id there is, mapped to itself (`user_namespaces(7)`; the last id, -1, means "none" and cannot be mapped).
const EVERY_ID: &str = "0 0 4294967295";

/// Enters the namespaces as an unprivileged user with the capabilities inside them that the mounts still need.
///
/// The pid namespace begins with the next child.
pub(crate) fn enter(role: Role) -> Result<(), SandboxError> {
    let root = geteuid().is_root();
    if root && role == Role::Tree {
        return enter_seeing_every_id();
    }
    if root {
        sys::become_user(NOBODY, NOBODY, true).map_err(SandboxError::DropUser)?;
    }
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    sys::unshare(NAMESPACES).map_err(SandboxError::Namespaces)?;
    // A process that changed its user, or whose program file is unreadable to it, does not own its /proc files.
    writable_maps(true)?;
    write_maps("/proc/self", &format!("{uid} {uid} 1"), &format!("{gid} {gid} 1")).map_err(SandboxError::UserMap)?;
    writable_maps(false)
}

/// The way of a tree worker started by root: the map is written by a short-lived process that stays outside.
fn enter_seeing_every_id() -> Result<(), SandboxError> {
    let (mut wait, mut go) = io::pipe().map_err(SandboxError::Channel)?;
    let writer = match sys::fork().map_err(SandboxError::Fork)? {
        Fork::Parent(writer) => writer,
        Fork::Child => {
            drop(go);
            sys::exit_now(i32::from(write_maps_of_parent(&mut wait).is_err()));
        }
    };
    sys::unshare(NAMESPACES).map_err(SandboxError::Namespaces)?;
    writable_maps(true)?;
    go.write_all(b"!").map_err(SandboxError::UserMap)?;
    let ended = sys::wait_for(writer).map_err(SandboxError::Wait)?;
    if ended.status != 0 {
        return Err(SandboxError::UserMap(io::ErrorKind::PermissionDenied.into()));
    }
    set_keep_capabilities(true).map_err(|error| SandboxError::DropUser(error.into()))?;
    sys::become_user(NOBODY, NOBODY, false).map_err(SandboxError::DropUser)?;
    // The change of user took the effective set; the mounts to come need it once more.
    let all = CapabilitySet::all();
    set_capabilities(None, CapabilitySets { effective: all, permitted: all, inheritable: CapabilitySet::empty() })
        .map_err(|error| SandboxError::DropUser(error.into()))?;
    writable_maps(false)
}

fn write_maps_of_parent(wait: &mut impl Read) -> io::Result<()> {
    let parent = getppid().ok_or(io::ErrorKind::NotFound)?;
    wait.read_exact(&mut [0])?;
    let directory = format!("/proc/{}", parent.as_raw_nonzero());
    write_maps(&directory, EVERY_ID, EVERY_ID)
}

fn write_maps(process: &str, users: &str, groups: &str) -> io::Result<()> {
    fs::write(format!("{process}/setgroups"), "deny")?;
    fs::write(format!("{process}/uid_map"), users)?;
    fs::write(format!("{process}/gid_map"), groups)
}

/// Dumpable or not: decides who owns `/proc/self`, who may trace the process and whether it may dump core.
fn writable_maps(yes: bool) -> Result<(), SandboxError> {
    set_dumpable_behavior(if yes { DumpableBehavior::Dumpable } else { DumpableBehavior::NotDumpable })
        .map_err(|error| SandboxError::UserMap(error.into()))
}

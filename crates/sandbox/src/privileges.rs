//! Resource limits, capabilities and `no_new_privs`.

use crate::{Limits, Role, SandboxError, sys};
use rustix::{
    process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit},
    thread::{CapabilitySet, CapabilitySets, clear_ambient_capability_set, set_capabilities, set_no_new_privs},
};

/// The user and group a worker becomes when root starts it (Debian's `nobody` and `nogroup`).
pub(crate) const NOBODY: u32 = 65534;

/// Sets every limit of the worker; a limit inherited from the service that is lower already stays.
pub(crate) fn limit(role: Role, limits: &Limits) -> Result<(), SandboxError> {
    // BOUND: open files. A tree worker holds one descriptor per directory level and some files; LibreOffice some 60.
    let files = match role {
        Role::Tree => 4096,
        Role::RenderOffice => 512,
        Role::Read | Role::Inspect | Role::Render | Role::Verify => 64,
    };
    // The stub lives in the same user namespace and is counted with the worker.
    let processes = u64::from(limits.processes) + 1;
    for (limit, resource, most) in [
        ("CPU time", Resource::Cpu, u64::from(limits.cpu_seconds)),
        ("memory", Resource::As, limits.memory_bytes),
        ("file size", Resource::Fsize, limits.file_bytes),
        ("process", Resource::Nproc, processes),
        ("open files", Resource::Nofile, files),
        ("core file", Resource::Core, 0),
        ("locked memory", Resource::Memlock, 0),
        ("message queue", Resource::Msgqueue, 0),
        ("real-time priority", Resource::Rtprio, 0),
        ("niceness", Resource::Nice, 0),
    ] {
        // At the CPU limit comes SIGXCPU, which says what happened; a second later SIGKILL, which cannot be ignored.
        let last = most.saturating_add(u64::from(resource == Resource::Cpu));
        let inherited = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        setrlimit(resource, Rlimit { current: Some(most.min(inherited)), maximum: Some(last.min(inherited)) })
            .map_err(|error| SandboxError::Limit { limit, source: error.into() })?;
    }
    Ok(())
}

/// For the supervisor itself: no core dump is ever written of it, and nobody without privileges may trace it or read its
/// memory. What it holds of media would lie in such a file.
///
/// # Errors
/// When the kernel refuses.
pub fn forbid_dumps() -> Result<(), SandboxError> {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(|error| SandboxError::Limit { limit: "core file", source: error.into() })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| SandboxError::Privileges(error.into()))
}

/// Gives up every capability but those in `kept`, and the ways to get one back.
pub(crate) fn give_up(kept: CapabilitySet) -> Result<(), SandboxError> {
    sys::empty_bounding_set().map_err(SandboxError::Privileges)?;
    let failed = |error: rustix::io::Errno| SandboxError::Privileges(error.into());
    clear_ambient_capability_set().map_err(failed)?;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() }).map_err(failed)?;
    set_no_new_privs(true).map_err(failed)
}

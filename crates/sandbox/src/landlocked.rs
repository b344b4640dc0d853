//! Landlock: which files exist for a role, enforced in full or not at all.
//!
//! **Invariant**: every access right of the level is handled, so what no rule names is refused; a kernel that cannot
//! enforce the whole level is an error.

use crate::{Role, SandboxError, root};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use std::os::fd::BorrowedFd;

/// The levels that are enough, best first. 2 (Linux 5.19; Debian 12 has 6.1) has files; 4 (Linux 6.7) adds truncation and
/// TCP; 6 (Linux 6.12) adds device `ioctl`s and the scopes of abstract sockets and signals. What the lower levels lack is
/// closed by other layers as well: no role has a writable mount to truncate in but the office suite's own temporary one,
/// none has a network or a neighbour in its namespaces, and seccomp lets no device `ioctl` through.
const LEVELS: [ABI; 3] = [ABI::V6, ABI::V4, ABI::V2];

/// Restricts the calling process to the files of its role.
///
/// `tree` is the directory of a [`Role::Tree`] worker.
pub(crate) fn restrict(role: Role, tree: Option<BorrowedFd<'_>>) -> Result<(), SandboxError> {
    let (mut rules, level) = create()?;
    match (role, tree) {
        (Role::Tree, Some(directory)) => {
            rules = rules.add_rule(PathBeneath::new(directory, AccessFs::ReadFile | AccessFs::ReadDir)).map_err(refused)?;
        }
        (Role::RenderOffice, _) => rules = office_rules(rules, level)?,
        (Role::Tree | Role::Read | Role::Inspect | Role::Render | Role::Verify, _) => {}
    }
    enforce(rules)
}

fn create() -> Result<(RulesetCreated, ABI), SandboxError> {
    let mut last = None;
    for level in LEVELS {
        match ruleset(level) {
            Ok(rules) => return Ok((rules, level)),
            Err(error) => last = Some(error),
        }
    }
    Err(SandboxError::Landlock(last.map_or_else(String::new, |error| error.to_string())))
}

fn ruleset(level: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::from_all(level))?;
    let network = AccessNet::from_all(level);
    if !network.is_empty() {
        rules = rules.handle_access(network)?;
    }
    let scopes = Scope::from_all(level);
    if scopes.is_empty() { rules.create() } else { rules.scope(scopes)?.create() }
}

fn office_rules(mut rules: RulesetCreated, level: ABI) -> Result<RulesetCreated, SandboxError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // Nobody needs to run what lies in the work directory, or to make device nodes there.
    let work = AccessFs::from_all(level) & !(AccessFs::Execute | AccessFs::MakeBlock | AccessFs::MakeChar | AccessFs::IoctlDev);
    for path in root::readable() {
        let file_or_directory = if path.is_dir() { read } else { BitFlags::from(AccessFs::ReadFile) };
        rules = allow(rules, path.as_path(), file_or_directory)?;
    }
    for (path, access) in [
        (root::OFFICE_PROGRAMS, read | AccessFs::Execute),
        (root::LOADER, AccessFs::ReadFile | AccessFs::Execute),
        (root::WORK, work),
        ("/dev/null", AccessFs::ReadFile | AccessFs::WriteFile),
    ] {
        rules = allow(rules, std::path::Path::new(path), access)?;
    }
    Ok(rules)
}

fn allow(rules: RulesetCreated, path: &std::path::Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, SandboxError> {
    let opened = PathFd::new(path).map_err(|error| SandboxError::Landlock(error.to_string()))?;
    rules.add_rule(PathBeneath::new(opened, access)).map_err(refused)
}

fn enforce(rules: RulesetCreated) -> Result<(), SandboxError> {
    match rules.restrict_self() {
        Ok(RestrictionStatus { ruleset: RulesetStatus::FullyEnforced, no_new_privs: true, .. }) => Ok(()),
        Ok(status) => Err(SandboxError::Landlock(format!("{:?}", status.ruleset))),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: RulesetError) -> SandboxError {
    SandboxError::Landlock(error.to_string())
}

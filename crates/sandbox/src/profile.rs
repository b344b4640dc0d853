//! Seccomp filters from the text files in `profiles/`.
//!
//! A line is `NAME [when ARG & MASK == VALUE [and …]] [= ACTION]  # who needs it`; several lines for one name are
//! alternatives. Actions are `errno NAME` (refused, and the caller can go on: for what runtimes and libraries try
//! harmlessly) and `kill` (the call does not take place; the stub is told its number and ends the worker); without one the
//! call is allowed. `default ACTION` is for every
//! call no line allows. `include base`, as the first statement, begins with that profile; own lines for a call replace its
//! lines for the call.
//!
//! **Invariant**: what a profile does not name is never allowed.

use crate::{Role, SandboxError, sys};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, sock_filter,
};
use std::{collections::BTreeMap, os::fd::OwnedFd};
use syscalls::Sysno;

/// A profile file by name and text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    name: &'static str,
    text: &'static str,
}

const BASE: Source = Source { name: "base", text: include_str!("../profiles/base.profile") };
/// The filter of the stub.
pub(crate) const STUB: Source = Source { name: "stub", text: include_str!("../profiles/stub.profile") };
/// The filter of `schleuse-mountd`.
pub(crate) const MOUNTD: Source = Source { name: "mountd", text: include_str!("../profiles/mountd.profile") };

/// The filter of a role.
pub(crate) const fn of(role: Role) -> Source {
    let (name, text) = match role {
        Role::Tree => ("tree", include_str!("../profiles/tree.profile")),
        Role::Read => ("read", include_str!("../profiles/read.profile")),
        Role::Inspect => ("inspect", include_str!("../profiles/inspect.profile")),
        Role::Render => ("render", include_str!("../profiles/render.profile")),
        Role::RenderOffice => ("render-office", include_str!("../profiles/render-office.profile")),
        Role::Verify => ("verify", include_str!("../profiles/verify.profile")),
    };
    Source { name, text }
}

/// Installs a profile in the calling thread, for good; its `kill` is the kernel's own.
pub(crate) fn install(source: Source) -> Result<(), SandboxError> {
    for program in read(source)?.programs(SeccompAction::KillProcess)? {
        seccompiler::apply_filter(&program).map_err(|error| SandboxError::Seccomp(error.to_string()))?;
    }
    Ok(())
}

/// Installs a profile in the calling thread, for good; its `kill` stops the caller and tells the returned listener.
///
/// Whoever holds the listener must end the process; a listener that closes makes such calls fail (`ENOSYS`).
pub(crate) fn install_telling(source: Source) -> Result<OwnedFd, SandboxError> {
    let mut listener = None;
    for program in read(source)?.programs(SeccompAction::Trace(TELL_MARK))? {
        let mut program: Vec<libc::sock_filter> = program.into_iter().map(telling).collect();
        if program.iter().any(|line| line.code == RETURN && line.k == libc::SECCOMP_RET_USER_NOTIF) {
            listener = Some(sys::install_with_listener(&mut program).map_err(|error| SandboxError::Seccomp(error.to_string()))?);
        } else {
            let program: BpfProgram =
                program.into_iter().map(|line| sock_filter { code: line.code, jt: line.jt, jf: line.jf, k: line.k }).collect();
            seccompiler::apply_filter(&program).map_err(|error| SandboxError::Seccomp(error.to_string()))?;
        }
    }
    listener.ok_or_else(|| SandboxError::Seccomp("the profile kills for nothing".into()))
}

/// `BPF_RET | BPF_K`.
const RETURN: u16 = 0x06;
/// Marks the answers of a program that are to become "tell"; seccompiler has no action of that name.
const TELL_MARK: u32 = 0x7e11;

/// A line of a program, with a marked answer made into `SECCOMP_RET_USER_NOTIF`.
fn telling(line: sock_filter) -> libc::sock_filter {
    let marked = line.code == RETURN && line.k == (libc::SECCOMP_RET_TRACE | TELL_MARK);
    libc::sock_filter { code: line.code, jt: line.jt, jf: line.jf, k: if marked { libc::SECCOMP_RET_USER_NOTIF } else { line.k } }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Allow,
    Errno(i32),
    Kill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Condition {
    argument: u8,
    mask: u64,
    value: u64,
}

#[derive(Debug)]
struct Line {
    call: Sysno,
    conditions: Vec<Condition>,
    action: Action,
}

#[derive(Debug)]
struct Profile {
    default: Action,
    lines: Vec<Line>,
}

/// Reads a profile. Its own lines for a call replace those of an included profile for that call.
fn read(source: Source) -> Result<Profile, SandboxError> {
    let mut profile = Profile { default: Action::Kill, lines: Vec::new() };
    let mut own = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        let statement = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = statement.split_whitespace().collect();
        let understood = match words.as_slice() {
            [] => Some(()),
            ["include", "base"] => {
                profile = read(BASE)?;
                Some(())
            }
            ["default", action @ ..] => parse_action(action).map(|action| profile.default = action),
            statement => parse_line(statement).map(|line| own.push(line)),
        };
        understood.ok_or(SandboxError::Profile { profile: source.name, line: index + 1 })?;
    }
    let is_own = |line: &Line| own.iter().any(|other| other.call == line.call);
    profile.lines.retain(|line| !is_own(line));
    profile.lines.extend(own);
    // One program of a process may have a listener, so a profile kills by default or by name.
    if profile.default == Action::Kill && profile.lines.iter().any(|line| line.action == Action::Kill) {
        return Err(SandboxError::Profile { profile: source.name, line: source.text.lines().count() });
    }
    Ok(profile)
}

fn parse_line(words: &[&str]) -> Option<Line> {
    let (name, mut rest) = words.split_first()?;
    let call = name.parse().ok()?;
    let mut conditions = Vec::new();
    while let ["when" | "and", argument, "&", mask, "==", value, after @ ..] = rest {
        conditions.push(Condition {
            argument: argument.parse().ok().filter(|number| *number < 6)?,
            mask: parse_number(mask)?,
            value: parse_number(value)?,
        });
        rest = after;
    }
    let action = match rest {
        [] => Action::Allow,
        ["=", action @ ..] => parse_action(action)?,
        _ => return None,
    };
    Some(Line { call, conditions, action })
}

fn parse_action(words: &[&str]) -> Option<Action> {
    match words {
        ["kill"] => Some(Action::Kill),
        ["errno", name] => Some(Action::Errno(match *name {
            "EACCES" => libc::EACCES,
            "EAGAIN" => libc::EAGAIN,
            "ENOENT" => libc::ENOENT,
            "ENOSYS" => libc::ENOSYS,
            "ENOTTY" => libc::ENOTTY,
            "EPERM" => libc::EPERM,
            _ => return None,
        })),
        _ => None,
    }
}

fn parse_number(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

impl Profile {
    /// The programs in the order in which they are to be installed.
    ///
    /// A seccompiler filter knows one action and a default, so there is one per action. The kernel runs all of them and
    /// takes the severest answer (`seccomp(2)`): the allow-list lets the other actions' calls through, and their own
    /// filters decide. The allow-list comes last, because it forbids installing filters.
    fn programs(&self, kill: SeccompAction) -> Result<Vec<BpfProgram>, SandboxError> {
        let meaning = |action| match action {
            Action::Allow => SeccompAction::Allow,
            Action::Errno(number) => SeccompAction::Errno(number as u32),
            Action::Kill => kill.clone(),
        };
        let mut actions: Vec<Action> = self.lines.iter().map(|line| line.action).filter(|action| *action != Action::Allow).collect();
        actions.sort_unstable();
        actions.dedup();
        let mut programs = Vec::new();
        for action in actions {
            let rules = rules(self.lines.iter().filter(|line| line.action == action))?;
            programs.push(program(rules, SeccompAction::Allow, meaning(action))?);
        }
        let allowed = rules(self.lines.iter())?;
        programs.push(program(allowed, meaning(self.default), SeccompAction::Allow)?);
        Ok(programs)
    }
}

fn rules<'a>(lines: impl Iterator<Item = &'a Line>) -> Result<BTreeMap<i64, Vec<SeccompRule>>, SandboxError> {
    let mut rules: BTreeMap<i64, Option<Vec<SeccompRule>>> = BTreeMap::new();
    for line in lines {
        let alternatives = rules.entry(i64::from(line.call.id())).or_insert_with(|| Some(Vec::new()));
        if line.conditions.is_empty() {
            // Without a condition the call always matches, whatever other lines say.
            *alternatives = None;
        } else if let Some(alternatives) = alternatives {
            alternatives.push(rule(&line.conditions)?);
        }
    }
    Ok(rules.into_iter().map(|(call, alternatives)| (call, alternatives.unwrap_or_default())).collect())
}

fn rule(conditions: &[Condition]) -> Result<SeccompRule, SandboxError> {
    let conditions = conditions
        .iter()
        .map(|condition| {
            SeccompCondition::new(condition.argument, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(condition.mask), condition.value)
        })
        .collect::<Result<Vec<_>, _>>();
    conditions.and_then(SeccompRule::new).map_err(|error| SandboxError::Seccomp(error.to_string()))
}

fn program(rules: BTreeMap<i64, Vec<SeccompRule>>, otherwise: SeccompAction, on_match: SeccompAction) -> Result<BpfProgram, SandboxError> {
    TargetArch::try_from(std::env::consts::ARCH)
        .and_then(|arch| SeccompFilter::new(rules, otherwise, on_match, arch))
        .and_then(BpfProgram::try_from)
        .map_err(|error| SandboxError::Seccomp(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(source: Source, name: &str) -> Vec<Action> {
        let call: Sysno = name.parse().unwrap();
        let profile = read(source).unwrap();
        profile.lines.iter().filter(|line| line.call == call).map(|line| line.action).collect()
    }

    #[test]
    fn every_profile_compiles() {
        for source in Role::ALL.map(of).into_iter().chain([STUB, MOUNTD]) {
            assert!(!read(source).unwrap().programs(SeccompAction::KillProcess).unwrap().is_empty());
        }
    }

    #[test]
    fn no_role_is_allowed_what_escapes_are_made_of() {
        for role in Role::ALL {
            for name in [
                "ptrace",
                "mount",
                "bpf",
                "unshare",
                "setns",
                "io_uring_setup",
                "process_vm_readv",
                "keyctl",
                "userfaultfd",
                "open_by_handle_at",
                "fork",
                "vfork",
                "init_module",
                "chroot",
            ] {
                let actions = actions(of(role), name);
                assert!(actions.iter().all(|action| *action == Action::Kill), "{role:?} {name}: {actions:?}");
            }
        }
    }

    #[test]
    fn only_the_office_role_starts_programs() {
        for role in Role::ALL {
            let allowed = actions(of(role), "execve").contains(&Action::Allow);
            assert_eq!(allowed, role == Role::RenderOffice);
        }
    }

    #[test]
    fn every_rule_says_who_needs_it() {
        for source in Role::ALL.map(of).into_iter().chain([BASE, STUB, MOUNTD]) {
            for line in source.text.lines().filter(|line| !line.trim().is_empty()) {
                assert!(line.contains("# "), "{}: {line}", source.name);
            }
        }
    }

    #[test]
    fn malformed_lines_are_errors_with_their_number() {
        for text in [
            "nosuchcall",
            "\nread = maybe",
            "mmap when 9 & 1 == 0",
            "mmap when 1 & x == 0",
            "default",
            "include nothing",
            "default kill\nptrace = kill",
        ] {
            let source = Source { name: "test", text };
            let error = read(source).unwrap_err();
            assert!(matches!(error, SandboxError::Profile { line, .. } if line == text.lines().count()), "{text}");
        }
    }
}

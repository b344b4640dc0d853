//! What no worker can do.

use crate::common::{MIB, ask, limits, program, read_only_input, start};
use sandbox::{Attempt, Exit, Limits, Outcome, Role, probe};
use std::{
    os::fd::AsFd,
    process::{Command, Stdio},
};

#[test]
fn every_attempt_fails_in_every_role() {
    for role in Role::ALL {
        let limits = Limits { memory_bytes: 512 * MIB, processes: 16, ..limits() };
        let results = probe(program(), role, &limits, Attempt::all()).unwrap();
        assert_eq!(results.len(), Attempt::all().filter(|attempt| attempt.is_forbidden_to(role)).count());
        let escaped: Vec<_> = results.iter().filter(|result| !result.outcome.held()).collect();
        assert!(escaped.is_empty(), "{role:?}: {escaped:?}");
    }
}

/// Were the attempts made wrongly, their failing would prove nothing.
#[test]
#[expect(clippy::disallowed_methods, reason = "the attempts without confinement, each in a process of its own")]
fn the_same_attempts_succeed_where_nothing_confines_them() {
    let failed: Vec<Attempt> = Attempt::possible_unconfined()
        .filter(|attempt| {
            let process = Command::new(program()).arg(format!("unconfined:{}", attempt.as_str())).stdin(Stdio::null()).status();
            // A process that executed another program says that one's code; one that is traced or so ends all the same.
            !process.unwrap().success()
        })
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert!(Attempt::possible_unconfined().count() >= 50);
}

#[test]
fn the_forbidden_call_is_known_by_its_number() {
    let results = probe(program(), Role::Render, &limits(), Attempt::all()).unwrap();
    let killed = results.iter().filter(|result| result.outcome == Outcome::Killed).count();
    assert!(killed > 80, "{killed}");
    let exit = started_for(Role::Verify, "trace");
    assert_eq!((exit, exit.to_string().as_str()), (Exit::Forbidden(101), "signal 31 (SIGSYS), system call 101 (ptrace)"));
    // Also for a program that the worker has started.
    let exit = started_for(Role::RenderOffice, "bpf");
    assert_eq!(exit.to_string(), "signal 31 (SIGSYS), system call 321 (bpf)");
}

/// How a worker ends that makes one attempt when it is told to.
fn started_for(role: Role, attempt: &str) -> Exit {
    let limits = Limits { memory_bytes: 512 * MIB, processes: 16, ..limits() };
    ask(start(role, &limits), &format!("attempt {attempt}"), None).1
}

#[test]
fn memory_over_the_limit_is_not_had() {
    let (answer, exit) = ask(start(Role::Inspect, &limits()), &format!("allocate {}", 512 * MIB), None);
    assert_eq!((answer.as_str(), exit), ("", Exit::OutOfMemory));
    let (answer, exit) = ask(start(Role::Inspect, &limits()), &format!("allocate {}", 64 * MIB), None);
    assert_eq!((answer, exit), (format!("allocated {}", 64 * MIB), Exit::Code(0)));
}

#[test]
fn the_input_is_readable_and_not_writable() {
    for role in [Role::Read, Role::Inspect, Role::Render, Role::Verify] {
        let input = read_only_input(b"pages");
        let (answer, exit) = ask(start(role, &limits()), "read-input", Some(input.as_fd()));
        assert_eq!((answer.as_str(), exit), ("pages", Exit::Code(0)));
        let (answer, exit) = ask(start(role, &limits()), "write-input", Some(input.as_fd()));
        assert_eq!(exit, Exit::Code(122), "{answer}");
        assert!(answer.contains("Bad file descriptor"), "{answer}");
    }
}

#[test]
fn only_the_office_role_runs_a_program() {
    let (answer, _) = ask(start(Role::Render, &limits()), "run /bin/sh", None);
    assert!(answer.contains("Only the render-office role"), "{answer}");
}

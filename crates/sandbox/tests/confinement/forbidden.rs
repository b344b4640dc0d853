//! What no worker can do.

use crate::common::{MIB, ask, limits, program, read_only_input, start};
use sandbox::{Attempt, Exit, Limits, Outcome, Role, probe};
use std::os::fd::AsFd;

const SIGABRT: i32 = 6;

#[test]
fn every_attempt_fails_in_every_role() {
    for role in Role::ALL {
        let limits = Limits { memory_bytes: 512 * MIB, processes: 16, ..limits() };
        let results = probe(program(), role, &limits).unwrap();
        let forbidden = Attempt::ALL.iter().filter(|a| a.is_forbidden_to(role));
        assert_eq!(results.len(), forbidden.count());
        for result in results {
            assert!(result.outcome.held(), "{role:?}: {result:?}");
        }
    }
}

#[test]
fn what_only_an_attack_does_ends_the_worker() {
    let results = probe(program(), Role::Render, &limits()).unwrap();
    for attempt in [Attempt::Execute, Attempt::Trace, Attempt::Mount, Attempt::TcpSocket, Attempt::ExecutableMemory, Attempt::Kill] {
        let result = results.iter().find(|r| r.attempt == attempt).unwrap();
        assert_eq!(result.outcome, Outcome::Killed, "{attempt:?}");
    }
}

#[test]
fn memory_over_the_limit_is_not_had() {
    let (answer, exit) = ask(start(Role::Inspect, &limits()), &format!("allocate {}", 512 * MIB), None);
    assert_eq!((answer.as_str(), exit), ("", Exit::Signal(SIGABRT)));
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

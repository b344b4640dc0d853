//! How a worker ends, and what the supervisor sees of it.

use crate::common::{ask, limits, order, program, start};
use sandbox::{Exit, Limits, Role, SandboxError, spawn};
use std::{io::Read, path::Path};

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGSEGV: i32 = 11;
const SIGXCPU: i32 = 24;

#[test]
fn exit_codes_and_signals_reach_the_supervisor() {
    for (text, expected) in
        [("exit 0", Exit::Code(0)), ("exit 77", Exit::Code(77)), ("abort", Exit::Signal(SIGABRT)), ("fault", Exit::Signal(SIGSEGV))]
    {
        let (_, exit) = ask(start(Role::Verify, &limits()), text, None);
        assert_eq!(exit, expected, "{text}");
    }
}

#[test]
fn the_cpu_limit_ends_a_worker_and_says_so() {
    let limits = Limits { cpu_seconds: 1, ..limits() };
    let (_, exit) = ask(start(Role::Render, &limits), "spin", None);
    assert_eq!(exit, Exit::Signal(SIGXCPU));
}

#[test]
fn a_worker_dies_when_the_supervisors_end_closes() {
    let mut worker = start(Role::Read, &limits());
    order(&worker, "hold", None);
    let mut answers = worker.take_answers().unwrap();
    answers.read_exact(&mut [0; 7]).unwrap();
    worker.hang_up();
    assert_eq!(worker.wait().unwrap(), Exit::Signal(SIGKILL));
    // The answer pipe ends, so the confined process is gone as well, not only its stub.
    assert_eq!(answers.read(&mut [0]).unwrap(), 0);
}

#[test]
fn killing_the_stub_kills_the_confined_process() {
    let mut worker = start(Role::Read, &limits());
    order(&worker, "hold", None);
    let mut answers = worker.take_answers().unwrap();
    answers.read_exact(&mut [0; 7]).unwrap();
    worker.kill();
    assert_eq!(worker.wait().unwrap(), Exit::Signal(SIGKILL));
    assert_eq!(answers.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_dropped_worker_is_gone() {
    let mut worker = start(Role::Inspect, &limits());
    let pid = worker.pid();
    let mut answers = worker.take_answers().unwrap();
    drop(worker);
    assert_eq!(answers.read(&mut [0]).unwrap(), 0);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn waiting_has_a_time_limit() {
    let mut worker = start(Role::Inspect, &limits());
    let short = std::time::Duration::from_millis(20);
    assert_eq!(worker.wait_at_most(short).unwrap(), None);
    worker.kill();
    let long = std::time::Duration::from_secs(20);
    assert_eq!(worker.wait_at_most(long).unwrap(), Some(Exit::Signal(SIGKILL)));
}

#[test]
fn a_program_that_does_not_confine_itself_gets_no_job() {
    let error = spawn(Path::new("/bin/true"), Role::Read, &limits(), None).unwrap_err();
    assert!(matches!(error, SandboxError::NotConfined(Some(Exit::Code(0)))));
    let error = spawn(Path::new("/nowhere"), Role::Read, &limits(), None).unwrap_err();
    assert!(matches!(error, SandboxError::Start { .. }));
}

#[test]
fn a_worker_that_cannot_confine_says_why() {
    let file = std::fs::File::open("/dev/null").unwrap();
    let error = spawn(program(), Role::Tree, &limits(), Some(file.into())).unwrap_err();
    let SandboxError::Refused(sentence) = error else {
        panic!("{error:?}");
    };
    assert!(sentence.starts_with("The directory to be read"), "{sentence}");
    assert!(sentence.ends_with('.'), "{sentence}");
}

#[test]
fn a_directory_belongs_to_the_tree_role_only() {
    let root = || Some(std::fs::File::open("/").unwrap().into());
    for (role, root) in [(Role::Tree, None), (Role::Read, root())] {
        let error = spawn(program(), role, &limits(), root).unwrap_err();
        assert!(matches!(error, SandboxError::RootDescriptor));
    }
}

#[test]
fn a_worker_has_three_descriptors_and_no_environment() {
    // One descriptor of this process that is not close-on-exec, as a careless library would leave it.
    let stray = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&stray, rustix::io::FdFlags::empty()).unwrap();
    let (answer, exit) = ask(start(Role::Verify, &limits()), "inventory", None);
    assert_eq!(exit, Exit::Code(0));
    assert_eq!(answer, "[0, 1, 2] 0");
}

//! LibreOffice in its jail. It must be installed: a machine without it cannot do this work.

use crate::common::{MIB, ask, program, read_only_input, start};
use sandbox::{Exit, Limits, ResourceControl, Role, Worker, spawn};
use std::os::fd::AsFd;

const RTF: &[u8] = br"{\rtf1\ansi{\fonttbl{\f0 Liberation Serif;}}\f0 Eine Seite.\par}";

fn worker() -> Worker {
    let limits = Limits { cpu_seconds: 60, memory_bytes: 2048 * MIB, file_bytes: 64 * MIB, processes: 64 };
    spawn(program(), Role::RenderOffice, &limits, None).expect("LibreOffice must be installed (libreoffice-writer-nogui and its sisters)")
}

#[test]
fn documents_become_pdf() {
    for (name, document) in [("page.rtf", RTF), ("page.txt", b"Eine Zeile.\n".as_slice())] {
        let input = read_only_input(document);
        let (answer, exit) = ask(worker(), &format!("convert {name}"), Some(input.as_fd()));
        assert_eq!(exit, Exit::Code(0), "{answer}");
        assert!(answer.starts_with("%PDF- "), "{answer}");
    }
}

#[test]
fn only_the_work_directory_can_be_written_and_nothing_of_the_machine_read() {
    for order in [
        "write-file /new",
        "write-file /etc/new",
        "write-file /usr/lib/libreoffice/program/new",
        "read-file /etc/shadow",
        "read-file /proc/self/status",
        "read-file /dev/mem",
    ] {
        let (answer, exit) = ask(worker(), order, None);
        assert_eq!(exit, Exit::Code(122), "{order}: {answer}");
    }
    let (answer, _) = ask(worker(), "write-file /work/new", None);
    assert_eq!(answer, "written");
    let (answer, _) = ask(worker(), "read-file /etc/passwd", None);
    assert_eq!(answer, "nobody:x:65534:65534::/work:/nonexistent\n");
}

#[test]
fn no_other_program_starts() {
    for path in ["/bin/sh", "/usr/bin/true", "/usr/lib/libreoffice/share"] {
        let (answer, exit) = ask(worker(), &format!("run {path}"), None);
        assert_eq!(exit, Exit::Code(122), "{answer}");
        assert!(answer.contains("could not be started"), "{answer}");
    }
}

#[test]
fn the_wall_time_limit_ends_it_and_everything_it_started() {
    let (answer, exit) = ask(worker(), "run-briefly", None);
    assert_eq!(exit, Exit::Code(0), "{answer}");
    assert_eq!(answer, "Signal(14)");
}

#[test]
fn memory_and_files_together_are_one_account_where_there_are_control_groups() {
    let limits = Limits { cpu_seconds: 60, memory_bytes: 512 * MIB, file_bytes: 512 * MIB, processes: 64 };
    let (answer, exit) = ask(start(Role::RenderOffice, &limits), &format!("fill {}", 700 * MIB), None);
    match ResourceControl::in_force() {
        ResourceControl::ResourceLimits => assert_eq!((answer, exit), (format!("filled {}", 700 * MIB), Exit::Code(0))),
        ResourceControl::V1 { .. } | ResourceControl::V2(_) => assert_eq!(exit, Exit::OutOfMemory, "{answer}"),
    }
}

//! The tree role: everything below the descriptor, nothing else.

use crate::common::{ask, limits, program};
use sandbox::{Exit, Role, Worker, spawn};
use std::{
    fs::{self, File, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};
use tempfile::TempDir;

const OPENAT: u32 = 257;

fn medium() -> TempDir {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let root = outside.path().join("medium");
    fs::create_dir_all(root.join("deep/er")).unwrap();
    fs::write(root.join("letter.txt"), "dear").unwrap();
    fs::write(root.join("deep/er/note"), "inner").unwrap();
    symlink("../secret", root.join("up")).unwrap();
    symlink(outside.path().join("secret"), root.join("absolute")).unwrap();
    symlink("deep/er/note", root.join("inside")).unwrap();
    outside
}

fn worker(root: &Path) -> Worker {
    let directory = File::open(root).unwrap();
    spawn(program(), Role::Tree, &limits(), Some(directory.into())).unwrap()
}

#[test]
fn entries_below_are_read() {
    let outside = medium();
    let root = outside.path().join("medium");
    let (answer, exit) = ask(worker(&root), "list", None);
    assert_eq!(exit, Exit::Code(0), "{answer}");
    assert_eq!(answer, ".|..|absolute|deep|inside|letter.txt|up");
    for path in ["deep/er/note", "inside"] {
        let (answer, exit) = ask(worker(&root), &format!("read {path}"), None);
        assert_eq!((answer.as_str(), exit), ("inner", Exit::Code(0)));
    }
}

#[test]
fn nothing_outside_is_read() {
    let outside = medium();
    let root = outside.path().join("medium");
    for order in [
        "read ../secret".to_owned(),
        "read up".to_owned(),
        // Also not with a resolution that would allow it: then Landlock and the empty root refuse.
        "read-anywhere ../secret".to_owned(),
        "read-anywhere deep/../../secret".to_owned(),
        "read-anywhere up".to_owned(),
        "read-anywhere absolute".to_owned(),
        "stat ../secret".to_owned(),
        "stat up".to_owned(),
        format!("stat {}/secret", outside.path().display()),
        "read-anywhere /etc/passwd".to_owned(),
    ] {
        let (answer, exit) = ask(worker(&root), &order, None);
        assert_eq!(exit, Exit::Code(122), "{order}: {answer}");
        assert!(answer.starts_with("failed: "), "{order}: {answer}");
    }
    // To open for writing is an attack: nothing in this role ever does.
    let (_, exit) = ask(worker(&root), "write-file /new", None);
    assert_eq!(exit, Exit::Forbidden(OPENAT));
}

#[test]
fn root_reads_a_medium_of_any_owner() {
    let outside = medium();
    let root = outside.path().join("medium");
    let letter = root.join("letter.txt");
    fs::set_permissions(&letter, Permissions::from_mode(0o000)).unwrap();
    // Only root can give files away; for an ordinary user the file without permissions stays his own.
    if rustix::process::geteuid().is_root() {
        chown(&letter, Some(12345), Some(12345)).unwrap();
        fs::set_permissions(&root, Permissions::from_mode(0o700)).unwrap();
        chown(&root, Some(54321), Some(54321)).unwrap();
    }
    let (answer, exit) = ask(worker(&root), "read letter.txt", None);
    assert_eq!((answer.as_str(), exit), ("dear", Exit::Code(0)));
}

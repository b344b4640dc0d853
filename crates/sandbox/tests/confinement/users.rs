//! The same guarantees for an ordinary user.

use std::{os::unix::process::CommandExt, process::Command};

/// Debian's `nobody`.
const NOBODY: u32 = 65534;

#[test]
#[expect(clippy::disallowed_methods, reason = "starts this very test program again, as another user")]
fn an_ordinary_user_gets_the_same_confinement() {
    if !rustix::process::geteuid().is_root() {
        // Then all the other tests have just run as an ordinary user.
        return;
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program)
        .args(["--test-threads=2", "--skip", "an_ordinary_user"])
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/")
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("test result: ok. "), "{report}");
}

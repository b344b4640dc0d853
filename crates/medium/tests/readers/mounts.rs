//! Volumes filled by other programs' drivers: a loop device and a FUSE mount, both gone when the guard is.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Runs a program of the test's own.
pub fn call(program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    #[expect(clippy::disallowed_methods, reason = "makes the test's own image")]
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C.UTF-8").output()
}

/// Runs a program that must succeed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let done = call(program, arguments).unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A loop device on an image.
struct Loop(String);

impl Drop for Loop {
    fn drop(&mut self) {
        run("losetup", &["--detach", &self.0]);
    }
}

/// A mounted volume.
pub struct Mount {
    point: TempDir,
    _loop: Loop,
}

impl Mount {
    /// Mounts an image with a FUSE driver; says why where this machine does not let us.
    ///
    /// On a loop device, unmounting waits until the driver has written everything.
    pub fn new(image: &Path, driver: &str, options: &str) -> Result<Self, String> {
        let on = call("losetup", &["--find", "--show", image.to_str().unwrap()]).map_err(|error| format!("losetup: {error}"))?;
        if !on.status.success() {
            return Err(format!("no loop device: {}", String::from_utf8_lossy(&on.stderr)));
        }
        let device = Loop(String::from_utf8(on.stdout).unwrap().trim().to_owned());
        let point = tempfile::tempdir().unwrap();
        let arguments = ["-o", options, &device.0, point.path().to_str().unwrap()];
        let done = call(driver, &arguments).map_err(|error| format!("{driver}: {error}"))?;
        if !done.status.success() {
            return Err(format!("{driver}: {}", String::from_utf8_lossy(&done.stderr)));
        }
        Ok(Self { point, _loop: device })
    }

    pub fn root(&self) -> PathBuf {
        self.point.path().to_owned()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[self.point.path().to_str().unwrap()]);
    }
}

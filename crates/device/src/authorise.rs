//! Switching a USB device off: `authorized` = 0 unbinds every driver from it (kernel: `Documentation/usb/authorization.rst`).

use crate::facts::DeviceFacts;
use std::io;
use std::path::PathBuf;

/// A device could not be switched off.
#[derive(Debug, thiserror::Error)]
pub enum AuthoriseError {
    /// The kernel, or the rights of this user.
    #[error("the USB device could not be switched off ({path}: {source}); this takes root, or the rule in deploy/udev")]
    Refused {
        /// The file that was written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Switches the USB device of a disk off; says whether there was one.
///
/// # Errors
/// When sysfs does not take it.
pub fn deauthorise(facts: &DeviceFacts) -> Result<bool, AuthoriseError> {
    let Some(usb) = &facts.usb_device else { return Ok(false) };
    let path = usb.join("authorized");
    // Not created when absent: that would only happen in a directory that is no sysfs.
    let written =
        std::fs::OpenOptions::new().write(true).truncate(false).open(&path).and_then(|mut file| io::Write::write_all(&mut file, b"0"));
    written.map(|()| true).map_err(|source| AuthoriseError::Refused { path, source })
}

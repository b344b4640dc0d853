//! Passwords, recovery keys and passphrases from standard input or the terminal.
//!
//! **Invariant:** a secret is read into memory that is wiped, past the buffers of the standard library, and is not shown:
//! a terminal does not echo while it is typed.

use crate::settings::ConfigurationError;
use anyhow::Context as _;
use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::io::{Stdin, stdin};
use wire::{MAX_SECRET_BYTES, MAX_SECRETS, Secret};
use zeroize::Zeroizing;

/// Reads one secret a line until the end or an empty line.
///
/// # Errors
/// None at all, too many, one that is too long, or one that is not UTF-8: a [`ConfigurationError`] that does not show it.
pub fn from_stdin() -> anyhow::Result<Vec<Secret>> {
    let input = stdin();
    let refused = |what: &str| refused("--unlock-stdin", what);
    let _quiet =
        Quiet::begin(&input, "Passwords or recovery keys for encrypted volumes, one a line, then an empty line (nothing is shown):")?;
    let mut secrets = Vec::new();
    while let Some(line) = line(&input, "--unlock-stdin")? {
        if secrets.len() == MAX_SECRETS {
            return Err(refused(&format!("more than {MAX_SECRETS} lines")));
        }
        secrets.push(line);
    }
    if secrets.is_empty() { Err(refused("no line")) } else { Ok(secrets) }
}

/// The next line of standard input, for `option`.
///
/// # Errors
/// As [`from_stdin`].
pub fn next_line(option: &'static str) -> anyhow::Result<Secret> {
    let input = stdin();
    let _quiet = Quiet::begin(&input, &format!("{option} (nothing is shown):"))?;
    line(&input, option)?.ok_or_else(|| refused(option, "no line"))
}

/// A secret typed by a person; what is typed is not shown. `instead` is the option for where there is no terminal.
///
/// # Errors
/// No terminal, or as [`from_stdin`].
pub fn typed(prompt: &str, instead: &'static str) -> anyhow::Result<Secret> {
    let input = stdin();
    if !isatty(&input) {
        return Err(ConfigurationError(format!("standard input is no terminal; give {instead}")).into());
    }
    let _quiet = Quiet::begin(&input, prompt)?;
    line(&input, "the terminal")?.ok_or_else(|| refused("the terminal", "no line"))
}

fn refused(option: &str, what: &str) -> anyhow::Error {
    ConfigurationError(format!("{option}: standard input has {what}")).into()
}

/// The next line; `None` at the end and for an empty one.
fn line(input: &Stdin, option: &str) -> anyhow::Result<Option<Secret>> {
    let refused = |what: &str| refused(option, what);
    // In its full length at once: a buffer that grows leaves copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 1));
    let mut byte = Zeroizing::new([0u8; 1]);
    loop {
        match rustix::io::read(input, &mut byte[..]) {
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if line.len() > MAX_SECRET_BYTES => return Err(refused(&format!("a line of more than {MAX_SECRET_BYTES} bytes"))),
            Ok(_) => line.push(byte[0]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("standard input cannot be read"),
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    if line.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(&line).map_err(|_| refused("a line that is not UTF-8"))?;
    let secret = Secret::new(Zeroizing::new(text.to_owned()));
    secret.map(Some).ok_or_else(|| refused(&format!("a line of more than {MAX_SECRET_BYTES} bytes")))
}

/// A terminal that does not echo; as it was again when this is dropped.
struct Quiet<'a>(&'a Stdin, Option<Termios>);

impl<'a> Quiet<'a> {
    fn begin(input: &'a Stdin, prompt: &str) -> anyhow::Result<Self> {
        // What cannot be typed unseen is not asked for.
        let loud = "the terminal cannot be kept from showing what is typed; hand the keys over through a pipe or file";
        let before = isatty(input).then(|| tcgetattr(input).context(loud)).transpose()?;
        if let Some(before) = &before {
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            tcsetattr(input, OptionalActions::Now, &quiet).context(loud)?;
            eprintln!("{prompt}");
        }
        Ok(Self(input, before))
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.1 {
            let _ = tcsetattr(self.0, OptionalActions::Now, before);
        }
    }
}

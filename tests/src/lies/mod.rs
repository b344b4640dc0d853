//! A worker that lies, for the tests of what the line does about it (I6).
//!
//! Confined like the real one, or the supervisor would not talk to it. The content of an item names the lie: `LIE` is told
//! by every role that meets it, `ROLE: LIE` by that role only, anything else by none. Lies below the messages are in
//! [`below`], those in well-formed answers in [`answers`].

mod answers;
mod below;

use sandbox::{Confined, Limits, Role};
use std::fs::File;
use std::io::Read as _;
use std::process::ExitCode;
use wire::{Answer, Failure, FrameWriter, Request};

/// Content no role lies about.
pub const HONEST: &str = "honest";

/// Confines itself, then answers requests until the supervisor has heard enough.
#[expect(clippy::unwrap_used, reason = "a worker that cannot even lie fails the test by its end")]
pub fn serve(role: Role, limits: &Limits) -> ExitCode {
    let Ok(mut confined) = sandbox::confine(role, limits) else { return ExitCode::FAILURE };
    let mut out = FrameWriter::new(confined.answers().try_clone().unwrap());
    let mut raw = confined.answers().try_clone().unwrap();
    let mut job = 0;
    while let Ok(Some((request, input))) = wire::receive_request(confined.job()) {
        job += 1;
        let Some(mut input) = input.map(File::from) else {
            without_content(&confined, &request, &mut out);
            out.next_job();
            continue;
        };
        let mut content = Vec::new();
        input.read_to_end(&mut content).unwrap();
        let content = String::from_utf8_lossy(&content).into_owned();
        let lie = lie_of(&content, role);
        if lie == "hang up and stay" {
            drop((out, raw));
            *confined.answers() = input;
            wait(&mut confined);
            return ExitCode::SUCCESS;
        }
        if let Some(code) = below::end(lie, job, &mut confined, &mut raw) {
            return ExitCode::from(code);
        }
        if lie == "sends descriptors" {
            // Nobody reads what a worker says here; it must not even fill the supervisor's table of descriptors.
            for _ in 0..20 {
                wire::send_request(confined.job(), &Request::LoadRules(Vec::new()), Some(std::os::fd::AsFd::as_fd(&input))).unwrap();
            }
        }
        // A supervisor that has heard enough closes the pipe, which is an error here and the end.
        if answers::tell(lie, &content, &request, job, &mut out, &mut raw).is_err() {
            return ExitCode::SUCCESS;
        }
        out.next_job();
    }
    ExitCode::SUCCESS
}

/// What this role is to say about this content.
fn lie_of(content: &str, role: Role) -> &str {
    match content.split_once(": ") {
        Some((named, lie)) if named == role.as_str() => lie,
        Some((named, _)) if named.parse::<Role>().is_ok() => HONEST,
        _ => content,
    }
}

/// Requests without content: rules, of which a file named `broken` does not compile, and a directory, which is read as the
/// real worker reads it.
#[expect(clippy::unwrap_used, reason = "a worker that cannot even answer fails the test by its end")]
fn without_content(confined: &Confined, request: &Request, out: &mut FrameWriter<File>) {
    let answer = match request {
        Request::ReadTree { max_entries, max_depth, max_file_bytes } => {
            let limits = medium::ReadLimits { max_entries: *max_entries, max_depth: *max_depth, max_file_bytes: *max_file_bytes };
            medium::tree::read_tree(confined.root().unwrap(), limits, out).unwrap();
            Answer::Done
        }
        Request::LoadRules(rules) if rules.iter().any(|rule| rule.name == "broken") => {
            Answer::Failed { failure: Failure::Rules, number: 0 }
        }
        _ => Answer::Done,
    };
    out.control(&answer).unwrap();
}

/// Until the supervisor closes the job channel.
fn wait(confined: &mut Confined) {
    while let Ok(Some(_)) = wire::receive_request(confined.job()) {}
}

//! One file per group of commands.

mod doctor;
mod index;
mod look;
mod media;
mod process;
mod rules;
mod secrets;
mod watch;
mod wipe;

use crate::cli::{Audit, Cli, Command, Policy, Quarantine, Rules};
use crate::device::DeviceRefused;
use crate::settings::ConfigurationError;
use pipeline::StationFault;

/// Exit status of usage and configuration errors.
pub const USAGE: u8 = 2;
/// Exit status of station faults.
pub const FAULT: u8 = 3;
/// Exit status of a device that the policy refuses.
pub const REFUSED: u8 = 4;

/// Runs a command and gives its exit status.
pub fn run(cli: &Cli) -> anyhow::Result<u8> {
    match &cli.command {
        Command::Process(order) => process::run(order),
        Command::Audit(Audit::Verify { key, state }) => look::audit_verify(key.as_deref(), state),
        Command::Audit(Audit::Show { session, event, limit, state }) => {
            look::audit_show(session.as_deref(), event.as_deref(), *limit, state)
        }
        Command::Quarantine(Quarantine::List { session, state }) => look::quarantine_list(session.as_deref(), state),
        Command::Quarantine(Quarantine::Show { hold, state }) => look::quarantine_show(hold, state),
        Command::VerifyRelease(what) => look::verify_release(what),
        Command::Wipe(order) => wipe::run(order),
        Command::VerifyCertificate(what) => look::verify_certificate(what),
        Command::Policy(Policy::Explain { policy, state }) => look::policy_explain(policy, state),
        Command::Rules(Rules::Test { policy, state }) => rules::test(policy, state),
        Command::Media(what) => media::run(what),
        Command::Watch(wanted) => watch::run(wanted),
        Command::State(what) => index::run(what),
        Command::Find(what) => index::find(what),
        Command::Doctor(what) => doctor::run(what),
    }
}

/// Exit status of an error.
pub fn status_of(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<ConfigurationError>().is_some() {
        return USAGE;
    }
    if error.downcast_ref::<DeviceRefused>().is_some() {
        return REFUSED;
    }
    if error.downcast_ref::<::wipe::Refusal>().is_some() {
        return USAGE;
    }
    match error.downcast_ref::<StationFault>() {
        Some(_) | None => FAULT,
    }
}

/// Prints a value as JSON.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

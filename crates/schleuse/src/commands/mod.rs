//! One file per group of commands.

mod audit;
mod desk;
mod doctor;
mod index;
mod keys;
mod look;
mod media;
mod metrics;
mod process;
mod quarantine;
mod release;
mod retention;
mod retro;
mod reviewer;
mod rules;
mod secrets;
mod siem;
mod watch;
mod wipe;

use crate::cli::{Cli, Command, Policy, Rules};
use crate::device::DeviceRefused;
use crate::settings::ConfigurationError;
use ::audit::PublicKey;
use pipeline::StationFault;
use std::path::Path;

/// Exit status of usage and configuration errors.
pub const USAGE: u8 = 2;
/// Exit status of station faults.
pub const FAULT: u8 = 3;
/// Exit status of a session whose release waits for its target.
pub const WAITING: u8 = 6;
/// Exit status of a device that the policy refuses.
pub const REFUSED: u8 = 4;
/// Exit status of a person's request that is refused.
pub const REQUEST_REFUSED: u8 = 5;

/// Exit status when what was checked does not hold.
const BROKEN: u8 = 1;

/// Runs a command and gives its exit status.
pub fn run(cli: &Cli) -> anyhow::Result<u8> {
    match &cli.command {
        Command::Process(order) => process::run(order),
        Command::Audit(what) => audit::run(what),
        Command::Keys(what) => keys::run(what),
        Command::Quarantine(what) => quarantine::run(what),
        Command::Reviewer(what) => reviewer::run(what),
        Command::Retention(what) => retention::run(what),
        Command::Release(what) => release::run(what),
        Command::RetroHunt(hunt) => retro::run(hunt),
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
        Command::Siem(what) => siem::run(what),
        Command::Metrics(what) => metrics::print(what),
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
    if error.downcast_ref::<desk::RequestRefused>().is_some() {
        return REQUEST_REFUSED;
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

/// The key a person named, or the station's.
fn key_for(given: Option<&str>, state: &Path) -> anyhow::Result<PublicKey> {
    match given {
        Some(hex) => hex.parse().map_err(|_| ConfigurationError("--key wants 64 hexadecimal digits".into()).into()),
        None => PublicKey::load(state).map_err(|error| no_station(state, &error)),
    }
}

/// There is no station in the directory `state`.
fn no_station(state: &Path, error: &::audit::AuditError) -> anyhow::Error {
    ConfigurationError(format!("no station key in {}: {error}", state.display())).into()
}

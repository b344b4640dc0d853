//! `schleuse siem`.

use super::print_json;
use crate::cli::operations::Siem;
use crate::settings::{self, ConfigurationError};
use ::siem::{Forwarding, SiemError};
use audit::{Clock as _, PublicKey, SystemClock};
use model::Policy;
use serde_json::json;
use std::path::Path;

/// Exit status when something is not sent.
const QUEUED: u8 = 1;

pub fn run(what: &Siem) -> anyhow::Result<u8> {
    match what {
        Siem::Send { policy, state } => {
            let settings = settings::load(policy.policy.as_deref())?;
            let dir = settings::state_dir(state.state.as_deref())?;
            let outcome = ::siem::send_queued(&dir, &settings.policy.siem);
            told(outcome.sent, outcome.queued, outcome.failure, state.json)
        }
        Siem::Test { policy, state } => {
            let settings = settings::load(policy.policy.as_deref())?;
            let dir = settings::state_dir(state.state.as_deref())?;
            // Before the first start there is no key, and so no name yet.
            let station = PublicKey::load(&dir).map_or_else(|_| "-".to_owned(), |key| pipeline::station::station_name(&key));
            let time = pipeline::metrics::rfc3339_ms(SystemClock.now_unix_ms());
            let failure = ::siem::send_test(&settings.policy.siem, &station, &time).err();
            told(u64::from(failure.is_none()), 0, failure, state.json)
        }
    }
}

fn told(sent: u64, queued: u64, failure: Option<SiemError>, as_json: bool) -> anyhow::Result<u8> {
    if let Some(error) = failure.as_ref().filter(|error| error.is_configuration()) {
        return Err(ConfigurationError(error.to_string()).into());
    }
    let reason = failure.as_ref().map(ToString::to_string);
    if as_json {
        print_json(&json!({ "sent": sent, "queued": queued, "reason": reason }))?;
    } else {
        println!("{sent} sent, {queued} queued{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default());
    }
    Ok(if failure.is_some() { QUEUED } else { 0 })
}

/// Forwards from now on, where the policy names a collector.
pub fn start(state: &Path, policy: &Policy) -> anyhow::Result<Option<Forwarding>> {
    ::siem::start(state, &policy.siem).map_err(|error| ConfigurationError(error.to_string()).into())
}

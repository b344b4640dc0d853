//! Proof, at every start of the station, that its workers are confined: some of them try what must be impossible.

use crate::fault::StationFault;
use model::policy::WorkerPolicy;
use model::report::Confinement;
use sandbox::{Attempt, ResourceControl, Role};
use std::path::Path;

/// Has workers of every role make the [essential](Attempt::essential) attempts. Blocking, some hundred milliseconds.
///
/// # Errors
/// [`StationFault::NotConfined`] when one succeeds, [`StationFault::Confinement`] when the machine cannot confine at all.
pub fn prove(worker: &Path, policy: &WorkerPolicy) -> Result<Confinement, StationFault> {
    let attempts_denied = std::thread::scope(|scope| {
        // The time goes into starting processes, so two at a time pay even on a small machine.
        let halves = Role::ALL.chunks(Role::ALL.len().div_ceil(2));
        let proofs: Vec<_> = halves.map(|roles| scope.spawn(|| prove_roles(worker, policy, roles))).collect();
        proofs.into_iter().try_fold(0, |sum, proof| {
            let denied = proof.join().unwrap_or(Err(StationFault::Internal("proof of confinement")))?;
            Ok::<_, StationFault>(sum + denied)
        })
    })?;
    Ok(Confinement { resources: ResourceControl::in_force().to_string(), attempts_denied })
}

fn prove_roles(worker: &Path, policy: &WorkerPolicy, roles: &[Role]) -> Result<u32, StationFault> {
    let mut denied = 0;
    for role in roles {
        for result in sandbox::probe(worker, *role, &crate::workers::budget(policy, *role), Attempt::essential())? {
            if !result.outcome.held() {
                return Err(StationFault::NotConfined { role: role.as_str(), attempt: result.attempt.as_str() });
            }
            denied += 1;
        }
    }
    Ok(denied)
}

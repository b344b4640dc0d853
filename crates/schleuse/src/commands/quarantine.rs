//! `schleuse quarantine`.

mod decide;
mod look;
mod sample;

use super::desk::block_on;
use crate::cli::Quarantine;

pub fn run(command: &Quarantine) -> anyhow::Result<u8> {
    match command {
        Quarantine::List(wanted) => look::list(wanted),
        Quarantine::Show(wanted) => look::show(wanted),
        Quarantine::Stats(wanted) => look::stats(wanted),
        Quarantine::Approve(wanted) => block_on(decide::approve(wanted)),
        Quarantine::Reject(wanted) => block_on(decide::reject(wanted)),
        Quarantine::Destroy(wanted) => block_on(decide::destroy(wanted)),
        Quarantine::Export(wanted) => block_on(sample::export(wanted)),
        Quarantine::Rescan(wanted) => block_on(sample::rescan(wanted)),
    }
}

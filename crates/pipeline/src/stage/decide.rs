//! Decide: verdict and format table → what becomes of the item. Pure: no I/O, no worker.
//!
//! A named exception of reviewers changes this stage and no other, for one item: what no engine knows as hostile goes on. What
//! the format table withholds or strips stays withheld, because nothing here can rebuild it.

use super::{Shared, reason_of};
use crate::fault::StationFault;
use crate::line::Stage;
use model::format::Action;
use model::item::{Cleared, Item, Scanned, Step};
use model::{Format, Reason, Verdict};

/// The stage.
pub(crate) struct Decide(pub(crate) Shared);

impl Stage for Decide {
    type In = Scanned;
    type Out = Cleared;

    async fn run(&self, item: Item<Scanned>) -> Result<Step<Cleared>, StationFault> {
        let format = item.format();
        let action = self.0.settings.formats.action(format);
        let cleared = match self.0.granted(&item) {
            Some(granted) => item.cleared_by(action, &granted.exception),
            None => item.cleared(action),
        };
        let item = match cleared {
            Ok(item) => item,
            Err(item) => {
                // What is stripped whatever is in it is called so; the suspicion stays in the findings.
                let stripped = action == Action::Strip && item.verdict() == Verdict::Suspicious;
                let reason = if stripped { Reason::Stripped } else { reason_of(item.findings()) };
                return Ok(Step::Withhold(item.hold(reason, Some(format))));
            }
        };
        let reason = match action {
            Action::Convert | Action::Rebuild | Action::Unpack => return Ok(Step::Advance(item)),
            Action::Strip => Reason::Stripped,
            Action::Withhold => match format {
                Format::Empty => Reason::Empty,
                Format::Unknown => Reason::FormatUnknown,
                Format::OfficeEncrypted | Format::EncryptedContainer => Reason::Encrypted,
                _ => Reason::FormatWithheld,
            },
        };
        Ok(Step::Withhold(item.hold(reason, Some(format))))
    }
}

//! Strip: active content out of documents before the office suite sees them; listed by kind, name and count.

use super::{Shared, hold_for_trouble, own_removed};
use crate::fault::StationFault;
use crate::line::Stage;
use model::format::{Action, Family};
use model::item::{Cleared, Item, Step};

/// The stage.
pub(crate) struct Strip(pub(crate) Shared);

impl Stage for Strip {
    type In = Cleared;
    type Out = Cleared;

    async fn run(&self, mut item: Item<Cleared>) -> Result<Step<Cleared>, StationFault> {
        let format = item.format();
        let family = self.0.settings.formats.rule(format).map(|rule| rule.family);
        // PDF and images lose theirs by becoming pixels; only documents for the office suite are rewritten.
        if item.action() != Action::Convert || family != Some(Family::Office) {
            return Ok(Step::Advance(item));
        }
        let content = self.0.content(&item);
        let asked = self.0.blocking(move |shared| {
            let max = shared.settings.policy.convert.max_output_bytes;
            shared.inspectors.with(content.size_bytes, |inspector| inspector.strip(&content, format, max, &shared.spool))
        });
        match asked.await {
            Ok((stripped, removed)) => {
                item.add_removed(own_removed(removed));
                Ok(Step::Advance(item.stripped(stripped.digest)))
            }
            Err(trouble) => hold_for_trouble(item, trouble, Some(format)),
        }
    }
}

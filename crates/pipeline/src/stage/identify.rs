//! Identify: what the bytes are, and what YARA sees in them; one question to the confined inspector.

use super::{Shared, hold_for_trouble, listed, own_finding, own_removed};
use crate::fault::StationFault;
use crate::line::Stage;
use model::item::{Identified, Item, Spooled, Step};
use model::{Effect, Finding, FindingCode, Format};

/// The stage.
pub(crate) struct Identify(pub(crate) Shared);

impl Stage for Identify {
    type In = Spooled;
    type Out = Identified;

    async fn run(&self, mut item: Item<Spooled>) -> Result<Step<Identified>, StationFault> {
        let content = self.0.content(&item);
        let extension = item.provenance().claimed_extension.clone();
        let asked = self.0.blocking(move |shared| {
            let timeout = shared.inspectors.yara_timeout_seconds();
            shared.inspectors.with(content.size_bytes, |inspector| inspector.inspect(&content, &extension, timeout))
        });
        let inspected = match asked.await {
            Ok(inspected) => inspected,
            Err(trouble) => return hold_for_trouble(item, trouble, None),
        };
        let format = inspected.format;
        item.add_findings(listed(inspected.findings.into_iter().map(own_finding)));
        item.add_findings(self.0.yara_findings(inspected.yara, inspected.yara_complete));
        item.add_removed(own_removed(inspected.active));
        let claimed = &item.provenance().claimed_extension;
        if format != Format::Empty && !self.0.settings.formats.may_claim(format, claimed) {
            let detail = format!("claims {claimed}, is {format}");
            item.add_findings([Finding::own(FindingCode::FormatMismatch, Effect::Note, detail)]);
        }
        Ok(Step::Advance(item.identified(format)))
    }
}

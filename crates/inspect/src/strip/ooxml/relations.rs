//! Relationships of a package (ECMA-376 part 2, 9.3): which point outside, which to something that acts.

use super::super::package::{Source, filtered};
use super::super::{Removals, StripError};
use crate::xml::{Keep, attribute, each_element};
use model::ActiveContent;
use std::collections::{BTreeMap, BTreeSet};

/// One relationship, its target resolved.
#[derive(Debug, Clone)]
struct Relation {
    id: String,
    /// Last word of its type, lower case.
    kind: String,
    external: bool,
    /// Part name, lower case, for internal ones.
    target: String,
}

/// All relationship parts.
pub(super) struct Relations {
    bytes: BTreeMap<String, Vec<u8>>,
    by_owner: BTreeMap<String, Vec<Relation>>,
    /// Parts that go because of the relationship that leads to them, lower case.
    pub dropped_targets: BTreeMap<String, ActiveContent>,
}

impl Relations {
    pub(super) fn read(source: &mut Source<'_>) -> Result<Self, StripError> {
        let mut this = Self { bytes: BTreeMap::new(), by_owner: BTreeMap::new(), dropped_targets: BTreeMap::new() };
        for name in source.names.clone() {
            let Some(owner) = owner_of(&name.to_lowercase()) else {
                continue;
            };
            let bytes = source.read(&name)?;
            let mut list = Vec::new();
            each_element(&bytes, |element_name, element| {
                if element_name == "Relationship" {
                    let of = |attribute_name: &str| attribute(element, attribute_name).unwrap_or_default();
                    let kind = of("Type").rsplit('/').next().unwrap_or_default().to_lowercase();
                    let external = of("TargetMode").trim().eq_ignore_ascii_case("external");
                    let target = resolve(&owner, &of("Target").to_lowercase());
                    list.push(Relation { id: of("Id"), kind, external, target });
                }
            });
            for relation in list.iter().filter(|relation| !relation.external) {
                this.dropped_targets.extend(acting(&relation.kind).map(|kind| (relation.target.clone(), kind)));
            }
            this.by_owner.insert(owner, list);
            this.bytes.insert(name, bytes);
        }
        Ok(this)
    }

    /// Ids of the owner's relationships that go.
    pub(super) fn removed_of(&self, owner: &str, dropped: &BTreeMap<String, ActiveContent>) -> BTreeSet<String> {
        let list = self.by_owner.get(owner).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter(|relation| goes(relation, dropped)).map(|relation| relation.id.clone()).collect()
    }

    /// The relationship part without those that go.
    pub(super) fn rewrite(
        &self,
        name: &str,
        dropped: &BTreeMap<String, ActiveContent>,
        removals: &mut Removals,
    ) -> Result<Vec<u8>, StripError> {
        let bytes = self.bytes.get(name).ok_or(StripError::Malformed)?;
        let owner = owner_of(&name.to_lowercase()).ok_or(StripError::Malformed)?;
        let list = self.by_owner.get(&owner).map(Vec::as_slice).unwrap_or_default();
        let mut next = list.iter();
        filtered(bytes, name, removals, |element, removals| {
            if element.local_name().into_inner() != "Relationship" {
                return Keep::Yes;
            }
            match next.next() {
                Some(relation) if !goes(relation, dropped) => Keep::Yes,
                Some(relation) => {
                    if relation.external {
                        removals.count(external_kind(&relation.kind), None);
                    }
                    Keep::Drop
                }
                None => Keep::Drop,
            }
        })
    }
}

fn goes(relation: &Relation, dropped: &BTreeMap<String, ActiveContent>) -> bool {
    relation.external || acting(&relation.kind).is_some() || dropped.contains_key(&relation.target)
}

fn external_kind(kind: &str) -> ActiveContent {
    match kind {
        "hyperlink" => ActiveContent::Hyperlink,
        "attachedtemplate" => ActiveContent::RemoteTemplate,
        "image" => ActiveContent::RemoteImage,
        "oleobject" | "package" => ActiveContent::OleObject,
        "afchunk" => ActiveContent::AltChunk,
        _ => ActiveContent::ExternalLink,
    }
}

/// Relationship types whose targets act, wherever they lie and whatever they are called.
fn acting(kind: &str) -> Option<ActiveContent> {
    Some(match kind {
        "vbaproject" | "wordvbadata" | "vbaprojectsignature" | "vbaprojectsignatureagile" | "vbaprojectsignaturev3" => {
            ActiveContent::VbaMacros
        }
        "xlmacrosheet" | "xlintlmacrosheet" => ActiveContent::XlmMacros,
        "control" | "activexcontrolbinary" => ActiveContent::ActiveX,
        "oleobject" | "package" => ActiveContent::OleObject,
        "afchunk" => ActiveContent::AltChunk,
        "attachedtemplate" => ActiveContent::RemoteTemplate,
        "customxml" | "customxmlprops" => ActiveContent::CustomXml,
        "extensibility"
        | "customui"
        | "usercustomization"
        | "webextension"
        | "webextensiontaskpanes"
        | "keymapcustomizations"
        | "attachedtoolbars" => ActiveContent::CustomUi,
        "font" => ActiveContent::EmbeddedFont,
        "printersettings" => ActiveContent::PrinterSettings,
        "externallink" | "externallinkpath" | "frame" | "subdocument" => ActiveContent::ExternalLink,
        "connections" | "querytable" | "mailmergesource" | "mailmergeheadersource" => ActiveContent::DataConnection,
        _ => return None,
    })
}

/// The part a relationship part belongs to (`""` for the package), lower case; `None` for other parts.
pub(super) fn owner_of(name: &str) -> Option<String> {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let owner = file.strip_suffix(".rels")?;
    let parent = folder.strip_suffix("_rels")?;
    Some(format!("{parent}{owner}"))
}

fn resolve(owner: &str, target: &str) -> String {
    let folder = owner.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = target.strip_prefix('/').map_or_else(|| format!("{folder}/{target}"), str::to_owned);
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_and_targets() {
        assert_eq!(owner_of("_rels/.rels").as_deref(), Some(""));
        assert_eq!(owner_of("word/_rels/document.xml.rels").as_deref(), Some("word/document.xml"));
        assert_eq!(owner_of("word/document.xml"), None);
        assert_eq!(resolve("word/document.xml", "../customxml/item1.xml"), "customxml/item1.xml");
        assert_eq!(resolve("", "word/document.xml"), "word/document.xml");
        assert_eq!(resolve("xl/workbook.xml", "/xl/a.xml"), "xl/a.xml");
        assert_eq!(resolve("a", "../../../b"), "b");
    }
}

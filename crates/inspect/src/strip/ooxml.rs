//! Office Open XML (ECMA-376): parts that act go, relationships to them and to the outside go, the rest is written anew.

mod fields;
mod relations;

pub(super) use fields::{kind_of, reaches_out};

use super::package::{Source, Target, is_compound};
use super::{Removals, StripError};
use crate::content::Content;
use crate::xml::{self, Keep, attribute, each_element};
use model::ActiveContent;
use quick_xml::events::BytesStart;
use relations::Relations;
use std::collections::{BTreeMap, BTreeSet};

const TYPES_PART: &str = "[Content_Types].xml";

/// Main content types with macros, and the same without.
const MACRO_FREE: &[(&str, &str)] = &[
    (
        "application/vnd.ms-word.document.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    ),
    (
        "application/vnd.ms-word.template.macroEnabledTemplate.main+xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml",
    ),
    ("application/vnd.ms-excel.sheet.macroEnabled.main+xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"),
    (
        "application/vnd.ms-excel.template.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml",
    ),
    ("application/vnd.ms-excel.addin.macroEnabled.main+xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"),
    (
        "application/vnd.ms-powerpoint.presentation.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml",
    ),
    (
        "application/vnd.ms-powerpoint.slideshow.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
    ),
    (
        "application/vnd.ms-powerpoint.template.macroEnabled.main+xml",
        "application/vnd.openxmlformats-officedocument.presentationml.template.main+xml",
    ),
];

pub(super) fn strip(content: &mut Content, removals: &mut Removals, max_output_bytes: u64) -> Result<Vec<u8>, StripError> {
    let mut source = Source::open(content, max_output_bytes)?;
    let types_name = source.names.iter().find(|name| name.eq_ignore_ascii_case(TYPES_PART)).cloned().ok_or(StripError::Malformed)?;
    let types = source.read(&types_name)?;
    let kinds = content_types(&types);
    let relations = Relations::read(&mut source)?;
    let mut dropped: BTreeMap<String, ActiveContent> = relations.dropped_targets.clone();
    for name in &source.names {
        let lower = name.to_lowercase();
        if let Some(kind) = acting(&lower, kinds.get(&lower).map_or("", String::as_str)) {
            dropped.insert(lower, kind);
        }
    }
    let mut target = Target::new(max_output_bytes);
    target.add(TYPES_PART, &rewrite_types(&types, &dropped, removals)?, false)?;
    for name in source.names.clone() {
        let lower = name.to_lowercase();
        if lower == TYPES_PART.to_lowercase() {
            continue;
        }
        if let Some(kind) = dropped.get(&lower) {
            removals.count(*kind, Some(&name));
            continue;
        }
        let owner = relations::owner_of(&lower);
        if owner.as_ref().is_some_and(|owner| dropped.contains_key(owner)) {
            continue;
        }
        let bytes = if owner.is_some() { relations.rewrite(&name, &dropped, removals)? } else { source.read(&name)? };
        if is_compound(&bytes) {
            removals.count(ActiveContent::OleObject, Some(&name));
            continue;
        }
        let is_xml = lower.rsplit('.').next() == Some("xml")
            || lower.rsplit('.').next() == Some("vml")
            || kinds.get(&lower).is_some_and(|kind| kind.ends_with("+xml"));
        let bytes = if owner.is_none() && is_xml {
            let gone = relations.removed_of(&lower, &dropped);
            match rewrite_part(&bytes, &name, gone, removals) {
                // Excel writes drawings of comments and controls that are no XML; nothing but those is lost with them.
                Err(StripError::Malformed) if lower.rsplit('.').next() == Some("vml") => {
                    removals.count(ActiveContent::ActiveX, Some(&name));
                    continue;
                }
                outcome => outcome?,
            }
        } else {
            bytes
        };
        target.add(&name, &bytes, false)?;
    }
    target.finish()
}

/// Content type of each part, both lower case: overrides by name, the rest by extension is not needed here.
fn content_types(xml: &[u8]) -> BTreeMap<String, String> {
    let mut kinds = BTreeMap::new();
    each_element(xml, |name, element| {
        if name == "Override" {
            let pair = attribute(element, "PartName").zip(attribute(element, "ContentType"));
            kinds.extend(pair.map(|(part, kind)| (part.trim_start_matches('/').to_lowercase(), kind.to_lowercase())));
        }
    });
    kinds
}

/// Why a part must go, by its place and by what it says it is.
fn acting(name: &str, kind: &str) -> Option<ActiveContent> {
    let place = |part: &str| name.contains(part);
    let any = |parts: &[&str]| parts.iter().any(|part| kind.contains(part));
    let table = [
        (any(&["vbaproject", "vbadata"]) || place("vbaproject") || place("vbadata.xml"), ActiveContent::VbaMacros),
        (any(&["macrosheet"]) || place("/macrosheets/"), ActiveContent::XlmMacros),
        (any(&["activex"]) || place("/activex/"), ActiveContent::ActiveX),
        (any(&["oleobject", "officedocument.package"]) || place("/embeddings/"), ActiveContent::OleObject),
        (any(&["customxml"]) || name.starts_with("customxml/"), ActiveContent::CustomXml),
        (
            any(&["customui", "usercustomization", "webextension", "attachedtoolbars", "keymapcustomizations"])
                || place("customui/")
                || place("webextensions/")
                || place("attachedtoolbars"),
            ActiveContent::CustomUi,
        ),
        (
            any(&["obfuscatedfont", "x-fontdata", "x-font-ttf"])
                || name.rsplit('.').next() == Some("odttf")
                || name.rsplit('.').next() == Some("fntdata"),
            ActiveContent::EmbeddedFont,
        ),
        (any(&["printersettings"]) || place("/printersettings/"), ActiveContent::PrinterSettings),
        (any(&["externallink"]) || place("/externallinks/"), ActiveContent::ExternalLink),
        (
            any(&["connections", "querytable", "ms-excel.model", "volatiledependencies"])
                || place("/querytables/")
                || name.ends_with("/connections.xml"),
            ActiveContent::DataConnection,
        ),
        (any(&["digital-signature"]) || name.starts_with("_xmlsignatures/"), ActiveContent::Metadata),
    ];
    table.iter().find(|(there, _)| *there).map(|(_, kind)| *kind)
}

fn rewrite_types(types: &[u8], dropped: &BTreeMap<String, ActiveContent>, removals: &mut Removals) -> Result<Vec<u8>, StripError> {
    super::package::filtered(types, TYPES_PART, removals, |element, _| {
        let part = attribute(element, "PartName").unwrap_or_default().trim_start_matches('/').to_lowercase();
        if dropped.contains_key(&part) {
            return Keep::Drop;
        }
        let kind = attribute(element, "ContentType").unwrap_or_default();
        let free = MACRO_FREE.iter().find(|(name, _)| name.eq_ignore_ascii_case(&kind)).map(|(_, free)| *free);
        let free = free.or_else(|| kind.to_lowercase().contains("vbaproject").then_some("application/octet-stream"));
        match free {
            Some(free) => {
                let mut other = xml::without(element, |name, _| name == "ContentType");
                other.push_attribute(("ContentType", free));
                Keep::As(other)
            }
            None => Keep::Yes,
        }
    })
}

/// Elements that are nothing without the relationship they name; readers stumble over them when it is gone.
const NEED_RELATION: &[&str] = &[
    "sheet",
    "externalReference",
    "altChunk",
    "attachedTemplate",
    "embedRegular",
    "embedBold",
    "embedItalic",
    "embedBoldItalic",
    "embeddedFont",
    "control",
    "regular",
    "bold",
    "italic",
    "boldItalic",
    "tablePart",
    "hlinkClick",
    "hlinkHover",
    "hlinkMouseOver",
];

fn rewrite_part(bytes: &[u8], name: &str, gone: BTreeSet<String>, removals: &mut Removals) -> Result<Vec<u8>, StripError> {
    let blank = fields::acting(bytes);
    for kind in blank.values() {
        removals.count(*kind, Some(name));
    }
    // Shared by the two closures: whether character data belongs to a field code or formula that goes.
    let instruction = std::cell::Cell::new(0usize);
    let formulas = fields::acting_formulas(bytes);
    let formula = std::cell::Cell::new(0usize);
    let mut counts: Vec<ActiveContent> = formulas.iter().map(|_| ActiveContent::Dde).collect();
    let (out, doctype) = xml::filter(
        bytes,
        |element| {
            let local = element.local_name().into_inner();
            match local {
                "instrText" | "delInstrText" => {
                    instruction.set(instruction.get() + 1);
                    return if blank.contains_key(&instruction.get()) { Keep::Drop } else { Keep::Yes };
                }
                "f" => {
                    formula.set(formula.get() + 1);
                    return if formulas.contains(&formula.get()) { Keep::Drop } else { Keep::Yes };
                }
                "fldSimple" => {
                    if let Some(kind) = attribute(element, "instr").and_then(|code| fields::kind_of(&code)) {
                        counts.push(kind);
                        return Keep::Unwrap;
                    }
                }
                "definedName" => {
                    let label = attribute(element, "name").unwrap_or_default().to_lowercase();
                    if label.contains("auto_open") || label.contains("auto_close") || label.contains("auto_activate") {
                        counts.push(ActiveContent::XlmMacros);
                        return Keep::Drop;
                    }
                }
                _ => {}
            }
            let needs = NEED_RELATION.contains(&local) && names_gone(element, &gone);
            if needs { Keep::Drop } else { without_handlers(element, &mut counts) }
        },
        || true,
    )?;
    for kind in counts {
        removals.count(kind, Some(name));
    }
    if doctype {
        removals.count(ActiveContent::XmlDoctype, Some(name));
    }
    Ok(out)
}

fn names_gone(element: &BytesStart<'_>, gone: &BTreeSet<String>) -> bool {
    ["id", "embed", "link"].iter().any(|name| {
        let mut attributes = element.attributes();
        attributes.with_checks(false).flatten().any(|attribute| {
            let key = attribute.key.into_inner();
            key.contains(':') && key.ends_with(&format!(":{name}")) && gone.contains(&xml::value_of(&attribute))
        })
    })
}

/// Attributes that call a macro or program when a shape is clicked.
fn without_handlers(element: &BytesStart<'_>, counts: &mut Vec<ActiveContent>) -> Keep {
    let acts = |name: &str, value: &str| {
        let action = name == "action"
            && (value.starts_with("ppaction://macro") || value.starts_with("ppaction://program") || value.starts_with("ppaction://ole"));
        action || matches!(name, "macro" | "onAction") && !value.is_empty()
    };
    let mut attributes = element.attributes();
    let any = attributes.with_checks(false).flatten().any(|attribute| acts(attribute.key.into_inner(), &xml::value_of(&attribute)));
    if !any {
        return Keep::Yes;
    }
    counts.push(ActiveContent::EventListener);
    Keep::As(xml::without(element, acts))
}

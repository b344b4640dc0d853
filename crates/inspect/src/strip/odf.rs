//! OpenDocument (ODF 1.3): macro libraries, event listeners, OLE objects, fonts and references to the outside.

use super::package::{Source, Target, filtered, is_compound};
use super::{Removals, StripError, ooxml};
use crate::content::Content;
use crate::xml::{self, Keep, attribute, each_element};
use model::ActiveContent;
use quick_xml::events::BytesStart;

const MANIFEST: &str = "META-INF/manifest.xml";

pub(super) fn strip(content: &mut Content, removals: &mut Removals, max_output_bytes: u64) -> Result<Vec<u8>, StripError> {
    let mut source = Source::open(content, max_output_bytes)?;
    let manifest = if source.names.iter().any(|name| name == MANIFEST) { source.read(MANIFEST)? } else { Vec::new() };
    if encrypted(&manifest) {
        return Err(StripError::Encrypted);
    }
    let mut target = Target::new(max_output_bytes);
    if source.names.iter().any(|name| name == "mimetype") {
        // First and not packed, as every reader expects it (part 2, 3.3).
        let mimetype = source.read("mimetype")?;
        target.add("mimetype", &mimetype, true)?;
    }
    let mut gone = Vec::new();
    for name in source.names.clone() {
        if name == MANIFEST || name == "mimetype" {
            continue;
        }
        if let Some(kind) = acting(&name.to_lowercase()) {
            removals.count(kind, Some(&name));
            gone.push(name);
            continue;
        }
        let bytes = source.read(&name)?;
        if is_compound(&bytes) {
            removals.count(ActiveContent::OleObject, Some(&name));
            gone.push(name);
            continue;
        }
        let is_xml = name.to_lowercase().ends_with(".xml") || name.to_lowercase().ends_with(".rdf");
        let bytes = if is_xml && !bytes.is_empty() { filtered(&bytes, &name, removals, decide)? } else { bytes };
        target.add(&name, &bytes, false)?;
    }
    if !manifest.is_empty() {
        let manifest = filtered(&manifest, MANIFEST, removals, |element, _| {
            let path = attribute(element, "full-path").unwrap_or_default();
            let entry = element.local_name().into_inner() == "file-entry";
            if entry && (gone.contains(&path) || acting(&path.to_lowercase()).is_some()) { Keep::Drop } else { Keep::Yes }
        })?;
        target.add(MANIFEST, &manifest, false)?;
    }
    target.finish()
}

fn encrypted(manifest: &[u8]) -> bool {
    let mut found = false;
    each_element(manifest, |name, _| {
        found |= matches!(name, "encryption-data" | "encrypted-key");
    });
    found
}

/// Why a member must go, by its place.
fn acting(name: &str) -> Option<ActiveContent> {
    let starts = |folder: &str| name.starts_with(folder) || name.contains(&format!("/{folder}"));
    if starts("basic/") || starts("scripts/") || starts("dialogs/") {
        Some(ActiveContent::OdfMacros)
    } else if starts("fonts/") {
        Some(ActiveContent::EmbeddedFont)
    } else if starts("configurations2/") {
        Some(ActiveContent::CustomUi)
    } else if starts("database/") || starts("forms/") || starts("reports/") {
        Some(ActiveContent::DataConnection)
    } else if name.starts_with("meta-inf/") && name.ends_with("signatures.xml") {
        Some(ActiveContent::Metadata)
    } else {
        None
    }
}

fn decide(element: &BytesStart<'_>, removals: &mut Removals) -> Keep {
    let local = element.local_name().into_inner();
    let whole = match local {
        "scripts" | "script" => Some(ActiveContent::OdfMacros),
        "event-listeners" | "event-listener" => Some(ActiveContent::EventListener),
        "dde-connection-decls" | "dde-source" | "dde-links" | "dde-link" => Some(ActiveContent::Dde),
        "table-source" | "section-source" | "cell-content-source" | "cell-range-source" => Some(ActiveContent::ExternalLink),
        "plugin" | "applet" | "floating-frame" => Some(ActiveContent::ActiveX),
        "object-ole" => Some(ActiveContent::OleObject),
        "connection-resource" | "database-source-sql" | "database-source-query" | "database-source-table" => {
            Some(ActiveContent::DataConnection)
        }
        "font-face-src" => Some(ActiveContent::EmbeddedFont),
        _ => None,
    };
    if let Some(kind) = whole {
        // A font's source is no font yet when it only names one.
        removals.count(kind, None);
        return Keep::Drop;
    }
    match local {
        "dde-connection" => {
            removals.count(ActiveContent::Dde, None);
            return Keep::Unwrap;
        }
        "execute-macro" => {
            removals.count(ActiveContent::EventListener, None);
            return Keep::Unwrap;
        }
        _ => {}
    }
    without_links(element, local, removals)
}

/// References that leave the package, and formulas that do.
fn without_links(element: &BytesStart<'_>, local: &str, removals: &mut Removals) -> Keep {
    let outside = |name: &str, value: &str| {
        let name = name.rsplit(':').next().unwrap_or_default();
        name == "href" && leaves(value) || name == "formula" && ooxml::reaches_out(value)
    };
    let mut found = Vec::new();
    let mut attributes = element.attributes();
    for item in attributes.with_checks(false).flatten() {
        let value = xml::value_of(&item);
        if outside(item.key.into_inner(), &value) {
            let formula = item.key.into_inner().ends_with("formula");
            found.push(if formula { ActiveContent::Dde } else { link_kind(local) });
        }
    }
    if found.is_empty() {
        return Keep::Yes;
    }
    for kind in found {
        removals.count(kind, None);
    }
    Keep::As(xml::without(element, outside))
}

fn link_kind(local: &str) -> ActiveContent {
    match local {
        "a" => ActiveContent::Hyperlink,
        "image" | "fill-image" | "background-image" => ActiveContent::RemoteImage,
        "template" => ActiveContent::RemoteTemplate,
        _ => ActiveContent::ExternalLink,
    }
}

/// Whether a reference points anywhere but into this package or document.
fn leaves(reference: &str) -> bool {
    let reference = reference.trim();
    let inside = reference.starts_with('#') || reference.is_empty();
    let scheme = reference.split(['/', '#', '?']).next().is_some_and(|first| first.contains(':'));
    !inside
        && (scheme
            || reference.starts_with("../")
            || reference.contains("/../")
            || reference.starts_with('/')
            || reference.starts_with('\\'))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{names_in, part_of, stripped};
    use super::*;
    use crate::identify::package::tests::package;
    use model::Format;

    #[test]
    fn macros_listeners_and_links_go() {
        let content = "<office:document-content xmlns:office='o'><office:scripts><office:script>x</office:script></office:scripts>\
            <text:p><office:event-listeners><script:event-listener xlink:href='vnd.sun.star.script:a'/></office:event-listeners>\
            <text:a xlink:href='http://x'>link</text:a><draw:image xlink:href='file:///etc/passwd'/><draw:image xlink:href='Pictures/1.png'/>\
            <text:dde-connection>value</text:dde-connection></text:p><table:table-cell table:formula=\"of:=DDE(&quot;cmd&quot;;&quot;/c&quot;;&quot;x&quot;)\"/>\
            </office:document-content>";
        let manifest = "<m:manifest><m:file-entry m:full-path='content.xml'/><m:file-entry m:full-path='Basic/x.xml'/></m:manifest>";
        let bytes = package(&[
            ("mimetype", "application/vnd.oasis.opendocument.text"),
            ("content.xml", content),
            ("Basic/x.xml", "<x/>"),
            ("Object 1", "\u{0}"),
            (MANIFEST, manifest),
        ]);
        let (out, removed) = stripped(bytes, Format::Odt).unwrap();
        assert_eq!(names_in(&out), ["mimetype", "content.xml", "Object 1", MANIFEST]);
        let content = part_of(&out, "content.xml");
        for gone in ["script", "http:", "passwd", "DDE", "event"] {
            assert!(!content.contains(gone), "{gone}: {content}");
        }
        assert!(content.contains(">link<") && content.contains("value") && content.contains("Pictures/1.png"));
        assert!(!part_of(&out, MANIFEST).contains("Basic"));
        for kind in [
            ActiveContent::OdfMacros,
            ActiveContent::EventListener,
            ActiveContent::Hyperlink,
            ActiveContent::RemoteImage,
            ActiveContent::Dde,
        ] {
            assert!(removed.iter().any(|r| r.kind == kind), "{kind:?}");
        }
    }

    #[test]
    fn encrypted_members_are_refused() {
        let manifest = "<m:manifest><m:file-entry><m:encryption-data/></m:file-entry></m:manifest>";
        let bytes = package(&[("mimetype", "application/vnd.oasis.opendocument.text"), (MANIFEST, manifest)]);
        assert!(matches!(stripped(bytes, Format::Odt), Err(StripError::Encrypted)));
    }

    #[test]
    fn inside_and_outside() {
        for inside in ["#a", "Pictures/x.png", "./Object 1", ""] {
            assert!(!leaves(inside), "{inside}");
        }
        for outside in [
            "http://x",
            "file:///x",
            "//server/x",
            "../other.odt",
            "/etc/passwd",
            "\\\\server\\x",
            "vnd.sun.star.script:x",
            " javascript:x",
        ] {
            assert!(leaves(outside), "{outside}");
        }
    }
}

//! What acts in a PDF (ISO 32000-1, 12.6 actions, 12.5 annotations, 7.11 files, 12.7 forms), counted over all objects.

use lopdf::{Dictionary, Document, LoadOptions, Object};
use model::ActiveContent;
use std::collections::BTreeMap;

// BOUND: one object stream; real ones hold a few hundred objects.
const MAX_STREAM_BYTES: usize = 64 << 20;
// BOUND: nesting of arrays and dictionaries inside one object.
const MAX_NESTING: u32 = 64;

/// What a look at the objects gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Look {
    /// Counts, in the order of [`ActiveContent`].
    Counted(Vec<(ActiveContent, u32)>),
    /// The empty password does not open it.
    Encrypted,
    /// The reader cannot make sense of it; nothing is known.
    Unreadable,
}

/// Walks every object once.
pub fn look(bytes: &[u8]) -> Look {
    let options = LoadOptions { max_decompressed_size: Some(MAX_STREAM_BYTES), ..LoadOptions::default() };
    let declared = bytes.windows(8).any(|window| window == b"/Encrypt");
    match Document::load_mem_with_options(bytes, options) {
        Ok(document) if document.trailer.has(b"Encrypt") && document.encryption_state.is_none() => Look::Encrypted,
        Ok(document) => Look::Counted(count(&document)),
        // Encrypted in a way the reader does not know (certificates, for one): nobody here opens it.
        Err(_) if declared => Look::Encrypted,
        Err(_) => Look::Unreadable,
    }
}

fn count(document: &Document) -> Vec<(ActiveContent, u32)> {
    let mut counts = BTreeMap::new();
    if document.trailer.has(b"Info") {
        counts.insert(ActiveContent::Metadata, 1);
    }
    for object in document.objects.values() {
        visit(object, 0, &mut counts);
    }
    counts.into_iter().collect()
}

fn visit(object: &Object, nesting: u32, counts: &mut BTreeMap<ActiveContent, u32>) {
    if nesting > MAX_NESTING {
        return;
    }
    match object {
        Object::Array(items) => items.iter().for_each(|item| visit(item, nesting + 1, counts)),
        Object::Dictionary(dictionary) => visit_dictionary(dictionary, nesting, counts),
        Object::Stream(stream) => visit_dictionary(&stream.dict, nesting, counts),
        _ => {}
    }
}

fn visit_dictionary(dictionary: &Dictionary, nesting: u32, counts: &mut BTreeMap<ActiveContent, u32>) {
    for kind in kinds(dictionary) {
        let sum = counts.entry(kind).or_insert(0);
        *sum = sum.saturating_add(1);
    }
    dictionary.iter().for_each(|(_, value)| visit(value, nesting + 1, counts));
}

fn name<'a>(dictionary: &'a Dictionary, key: &[u8]) -> &'a [u8] {
    dictionary.get(key).and_then(Object::as_name).unwrap_or_default()
}

fn kinds(dictionary: &Dictionary) -> Vec<ActiveContent> {
    let has = |key: &[u8]| dictionary.has(key);
    let action = name(dictionary, b"S");
    let subtype = name(dictionary, b"Subtype");
    let multimedia = matches!(subtype, b"RichMedia" | b"3D" | b"Movie" | b"Sound" | b"Screen")
        || matches!(action, b"Rendition" | b"Movie" | b"Sound" | b"RichMediaExecute");
    let annotation = has(b"Rect") && !subtype.is_empty() && !matches!(subtype, b"Link" | b"Widget") && !multimedia;
    let signature = name(dictionary, b"Type") == b"Sig" || has(b"ByteRange");
    [
        (action == b"JavaScript" || has(b"JS"), ActiveContent::PdfJavascript),
        (has(b"OpenAction"), ActiveContent::PdfOpenAction),
        (has(b"AA"), ActiveContent::PdfAdditionalActions),
        (action == b"Launch", ActiveContent::PdfLaunch),
        (action == b"URI", ActiveContent::PdfUri),
        (matches!(action, b"GoToR" | b"GoToE"), ActiveContent::PdfRemoteGoTo),
        (matches!(action, b"SubmitForm" | b"ImportData"), ActiveContent::PdfSubmitForm),
        (has(b"EF"), ActiveContent::PdfAttachment),
        (has(b"AcroForm"), ActiveContent::PdfForm),
        (has(b"XFA"), ActiveContent::PdfXfa),
        (multimedia, ActiveContent::PdfMultimedia),
        (annotation, ActiveContent::PdfAnnotation),
        (signature, ActiveContent::PdfSignature),
        (has(b"OCProperties"), ActiveContent::PdfOptionalContent),
        (has(b"FontFile") || has(b"FontFile2") || has(b"FontFile3"), ActiveContent::EmbeddedFont),
        (has(b"Metadata"), ActiveContent::Metadata),
    ]
    .into_iter()
    .filter_map(|(there, kind)| there.then_some(kind))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lopdf::dictionary;

    fn document(catalog: Dictionary, more: Vec<Dictionary>) -> Vec<u8> {
        let mut document = Document::with_version("1.7");
        let pages = document.add_object(dictionary! { "Type" => "Pages", "Kids" => Vec::<Object>::new(), "Count" => 0 });
        let mut root = catalog;
        root.set("Type", "Catalog");
        root.set("Pages", pages);
        let root = document.add_object(root);
        for dictionary in more {
            document.add_object(dictionary);
        }
        document.trailer.set("Root", root);
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn actions_and_annotations_are_counted() {
        let javascript = dictionary! { "S" => "JavaScript", "JS" => Object::string_literal("app.alert(1)") };
        let bytes = document(
            dictionary! { "OpenAction" => javascript, "AcroForm" => dictionary! { "XFA" => Object::Null } },
            vec![
                dictionary! { "S" => "URI", "URI" => Object::string_literal("http://x") },
                dictionary! { "S" => "Launch" },
                dictionary! { "Type" => "Filespec", "EF" => Object::Null },
                dictionary! { "Subtype" => "Text", "Rect" => Vec::<Object>::new() },
            ],
        );
        let Look::Counted(counts) = look(&bytes) else { panic!("not read") };
        for kind in [
            ActiveContent::PdfJavascript,
            ActiveContent::PdfOpenAction,
            ActiveContent::PdfUri,
            ActiveContent::PdfLaunch,
            ActiveContent::PdfAttachment,
            ActiveContent::PdfForm,
            ActiveContent::PdfXfa,
            ActiveContent::PdfAnnotation,
        ] {
            assert!(counts.contains(&(kind, 1)), "{kind:?} in {counts:?}");
        }
    }

    #[test]
    fn rubbish_is_unreadable_and_unknown_encryption_encrypted() {
        assert_eq!(look(b"%PDF-1.7\nnothing"), Look::Unreadable);
        assert_eq!(look(b"%PDF-1.7\ntrailer <</Encrypt 3 0 R>>"), Look::Encrypted);
    }
}

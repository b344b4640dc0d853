//! XML of packages: brought to UTF-8, walked event by event. No document type is ever expanded.

use encoding_rs::Encoding;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, Writer, XmlVersion};

/// Decodes a part as its mark or declaration says; `None` when its bytes are not that encoding.
///
/// Readers disagree about encodings; after this there is one, and the declaration (left out by the writer) cannot lie.
pub(crate) fn to_utf8(bytes: &[u8]) -> Option<String> {
    let (encoding, skip) = Encoding::for_bom(bytes).unwrap_or_else(|| (declared(bytes), 0));
    let (text, broken) = encoding.decode_without_bom_handling(bytes.get(skip..)?);
    (!broken).then(|| text.into_owned())
}

fn declared(bytes: &[u8]) -> &'static Encoding {
    let wide = |first: &[u8]| bytes.starts_with(first);
    if wide(b"<\0") {
        return encoding_rs::UTF_16LE;
    }
    if wide(b"\0<") {
        return encoding_rs::UTF_16BE;
    }
    let start = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    let declaration = String::from_utf8_lossy(start);
    let name = declaration.strip_prefix("<?xml").and_then(|rest| rest.split("?>").next()).and_then(|rest| rest.split("encoding").nth(1));
    let name = name.and_then(|rest| rest.split(['"', '\'']).nth(1));
    name.and_then(|name| Encoding::for_label(name.as_bytes())).unwrap_or(encoding_rs::UTF_8)
}

/// Calls `visit` with the local name of every start tag; stops at the first error.
pub(crate) fn each_element(xml: &[u8], mut visit: impl FnMut(&str, &BytesStart<'_>)) {
    let Some(text) = to_utf8(xml) else { return };
    let mut reader = Reader::from_str(&text);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                visit(element.local_name().into_inner(), &element);
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Value of the attribute with this local name, character references resolved.
pub(crate) fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = element.attributes();
    let found = attributes.with_checks(false).flatten().find(|attribute| attribute.key.local_name().into_inner() == name)?;
    Some(value_of(&found))
}

/// The value as a reader sees it; as written, where it does not resolve.
pub(crate) fn value_of(attribute: &Attribute<'_>) -> String {
    attribute.normalized_value(XmlVersion::Implicit1_0).map_or_else(|_| attribute.value.to_string(), |value| value.into_owned())
}

/// What a filter does with an event.
pub(crate) enum Keep {
    /// Passes.
    Yes,
    /// Goes; children of a start tag stay, its end tag goes with it.
    Unwrap,
    /// Goes, with everything inside.
    Drop,
    /// Passes with another start tag.
    As(BytesStart<'static>),
}

/// Why a part cannot be filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum XmlError {
    /// Not well-formed, not in its encoding, nested beyond reason, or declaring entities.
    Malformed,
}

// BOUND: deeper than any office document; keeps readers behind us from recursing to death.
const MAX_DEPTH: usize = 1000;

/// Copies a part, asking `decide` about each start tag (`true`: empty) and `text` about each piece of character data.
/// Returns the new part and whether a document type without entities was left out.
pub(crate) fn filter(
    xml: &[u8],
    mut decide: impl FnMut(&BytesStart<'_>) -> Keep,
    mut keep_text: impl FnMut() -> bool,
) -> Result<(Vec<u8>, bool), XmlError> {
    let text = to_utf8(xml).ok_or(XmlError::Malformed)?;
    let mut reader = Reader::from_str(&text);
    let mut writer = Writer::new(Vec::with_capacity(text.len()));
    writer.get_mut().extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n");
    let mut unwrapped: Vec<bool> = Vec::new();
    let mut dropping = 0usize;
    let mut doctype = false;
    loop {
        let event = reader.read_event().map_err(|_| XmlError::Malformed)?;
        match event {
            Event::Eof => break,
            Event::Start(_) if dropping > 0 => dropping += 1,
            Event::End(_) if dropping > 0 => dropping -= 1,
            Event::DocType(declared) if declared.contains_entities() => {
                return Err(XmlError::Malformed);
            }
            Event::DocType(_) => doctype = true,
            _ if dropping > 0 => {}
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            Event::Start(element) => {
                if unwrapped.len() >= MAX_DEPTH {
                    return Err(XmlError::Malformed);
                }
                let keep = decide(&element);
                unwrapped.extend((!matches!(keep, Keep::Drop)).then_some(matches!(keep, Keep::Unwrap)));
                match keep {
                    Keep::Yes => write(&mut writer, Event::Start(element))?,
                    Keep::As(other) => write(&mut writer, Event::Start(other))?,
                    Keep::Unwrap => {}
                    Keep::Drop => dropping = 1,
                }
            }
            Event::Empty(element) => match decide(&element) {
                Keep::Yes => write(&mut writer, Event::Empty(element))?,
                Keep::As(other) => write(&mut writer, Event::Empty(other))?,
                Keep::Unwrap | Keep::Drop => {}
            },
            Event::End(end) => {
                if unwrapped.pop() != Some(true) {
                    write(&mut writer, Event::End(end))?;
                }
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                if keep_text() {
                    write(&mut writer, event)?;
                }
            }
        }
    }
    if dropping > 0 || !unwrapped.is_empty() { Err(XmlError::Malformed) } else { Ok((writer.into_inner(), doctype)) }
}

fn write(writer: &mut Writer<Vec<u8>>, event: Event<'_>) -> Result<(), XmlError> {
    writer.write_event(event).map_err(|_| XmlError::Malformed)
}

/// Whether a document type has anything inside its brackets that could name other bytes.
trait Declares {
    fn contains_entities(&self) -> bool;
}

impl Declares for quick_xml::events::BytesText<'_> {
    fn contains_entities(&self) -> bool {
        self.contains("<!ENTITY") || self.contains('%')
    }
}

/// The element without the attributes `unwanted` picks (by qualified name and value).
pub(crate) fn without(element: &BytesStart<'_>, mut unwanted: impl FnMut(&str, &str) -> bool) -> BytesStart<'static> {
    let mut other = BytesStart::new(element.name().into_inner().to_owned());
    let mut attributes = element.attributes();
    for attribute in attributes.with_checks(false).flatten() {
        if !unwanted(attribute.key.into_inner(), &value_of(&attribute)) {
            other.push_attribute(attribute);
        }
    }
    other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(xml: &[u8]) -> Result<String, XmlError> {
        let decide = |element: &BytesStart<'_>| match element.local_name().into_inner() {
            "gone" => Keep::Drop,
            "open" => Keep::Unwrap,
            "link" => Keep::As(without(element, |name, value| name == "href" && value.starts_with("http"))),
            _ => Keep::Yes,
        };
        filter(xml, decide, || true).map(|(bytes, _)| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn elements_go_or_open_up() {
        let out = run(b"<?xml version='1.0'?><a>1<x:gone><a/>2</x:gone><open>3<b/></open><link href='&#104;ttp://x' k='v'/></a>").unwrap();
        assert!(out.ends_with("<a>13<b/><link k=\"v\"/></a>"), "{out}");
    }

    #[test]
    fn encodings_become_one() {
        let wide: Vec<u8> = "<a>\u{e4}</a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(run(&wide).unwrap().ends_with("<a>\u{e4}</a>"));
        assert!(run(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE4</a>").unwrap().ends_with("<a>\u{e4}</a>"));
        assert_eq!(run(b"<a>\xE4</a>"), Err(XmlError::Malformed));
    }

    #[test]
    fn entities_and_depth_are_refused() {
        assert_eq!(run(b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"), Err(XmlError::Malformed));
        assert!(run(b"<!DOCTYPE a><a/>").unwrap().ends_with("<a/>"));
        assert_eq!(run("<a>".repeat(5000).as_bytes()), Err(XmlError::Malformed));
        assert_eq!(run(b"<a><b></a>"), Err(XmlError::Malformed));
        assert_eq!(run(b"<a><gone>"), Err(XmlError::Malformed));
    }
}

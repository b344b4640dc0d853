//! Field codes of WordprocessingML (ECMA-376 part 1, 17.16) and formulas of SpreadsheetML that reach outside.

use crate::xml::to_utf8;
use model::ActiveContent;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::{BTreeMap, BTreeSet};

/// What a field code does, by its first word; `None` for the harmless ones.
pub(in crate::strip) fn kind_of(code: &str) -> Option<ActiveContent> {
    let word: String = code.trim_start().chars().take_while(|c| !c.is_whitespace() && *c != '\\' && *c != '"').collect();
    Some(match word.to_uppercase().as_str() {
        "DDE" | "DDEAUTO" => ActiveContent::Dde,
        "INCLUDEPICTURE" | "IMPORT" => ActiveContent::RemoteImage,
        "INCLUDETEXT" | "INCLUDE" | "LINK" | "RD" => ActiveContent::ExternalLink,
        "HYPERLINK" => ActiveContent::Hyperlink,
        "DATABASE" => ActiveContent::DataConnection,
        "MACROBUTTON" => ActiveContent::EventListener,
        "CONTROL" => ActiveContent::ActiveX,
        "EMBED" => ActiveContent::OleObject,
        _ => return None,
    })
}

#[derive(Default)]
struct Field {
    code: String,
    instructions: Vec<usize>,
    /// Past its separator: what follows is the result.
    result: bool,
    /// Another field starts where its own code should: the code is put together when it runs.
    computed: bool,
}

/// Numbers (from 1, in document order) of the `instrText` elements that go, with why. One entry per field carries the
/// count: the others of the same field are entered too.
pub(super) fn acting(xml: &[u8]) -> BTreeMap<usize, ActiveContent> {
    let mut out = BTreeMap::new();
    let Some(text) = to_utf8(xml) else { return out };
    if !text.contains("instrText") && !text.contains("InstrText") {
        return out;
    }
    let mut reader = Reader::from_str(&text);
    let mut open: Vec<Field> = Vec::new();
    let (mut number, mut inside) = (0usize, false);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) | Err(_) => break,
            Ok(Event::Start(element)) if is_instruction(&element) => {
                number += 1;
                inside = true;
                match open.last_mut() {
                    Some(field) => field.instructions.push(number),
                    // A code outside any field is no field, and nobody needs it.
                    None => {
                        out.insert(number, ActiveContent::ExternalLink);
                    }
                }
            }
            Ok(Event::Empty(element)) if is_instruction(&element) => number += 1,
            Ok(Event::End(end)) if matches!(end.local_name().into_inner(), "instrText" | "delInstrText") => {
                inside = false;
            }
            Ok(Event::Start(element) | Event::Empty(element)) if element.local_name().into_inner() == "fldChar" => {
                mark(&element, &mut open, &mut out);
            }
            Ok(Event::Text(piece)) if inside => append(&mut open, &piece),
            Ok(Event::CData(piece)) if inside => append(&mut open, &piece),
            Ok(Event::GeneralRef(reference)) if inside => {
                let resolved = reference.resolve_char_ref().ok().flatten().map_or_else(|| "&".to_owned(), String::from);
                append(&mut open, &resolved);
            }
            Ok(_) => {}
        }
    }
    // Never closed: readers disagree about where it ends.
    for field in open {
        close(field, &mut out);
    }
    out
}

fn is_instruction(element: &BytesStart<'_>) -> bool {
    matches!(element.local_name().into_inner(), "instrText" | "delInstrText")
}

fn append(open: &mut [Field], piece: &str) {
    if let Some(field) = open.last_mut().filter(|field| !field.result && field.code.len() < 4096) {
        field.code.push_str(piece);
    }
}

fn mark(element: &BytesStart<'_>, open: &mut Vec<Field>, out: &mut BTreeMap<usize, ActiveContent>) {
    match crate::xml::attribute(element, "fldCharType").as_deref() {
        Some("begin") => {
            if let Some(outer) = open.last_mut().filter(|field| !field.result && field.code.trim().is_empty()) {
                outer.computed = true;
            }
            // BOUND: deeper nesting is dropped as computed by its outermost field.
            if open.len() < 100 {
                open.push(Field::default());
            }
        }
        Some("separate") => {
            if let Some(field) = open.last_mut() {
                field.result = true;
            }
        }
        Some("end") => {
            if let Some(field) = open.pop() {
                close(field, out);
            }
        }
        _ => {}
    }
}

fn close(field: Field, out: &mut BTreeMap<usize, ActiveContent>) {
    let kind = if field.computed { Some(ActiveContent::Dde) } else { kind_of(&field.code) };
    out.extend(kind.into_iter().flat_map(|kind| field.instructions.iter().map(move |number| (*number, kind))));
}

/// Numbers (from 1) of the `f` elements whose formula calls something outside the sheet.
pub(super) fn acting_formulas(xml: &[u8]) -> BTreeSet<usize> {
    let mut out = BTreeSet::new();
    let Some(text) = to_utf8(xml) else { return out };
    let mut reader = Reader::from_str(&text);
    let mut number = 0;
    let mut formula: Option<String> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) | Err(_) => return out,
            Ok(Event::Start(element)) if element.local_name().into_inner() == "f" => {
                number += 1;
                formula = Some(String::new());
            }
            Ok(Event::Empty(element)) if element.local_name().into_inner() == "f" => number += 1,
            Ok(Event::End(end)) if end.local_name().into_inner() == "f" => {
                if formula.take().is_some_and(|text| reaches_out(&text)) {
                    out.insert(number);
                }
            }
            Ok(Event::Text(piece)) => append_to(&mut formula, &piece),
            Ok(Event::CData(piece)) => append_to(&mut formula, &piece),
            Ok(Event::GeneralRef(reference)) => {
                append_to(&mut formula, &reference.resolve_char_ref().ok().flatten().map_or_else(|| "&".to_owned(), String::from));
            }
            Ok(_) => {}
        }
    }
}

fn append_to(formula: &mut Option<String>, piece: &str) {
    if let Some(text) = formula {
        text.push_str(piece);
    }
}

/// DDE (`server|topic!item`) and functions that fetch or call.
pub(in crate::strip) fn reaches_out(formula: &str) -> bool {
    const CALLS: [&str; 8] = ["WEBSERVICE(", "DDE(", "CALL(", "REGISTER(", "REGISTER.ID(", "EXEC(", "RTD(", "IMAGE("];
    let upper = formula.to_uppercase();
    let dde = upper.split_once('|').is_some_and(|(_, rest)| rest.contains('!'));
    dde || CALLS.iter().any(|call| upper.contains(call))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(codes: &[&str]) -> String {
        let runs = codes.iter().fold(String::new(), |runs, code| runs + "<w:r><w:instrText>" + code + "</w:instrText></w:r>");
        format!(
            "<w:p><w:r><w:fldChar w:fldCharType=\"begin\"/></w:r>{runs}<w:r><w:fldChar w:fldCharType=\"separate\"/></w:r>x<w:r><w:fldChar w:fldCharType=\"end\"/></w:r></w:p>"
        )
    }

    #[test]
    fn codes_are_put_together() {
        assert_eq!(acting(field(&[" PAGE "]).as_bytes()).len(), 0);
        assert_eq!(acting(field(&["D", "DE", "AU&#84;O cmd"]).as_bytes()).values().collect::<Vec<_>>(), [&ActiveContent::Dde; 3]);
        assert_eq!(acting(field(&[" includepicture \"http://x\" "]).as_bytes()).values().next(), Some(&ActiveContent::RemoteImage));
        let nested = "<w:p><w:fldChar w:fldCharType=\"begin\"/><w:fldChar w:fldCharType=\"begin\"/><w:instrText>QUOTE 68</w:instrText><w:fldChar w:fldCharType=\"end\"/><w:instrText> x</w:instrText><w:fldChar w:fldCharType=\"end\"/></w:p>";
        assert_eq!(acting(nested.as_bytes()).keys().collect::<Vec<_>>(), [&2]);
    }

    #[test]
    fn formulas_that_reach_out() {
        let sheet = b"<c><f>SUM(A1:A2)</f></c><c><f>cmd|'/c calc'!A0</f></c><c><f>WEBSERVICE(&quot;http://x&quot;)</f></c>";
        assert_eq!(acting_formulas(sheet).into_iter().collect::<Vec<_>>(), [2, 3]);
    }
}

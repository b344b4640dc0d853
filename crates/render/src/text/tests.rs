use super::*;
use crate::verify::verify_text;

fn text_of(bytes: &[u8], format: Format) -> String {
    let rebuilt = rebuild_text(bytes.to_vec(), format, 1 << 20).unwrap();
    assert_eq!(verify_text(&rebuilt.bytes, format == Format::Csv), Ok(()), "{:?}", String::from_utf8_lossy(&rebuilt.bytes));
    String::from_utf8(rebuilt.bytes).unwrap()
}

fn txt(bytes: &[u8]) -> String {
    text_of(bytes, Format::Txt)
}

fn csv(text: &str) -> String {
    text_of(text.as_bytes(), Format::Csv)
}

fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn every_encoding_becomes_utf8() {
    let text = "Grüße, 東京 😀\n";
    assert_eq!(txt(text.as_bytes()), text);
    assert_eq!(txt(&[b"\xEF\xBB\xBF", text.as_bytes()].concat()), text);
    assert_eq!(txt(&utf16(&format!("\u{FEFF}{text}"), u16::to_le_bytes)), text);
    assert_eq!(txt(&utf16(&format!("\u{FEFF}{text}"), u16::to_be_bytes)), text);
    assert_eq!(txt(&utf16("Plain text without a mark\n", u16::to_le_bytes)), "Plain text without a mark\n");
    assert_eq!(txt(&utf16("Plain text without a mark\n", u16::to_be_bytes)), "Plain text without a mark\n");
    let mixed = "Plain at first. ".repeat(64) + &"東京".repeat(3_000);
    assert_eq!(txt(&utf16(&mixed, u16::to_le_bytes)), mixed);
    let utf32: Vec<u8> = format!("\u{FEFF}{text}").chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
    assert_eq!(txt(&utf32), text);
    assert_eq!(txt(b"Gr\xFC\xDFe \x80 5"), "Grüße € 5");
    assert_eq!(txt(b""), "");
}

#[test]
fn another_encoding_is_noted_and_utf8_is_not() {
    let findings = |bytes: &[u8]| rebuild_text(bytes.to_vec(), Format::Txt, 99).unwrap().findings.len();
    assert_eq!((findings("ü".as_bytes()), findings(b"\xFC")), (0, 1));
}

#[test]
fn controls_escapes_and_invisible_characters_vanish() {
    assert_eq!(txt(b"a\r\nb\rc\x0Cd\0e\x1B[31mf\x07\x7F\tg"), "a\nb\nc\nde[31mf\tg");
    assert_eq!(txt("if (x\u{202E}\u{2066}y\u{200B}\u{FEFF}\u{AD}z)\u{2028}\u{85}".as_bytes()), "if (xyz)\n\n");
    assert_eq!(txt("❤\u{FE0F}a\u{FE0F}\u{FE0F}".as_bytes()), "❤\u{FE0F}a");
    let rebuilt = rebuild_text(b"a\0\x1Bb".to_vec(), Format::Json, 99).unwrap();
    assert_eq!(rebuilt.removed, [RawRemoved { kind: ActiveContent::TextControls, name: None, count: 2 }]);
}

#[test]
fn the_output_limit_holds() {
    assert!(matches!(rebuild_text(vec![b'a'; 11], Format::Txt, 10), Err(RenderError::Output(10))));
    assert!(rebuild_text(vec![b'a'; 10], Format::Txt, 10).is_ok());
    // One byte of input may become three.
    assert!(matches!(rebuild_text(vec![0x80; 10], Format::Txt, 10), Err(RenderError::Output(10))));
}

#[test]
fn numbers_and_words_in_cells_stay_as_they_are() {
    for table in ["a,b\n1,-2\n+3.5,-4e-3\n-,--\n", "a;b\n-1,5;+2.000,75\n-7%;x-y\n", "a\tb\nq, r\ts\n"] {
        assert_eq!(csv(table), table);
    }
    assert_eq!(csv("a;b\nc;\"d\ne\"\n"), "a;b\nc;\"d\ne\"\n");
}

#[test]
fn formulas_lose_their_start() {
    assert_eq!(csv("=1+1,@SUM(A1),+49 30,-x\n"), "'=1+1,'@SUM(A1),'+49 30,'-x\n");
    assert_eq!(csv("a;\"=cmd|' /C calc'!A0\"\n"), "a;'=cmd|' /C calc'!A0\n");
    assert_eq!(csv("a,\"\t=1\",  =2\n"), "a,'\t'=1,'  =2\n");
    assert_eq!(csv("a,\u{FF1D}1\n"), "a,'\u{FF1D}1\n");
    let rebuilt = rebuild_text(b"=1,=2\n3,4".to_vec(), Format::Csv, 99).unwrap();
    assert_eq!(rebuilt.removed, [RawRemoved { kind: ActiveContent::CsvFormula, name: None, count: 2 }]);
}

#[test]
fn formulas_for_readers_that_split_elsewhere_lose_their_start_too() {
    assert_eq!(csv("a,b;=1\n"), "a,b;'=1\n");
    assert_eq!(csv("a,\"b\n=1\"\n"), "a,\"b\n'=1\"\n");
    assert_eq!(csv("a,\"b;\"\"=1\"\"\"\n"), "a,\"b;\"\"'=1\"\"\"\n");
    assert_eq!(csv("sep=|\nx|=1\n"), "x|'=1\n");
    assert_eq!(csv("sep=!\nx,y\n"), "x,y\n");
}

#[test]
fn unruly_tables_stay_tables() {
    assert_eq!(csv("a,b\nc\nd,e,f\n"), "a,b\nc\nd,e,f\n");
    assert!(csv("a,\"never closed\nb,c").contains("never closed"));
    assert_eq!(csv(""), "");
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_comes_in_the_verifier_accepts_what_goes_out(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            text_of(&bytes, Format::Txt);
            text_of(&bytes, Format::Csv);
        }

        #[test]
        fn no_formula_survives(table in "[a=+\\-@1,;|\t\" \n\r'.%eE]{0,40}") {
            csv(&table);
        }
    }
}

#[test]
fn a_separator_line_does_not_come_back() {
    for table in ["\nsep=|\na|1\n", "sep=|\n\nSEP=;\na|1\n", "\"sep=|\"\nsep=x\na|1\n"] {
        let rebuilt = rebuild_text(table.as_bytes().to_vec(), Format::Csv, 1_000).unwrap();
        assert_eq!(String::from_utf8_lossy(&rebuilt.bytes), "a|1\n", "{table:?}");
        assert_eq!(crate::verify::verify_text(&rebuilt.bytes, true), Ok(()));
    }
}

#[test]
fn a_number_with_an_odd_space_behind_it_is_no_number() {
    let rebuilt = rebuild_text("a,+2.5\u{A0}\n".into(), Format::Csv, 1_000).unwrap();
    assert_eq!(String::from_utf8_lossy(&rebuilt.bytes), "a,'+2.5\u{A0}\n");
    assert_eq!(crate::verify::verify_text(&rebuilt.bytes, true), Ok(()));
}

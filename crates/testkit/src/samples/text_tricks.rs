//! Texts that are read differently by different readers, or that act on the one who looks at them.

use crate::bits;
use crate::tree::{Expected, Sample};
use model::{Format, Reason};

const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Preise</title></head><body><h1>Preise</h1><p>Alles kostet 5 Euro.</p></body></html>\n";
const DRAWING: &str =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"60\" height=\"40\"><rect width=\"60\" height=\"40\" fill=\"#1f4e79\"/></svg>\n";
const PROGRAM: &str =
    "var shell = new ActiveXObject(\"WScript.Shell\");\nvar ordner = shell.SpecialFolders(\"Desktop\");\nshell.Run(\"calc.exe\");\n";
/// Trojan Source (CVE-2021-42574): what a reviewer sees as a comment is code, and the other way round.
const TROJAN_SOURCE: &str = "#include <stdio.h>\n\nint main(void)\n{\n    int pruefer = 0;\n    /*\u{202E} } \u{2066}if (pruefer)\u{2069} \u{2066} nur Pruefer */\n        printf(\"Freigabe erteilt.\\n\");\n    /* Ende \u{202E} { \u{2066}*/\n    return 0;\n}\n";
/// Window title, hyperlink and clipboard (OSC 0, 8, 52), colours and cursor (CSI), and the C1 control that begins as ESC does.
const TERMINAL: &str = "\u{1B}]0;Systemwartung\u{7}\u{1B}]8;;http://boese.example\u{1B}\\Handbuch\u{1B}]8;;\u{1B}\\\n\u{1B}]52;c;cm0gLXJmIH4=\u{7}\u{1B}[2J\u{1B}[1;1HAlles in Ordnung.\n\u{9B}31mrot\u{9B}0m \u{90}q\u{9C}\n";
/// Cells that begin a formula behind every separator, after quotes and blanks, and in forms that only look like a sign.
const FORMULAS: &str = "Artikel\tPreis\tAnmerkung\nSchraube\t=1+2\t@SUM(A1:A9)\n\"=HYPERLINK(\"\"http://boese.example\"\";\"\"Preis\"\")\"\t+49 30\t-2+3+A1\nMutter\t\" =1+1\"\t\"a;=2+2\"\nScheibe\t\u{FF1D}1+1\t\"\t=3\"\n";

pub(super) fn samples() -> Vec<Sample> {
    let at = |name: &str| format!("Technik/Texte aus dem Netz/{name}");
    let text = || Expected::rebuilt(Format::Txt);
    let note = "Grüße aus der Straße: 5 € je Stück, wie besprochen.\r\n";
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let four = |order: fn(u32) -> [u8; 4]| format!("\u{FEFF}{note}").chars().flat_map(|c| order(c as u32)).collect::<Vec<u8>>();
    let unmarked = note.chars().flat_map(|c| (c as u32).to_le_bytes()).collect::<Vec<u8>>();
    let mut broken = b"Messwerte: 20,5 und 21,0 und 21,4 Grad.\nZuletzt: ".to_vec();
    broken.extend(b"\xC0\xAF \xE2\x82 \xED\xA0\x80 \xF8\x88 Ende.\n");
    vec![
        Sample::new(&at("UTF-16 BE.txt"), "Text in big-endian UTF-16 with a mark.", big(&format!("\u{FEFF}{note}")), text()),
        Sample::new(&at("UTF-16 ohne Marke.txt"), "Text in UTF-16 that does not say so.", bits::utf16le(&note.repeat(3)), text()),
        Sample::new(&at("UTF-32 LE.txt"), "Text in little-endian UTF-32 with a mark.", four(u32::to_le_bytes), text()),
        Sample::new(&at("UTF-32 BE.txt"), "Text in big-endian UTF-32 with a mark.", four(u32::to_be_bytes), text()),
        Sample::new(
            &at("UTF-32 ohne Marke.txt"),
            "Text in UTF-32 that does not say so.",
            unmarked,
            Expected::withheld(Reason::FormatUnknown, Format::Unknown),
        ),
        Sample::new(
            &at("UTF-7.txt"),
            "ASCII for most readers, a script for one that tries UTF-7.",
            "Bitte beachten: +ADw-script+AD4-alert(1)+ADw-/script+AD4-\n",
            Expected::withheld(Reason::Polyglot, Format::Txt),
        ),
        Sample::new(&at("Kaputt.txt"), "Text with sequences that UTF-8 forbids.", broken, text()),
        Sample::new(
            &at("Nullbytes.txt"),
            "Text with zero bytes, at which many readers stop.",
            *b"Sichtbar.\0Unsichtbar.\0\n",
            Expected::withheld(Reason::FormatUnknown, Format::Unknown),
        ),
        Sample::new(&at("Konsole.log"), "A log that takes over the terminal it is shown in.", super::texts::log(40) + TERMINAL, text()),
        Sample::new(&at("freigabe.c"), "Source code that reads differently than it compiles.", TROJAN_SOURCE, text()),
        Sample::new(
            &at("Stückliste.tsv"),
            "Formulas behind tabs, quotes, blanks and foreign separators.",
            FORMULAS,
            Expected::rebuilt(Format::Csv),
        ),
        Sample::new(&at("Preise.txt"), "A web page called text.", PAGE, Expected::withheld(Reason::FormatWithheld, Format::Html)),
        Sample::new(&at("Zeichnung.txt"), "A drawing called text.", DRAWING, Expected::rebuilt(Format::Svg)),
        Sample::new(&at("Funktion.txt"), "A script called text.", PROGRAM, Expected::withheld(Reason::Stripped, Format::ScriptJs)),
    ]
}

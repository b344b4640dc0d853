//! Text of every kind.

use crate::bits;
use crate::tree::{Expected, Sample};
use model::Format;

const NOTES: &str = "# Besprechung vom 15. Januar\n\n- Förderanlage: Angebot liegt vor\n- Schlüssel für Halle 3 übergeben\n\n> Nächster Termin: 29. Januar\n";
const CONFIGURATION: &str = "; Messstation Süd\n[Anschluss]\nport=COM3\nbaud=9600\n\n[Messung]\nintervall_s=60\neinheit=°C\n";
const MASTER_RECORDS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<kunden>\n  <kunde nr=\"4711\"><name>Müller &amp; Söhne GmbH</name><ort>Beispielhausen</ort></kunde>\n</kunden>\n";
const SOURCE: &str = "#include <stdio.h>\n\n/* Mittelwert der Messwerte einer Reihe. */\nstatic double mittelwert(const double *werte, int anzahl)\n{\n    double summe = 0.0;\n    for (int i = 0; i < anzahl; i++)\n        summe += werte[i];\n    return anzahl > 0 ? summe / anzahl : 0.0;\n}\n\nint main(void)\n{\n    const double reihe[] = { 20.5, 21.0, 21.4 };\n    printf(\"%.2f\\n\", mittelwert(reihe, 3));\n    return 0;\n}\n";
const ENTITIES: &str = "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [\n  <!ENTITY a \"Schleuse\">\n  <!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\n  <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">\n  <!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">\n  <!ENTITY e \"&d;&d;&d;&d;&d;&d;&d;&d;&d;&d;\">\n  <!ENTITY f \"&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;\">\n]>\n<lolz>&f;</lolz>\n";

/// A measuring log of `lines` lines.
pub(super) fn log(lines: u32) -> String {
    (0..lines)
        .map(|n| format!("2026-01-15T{:02}:{:02}:00+01:00 Messstation Süd: {}.{} °C\n", n / 60 % 24, n % 60, 18 + n % 7, n * 3 % 10))
        .collect()
}

pub(super) fn samples() -> Vec<Sample> {
    let at = |name: &str| format!("Technik/Messstation Süd/{name}");
    let umlauts = "Äpfel, Öl und Übergröße: 5 € je Stück.\r\n„Grüße“ aus der Straße – schön wär’s.\r\n";
    let mut utf16 = vec![0xFF, 0xFE];
    utf16.extend(bits::utf16le(umlauts));
    let json = "{\n  \"station\": \"Süd\",\n  \"werte\": [20.5, 21.0, 21.4],\n  \"geprüft\": true\n}\n";
    let bidi = "Zugriff: \u{202E}tlovrhov\u{202C} \u{2066}nur intern\u{2069}.\nFarbe: \u{1B}[31mrot\u{1B}[0m\n";
    vec![
        Sample::new(
            "Liesmich.txt",
            "Text in UTF-8.",
            format!("Dieser Stick gehört Erika Mustermann.\n{umlauts}"),
            Expected::rebuilt(Format::Txt),
        ),
        Sample::new(&at("Notizen.md"), "Markdown.", NOTES, Expected::rebuilt(Format::Txt)),
        Sample::new(&at("Messung.log"), "A log of 1,000 lines.", log(1_000), Expected::rebuilt(Format::Txt)),
        Sample::new(&at("Station.ini"), "A configuration file.", CONFIGURATION, Expected::rebuilt(Format::Txt)),
        Sample::new(&at("Werte.json"), "JSON.", json, Expected::rebuilt(Format::Json)),
        Sample::new(&at("Kunden.xml"), "XML.", MASTER_RECORDS, Expected::rebuilt(Format::Xml)),
        Sample::new(&at("mittelwert.c"), "Source code, which is text until somebody compiles it.", SOURCE, Expected::rebuilt(Format::Txt)),
        Sample::new(&at("Hinweis (UTF-16).txt"), "Text in UTF-16 with a byte order mark.", utf16, Expected::rebuilt(Format::Txt)),
        Sample::new(&at("Hinweis (Windows).txt"), "Text in Windows-1252.", bits::windows_1252(umlauts), Expected::rebuilt(Format::Txt)),
        Sample::new(
            &at("Zugriff.txt"),
            "Text with bidi overrides and terminal escapes, which do not come out.",
            bidi,
            Expected::rebuilt(Format::Txt),
        ),
        Sample::new(&at("Lange Zeile.txt"), "One line of 300,000 characters.", "Messwert ".repeat(33_334), Expected::rebuilt(Format::Txt)),
        Sample::new(
            &at("Entities.xml"),
            "XML whose entities would expand to a hundred thousand words; as text it is not expanded.",
            ENTITIES,
            Expected::rebuilt(Format::Xml),
        ),
    ]
}

//! Office documents and PDF files, honest and with what the line takes out or withholds.

use super::prose;
use crate::bits::Noise;
use crate::image;
use crate::office::{Cell, odf, ole, ooxml, rtf};
use crate::pdf;
use crate::program::eicar;
use crate::tree::{Expected, Sample};
use anyhow::Result;
use model::{Format, Reason};

/// The first `percent` per cent of bytes, as a transfer that broke off leaves them.
fn cut(bytes: &[u8], percent: usize) -> Vec<u8> {
    bytes.iter().copied().take(bytes.len() * percent / 100).collect()
}

pub(super) fn contracts() -> Result<Vec<Sample>> {
    let at = |name: &str| format!("Verträge und Angebote/{name}");
    let contract = pdf::pdf(&prose::CONTRACT);
    let [first, second, ..] = prose::CONTRACT;
    Ok(vec![
        Sample::new(
            &at("Rahmenvertrag Müller & Söhne.pdf"),
            "An ordinary PDF of five text pages.",
            contract.clone(),
            Expected::converted(Format::Pdf),
        ),
        Sample::new(
            &at("Standortbericht mit Foto.pdf"),
            "A PDF with an embedded photograph.",
            pdf::pdf_with_photo("Standortbericht\n\nDas Gelände liegt am Ufer des Sees; die Zufahrt ist befestigt.", second)?,
            Expected::converted(Format::Pdf),
        ),
        Sample::new(
            &at("Lieferschein eingescannt.pdf"),
            "A PDF that is only the picture of a page, without text.",
            pdf::pdf_scanned(&[&prose::DELIVERY_NOTE])?,
            Expected::converted(Format::Pdf),
        ),
        Sample::new(
            &at("Vollmacht.pdf"),
            "A PDF with JavaScript that runs when opened, an attachment and a form field.",
            pdf::pdf_with_active_content(first),
            Expected::converted(Format::Pdf),
        ),
        Sample::new(
            &at("Gehaltsvereinbarung (verschlüsselt).pdf"),
            "A PDF that nobody can look into without its password.",
            pdf::pdf_encrypted(first, "Sommer2026")?,
            Expected::withheld(Reason::Encrypted, Format::Pdf),
        ),
        Sample::new(
            &at("Rahmenvertrag (abgebrochen).pdf"),
            "A PDF whose transfer broke off after two fifths.",
            cut(&contract, 40),
            Expected::withheld(Reason::Malformed, Format::Pdf),
        ),
        Sample::new(
            &at("Angebot 2026-014.docx"),
            "An ordinary Word document of three pages.",
            ooxml::docx(&prose::OFFER),
            Expected::converted(Format::Docx),
        ),
        Sample::new(
            &at("Angebot 2026-014 (Entwurf).odt"),
            "An OpenDocument text of three pages.",
            odf::odt(&prose::OFFER),
            Expected::converted(Format::Odt),
        ),
        Sample::new(
            &at("Angebot 2026-014 (für alte Programme).rtf"),
            "Rich text of three pages.",
            rtf::rtf(&prose::OFFER),
            Expected::converted(Format::Rtf),
        ),
        Sample::new(
            &at("Angebot 2026-014 (abgebrochen).docx"),
            "A Word document whose transfer broke off: a ZIP without a directory.",
            cut(&ooxml::docx(&prose::OFFER), 60),
            Expected::withheld(Reason::Malformed, Format::Zip),
        ),
    ])
}

fn turnover() -> Vec<Vec<Cell>> {
    let mut rows = vec![["Monat", "Anlagenbau", "Wartung", "Summe"].map(Cell::text).to_vec()];
    let months = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"];
    for (index, month) in months.iter().enumerate() {
        let (plant, service) = (310_000 + index * 7_250, 140_000 + index * 3_100);
        let sum = Cell::Formula(format!("B{0}+C{0}", index + 2), (plant + service).to_string());
        rows.push(vec![Cell::text(month), Cell::number(plant), Cell::number(service), sum]);
    }
    rows
}

/// A package encrypted as a whole (MS-OFFCRYPTO 2.3.4.10): the outline, around noise.
fn encrypted_package() -> Result<Vec<u8>> {
    let mut info = b"\x04\0\x04\0\x40\0\0\0".to_vec();
    info.extend(
        b"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n<encryption xmlns=\"http://schemas.microsoft.com/office/2006/encryption\">\
          <keyData saltSize=\"16\" blockSize=\"16\" keyBits=\"256\" hashSize=\"64\" cipherAlgorithm=\"AES\" cipherChaining=\"ChainingModeCBC\" \
          hashAlgorithm=\"SHA512\" saltValue=\"AAECAwQFBgcICQoLDA0ODw==\"/></encryption>",
    );
    let mut package = 8_000u64.to_le_bytes().to_vec();
    package.extend(Noise::new(4711).bytes(8_000));
    ole::compound_file(&[("/EncryptionInfo", info), ("/EncryptedPackage", package)], None)
}

pub(super) fn bookkeeping() -> Result<Vec<Sample>> {
    let at = |name: &str| format!("Buchhaltung/Jahresabschluss 2025/{name}");
    let hidden = vec![vec![Cell::text("Rabatt intern"), Cell::number("0.18")]];
    let book = || ooxml::xlsx_package(&[("Umsätze", false, turnover()), ("Kalkulation", true, hidden.clone())]);
    let account = "Datum;Buchungstext;Betrag\r\n02.01.2026;Miete Büro;-2.400,00\r\n05.01.2026;Rechnung 4711, Müller & Söhne;1.850,00\r\n\
                   09.01.2026;\"Bürobedarf; Papier\";-89,90\r\n";
    let formulas = "Artikel;Preis;Bemerkung\r\nSchraube M8;0,12;=1+1\r\nMutter M8;0,08;@SUMME(A1:A9)\r\nScheibe;0,03;+49 30 123456\r\n\
                    Prospekt;0,00;\"=HYPERLINK(\"\"https://www.example.org/\"\";\"\"Prospekt\"\")\"\r\n";
    Ok(vec![
        Sample::new(
            &at("Umsätze 2025.xlsx"),
            "An ordinary workbook with formulas and a hidden sheet.",
            book().finish(),
            Expected::converted(Format::Xlsx),
        ),
        Sample::new(
            &at("Umsätze 2025.ods"),
            "An OpenDocument spreadsheet.",
            odf::ods(&[("Umsätze", turnover()), ("Notizen", vec![vec![Cell::text("Stand: Januar")]])]),
            Expected::converted(Format::Ods),
        ),
        Sample::new(
            &at("Altbestand 1999.xls"),
            "A workbook in the format of Excel 97.",
            ole::xls("Bestand", &turnover())?,
            Expected::converted(Format::Xls),
        ),
        Sample::new(
            &at("Kurse (verknüpft).xlsx"),
            "A workbook with links to another workbook and to a DDE server.",
            book().with_external_links("file:///C:/Preise/Preise 2026.xlsx", "Kursserver", "Aktien").finish(),
            Expected::converted(Format::Xlsx),
        ),
        Sample::new(
            &at("Kalkulation mit Makro.xlsm"),
            "A workbook with a harmless macro.",
            book().with_vba(&ole::harmless_vba("DieseArbeitsmappe")?).finish(),
            Expected::converted(Format::Xlsm),
        ),
        Sample::new(
            &at("Gehälter (Kennwort).xlsx"),
            "A workbook encrypted as a whole.",
            encrypted_package()?,
            Expected::withheld(Reason::Encrypted, Format::OfficeEncrypted),
        ),
        Sample::new(&at("Kontoauszug.csv"), "Values separated by semicolons.", account, Expected::rebuilt(Format::Csv)),
        Sample::new(&at("Preisliste.csv"), "Cells that a spreadsheet would run as formulas.", formulas, Expected::rebuilt(Format::Csv)),
    ])
}

pub(super) fn presentations() -> Vec<Sample> {
    let slides = prose::slides();
    vec![
        Sample::new(
            "Präsentationen/Quartalsbericht.pptx",
            "An ordinary presentation.",
            ooxml::pptx(&slides),
            Expected::converted(Format::Pptx),
        ),
        Sample::new(
            "Präsentationen/Quartalsbericht.odp",
            "An OpenDocument presentation.",
            odf::odp(&slides),
            Expected::converted(Format::Odp),
        ),
    ]
}

pub(super) fn letters() -> Result<Vec<Sample>> {
    let at = |name: &str| format!("Schriftverkehr/{name}");
    let photo = image::jpeg_of(640, 480, image::landscape(640, 480))?;
    let mail = "From: Jürgen Müller <mueller@example.org>\r\nTo: Erika Mustermann <mustermann@example.com>\r\nSubject: Angebot\r\n\
                Date: Thu, 15 Jan 2026 12:00:00 +0100\r\nMessage-ID: <4711@example.org>\r\nMIME-Version: 1.0\r\n\
                Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nSehr geehrte Frau Mustermann,\r\n\
                anbei unser Angebot.\r\nMit freundlichen Grüßen\r\nJürgen Müller\r\n";
    let page = "<!DOCTYPE html>\n<html lang=\"de\"><head><meta charset=\"utf-8\"><title>Rundbrief</title></head>\n<body><h1>Rundbrief</h1>\
                <p>Grüße aus Musterstadt.</p><img src=\"https://zaehler.example.org/pixel.gif\" alt=\"\"></body></html>\n";
    Ok(vec![
        Sample::new(
            &at("Einladung.docm"),
            "A Word document with a harmless macro.",
            ooxml::docx_package(&prose::LETTER).with_vba(&ole::harmless_vba("ThisDocument")?).finish(),
            Expected::converted(Format::Docm),
        ),
        Sample::new(
            &at("Rechnung 4711.docm"),
            "A Word document whose macro starts by itself, fetches a program and runs it.",
            ooxml::docx_package(&["# Rechnung 4711", "Bitte aktivieren Sie die Inhalte."])
                .with_vba(&ole::dropper_vba("ThisDocument")?)
                .finish(),
            Expected::withheld(Reason::Malicious, Format::Docm),
        ),
        Sample::new(
            &at("Briefvorlage.docx"),
            "A Word document that loads its template and a picture from a server.",
            ooxml::docx_package(&prose::LETTER)
                .with_remote_template("https://vorlagen.example.org/brief.dotx")
                .with_remote_image("https://bilder.example.org/kopf.png")
                .finish(),
            Expected::converted(Format::Docx),
        ),
        Sample::new(
            &at("Ausflugsbericht.docx"),
            "A Word document with a photograph.",
            ooxml::docx_package(&["# Ausflug an den See", "Bei schönstem Wetter waren wir am See."]).with_jpeg(&photo, 120, 90).finish(),
            Expected::converted(Format::Docx),
        ),
        Sample::new(
            &at("Anlage.docx"),
            "A Word document that carries the scanner test file as an extra part.",
            ooxml::docx_package(&prose::LETTER).with_stray_part("word/embeddings/anlage.bin", &eicar()).finish(),
            Expected::withheld(Reason::Malicious, Format::Docx),
        ),
        Sample::new(&at("Angebot.eml"), "A mail message.", mail, Expected::withheld(Reason::FormatWithheld, Format::Eml)),
        Sample::new(
            &at("Rundbrief.html"),
            "A web page with a counting pixel.",
            page,
            Expected::withheld(Reason::FormatWithheld, Format::Html),
        ),
    ])
}

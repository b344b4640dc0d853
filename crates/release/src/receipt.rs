//! The receipt: one page for the person who brought the medium, German and English, with a QR code that ties it to the release.
//!
//! The code reads `DATENSCHLEUSE:1:SESSION:DIGEST`, where DIGEST is the SHA-256 of `session-report.json` in hexadecimal: who has
//! the receipt and the release can tell that they belong together, and that the report is the one that was signed.

use flatpdf::writer::WriteError;
use flatpdf::writer::report::ReportDocument;
use model::Digest;
use model::report::SessionReport;
use qrcode::{EcLevel, QrCode};

/// Beginning of the code, with its version.
const SCHEME: &str = "DATENSCHLEUSE:1";
/// Side of the printed code, in points: 5.5 cm, read by a telephone from a hand's distance.
const SIDE_PT: f64 = 156.0;

/// What the QR code of a receipt says.
pub fn receipt_code(session: &str, report: Digest) -> String {
    format!("{SCHEME}:{session}:{}", report.hex())
}

/// Session and digest of the report, from what a QR code says; `None` for anything else.
pub fn read_receipt_code(text: &str) -> Option<(String, Digest)> {
    let (session, digest) = text.trim().strip_prefix(SCHEME)?.strip_prefix(':')?.split_once(':')?;
    let plain = !session.is_empty() && session.len() <= 64 && session.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    plain.then(|| Digest::from_hex(digest)).flatten().map(|digest| (session.to_owned(), digest))
}

/// The receipt as PDF. `digest` is that of `session-report.json`.
///
/// # Errors
/// When the writer refuses, or the session's name is too long for a code; no session of this program's has such a name.
pub fn receipt_pdf(report: &SessionReport, digest: Digest) -> Result<Vec<u8>, WriteError> {
    let code = receipt_code(&report.session, digest);
    let totals = &report.totals;
    let mut document = ReportDocument::new(Some("de"));
    document.heading("Quittung der Datenschleuse / Receipt of the data lock");
    for (name, value) in [
        ("Vorgang / Session", report.session.as_str()),
        ("Station", report.station.as_str()),
        ("Beginn / Started (UTC)", report.started.as_str()),
        ("Ende / Finished (UTC)", report.finished.as_str()),
        ("Datenträger / Medium", report.medium.kind.as_str()),
    ] {
        document.paragraph(&format!("{name}: {value}"));
    }
    document.heading("Ergebnis / Result");
    document.paragraph(&format!(
        "{} gefunden / found\n{} ausgegeben / released\n{} zurückgehalten / withheld\n{} nicht lesbar / unreadable\n{} Struktur / structural",
        totals.found, totals.released, totals.withheld, totals.unreadable, totals.structural
    ));
    document.paragraph(
        "Der Datenträger wurde nicht verändert. Ausgegeben wurden nur neu erzeugte Dateien. Zurückgehaltenes liegt verschlüsselt bei \
         der IT-Sicherheit.\nThe medium was not changed. Only rebuilt files were released. What was withheld lies encrypted with the \
         security team.",
    );
    document.heading("Prüfcode / Check code");
    let qr = QrCode::with_error_correction_level(code.as_bytes(), EcLevel::M).map_err(|_| WriteError::Matrix)?;
    let width = qr.width();
    let dark: Vec<bool> = qr.to_colors().into_iter().map(|color| color == qrcode::Color::Dark).collect();
    let rows: Vec<Vec<bool>> = dark.chunks(width.max(1)).map(<[bool]>::to_vec).collect();
    document.matrix(&rows, SIDE_PT)?;
    document.paragraph(&code);
    document.paragraph("schleuse verify-release ORDNER/DIR --receipt CODE");
    document.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_and_nothing_else_does() {
        let digest = Digest([7; 32]);
        let code = receipt_code("20260101-120000-abcdef", digest);
        assert_eq!(read_receipt_code(&format!(" {code}\n")), Some(("20260101-120000-abcdef".into(), digest)));
        for wrong in ["", "DATENSCHLEUSE:2:s:", "DATENSCHLEUSE:1:../x:00", &code[1..], &code[..code.len() - 1], &format!("{code}0")] {
            assert_eq!(read_receipt_code(wrong), None, "{wrong}");
        }
    }
}

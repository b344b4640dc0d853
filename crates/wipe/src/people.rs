//! The certificate for people: a PDF by our own writer, German or English.

use crate::bad::{BadRanges, Trouble};
use crate::certificate::{Certificate, Outcome, Reached};
use crate::native::{Answer, Method};
use crate::target::Kind;
use crate::verify::LieKind;
use flatpdf::writer::WriteError;
use flatpdf::writer::report::{Column, ReportDocument};
use release::Language;

const fn pick<'a>(language: Language, de: &'a str, en: &'a str) -> &'a str {
    match language {
        Language::De => de,
        Language::En => en,
    }
}

/// The certificate as PDF.
///
/// # Errors
/// When the writer refuses, which no certificate should make it do.
pub fn certificate_pdf(certificate: &Certificate, language: Language) -> Result<Vec<u8>, WriteError> {
    let t = |de: &'static str, en: &'static str| pick(language, de, en);
    let mut document = ReportDocument::new(Some(t("de", "en")));
    document.heading(match certificate.outcome {
        Outcome::Wiped => t("Löschnachweis der Datenschleuse", "Wipe certificate of the data lock"),
        Outcome::Failed => t("Löschung FEHLGESCHLAGEN: physisch vernichten", "Wipe FAILED: destroy physically"),
    });
    lines(&mut document, &head(certificate, language));
    document.heading(t("Erreichte Stufe", "Level reached"));
    let reached = match certificate.level.reached {
        Reached::Clear => "Clear",
        Reached::None => t("keine", "none"),
    };
    document.paragraph(&format!("{}: {reached}", certificate.level.standard));
    document.paragraph(pick(language, &certificate.level.statement.de, &certificate.level.statement.en));
    document.heading(t("Verfahren", "Method"));
    lines(&mut document, &method(certificate, language));
    document.heading(t("Prüfung", "Verification"));
    lines(&mut document, &verification(certificate, language));
    bad_ranges(&mut document, &certificate.verification.write_errors, language)?;
    bad_ranges(&mut document, &certificate.verification.read_errors, language)?;
    document.paragraph(t(
        "Unterschrieben: SHA256SUMS.sig in diesem Ordner (Ed25519). Prüfen mit: schleuse verify-certificate ORDNER",
        "Signed: SHA256SUMS.sig in this folder (Ed25519). Check with: schleuse verify-certificate FOLDER",
    ));
    document.finish()
}

fn lines(document: &mut ReportDocument, lines: &[(&str, String)]) {
    for (name, value) in lines {
        document.paragraph(&format!("{name}: {value}"));
    }
}

fn head(certificate: &Certificate, language: Language) -> Vec<(&'static str, String)> {
    let t = |de: &'static str, en: &'static str| pick(language, de, en);
    let medium = &certificate.medium;
    let kind = match medium.kind {
        Kind::Device => t("Gerät", "device"),
        Kind::Image => t("Abbilddatei", "image file"),
    };
    let model = if medium.model.is_empty() { "-" } else { &medium.model };
    let serial = medium.serial.clone().unwrap_or_else(|| t("keine", "none").to_owned());
    vec![
        (t("Löschung", "Wipe"), certificate.wipe.clone()),
        (t("Station", "Station"), certificate.station.clone()),
        (t("Beginn", "Started"), certificate.started.clone()),
        (t("Ende", "Finished"), certificate.finished.clone()),
        (t("Unterbrechungen", "Interruptions"), certificate.interruptions.to_string()),
        (t("Datenträger", "Medium"), format!("{} ({kind})", medium.path)),
        (t("Modell", "Model"), model.to_owned()),
        (t("Seriennummer", "Serial number"), serial),
        (t("Größe", "Size"), format!("{} bytes", medium.size_bytes)),
        (t("Protokollkette", "Audit chain"), certificate.audit_head.clone()),
    ]
}

fn method(certificate: &Certificate, language: Language) -> Vec<(&'static str, String)> {
    let t = |de: &'static str, en: &'static str| pick(language, de, en);
    let done = &certificate.done;
    let stream = pick(
        language,
        "AES-256 im Zählermodus, Schlüssel einmal verwendet und vernichtet, in jedem Durchgang ein anderer Strom",
        &done.stream,
    );
    let mut lines = vec![
        (t("Überschrieben mit", "Overwritten with"), stream.to_owned()),
        (t("Durchgänge", "Passes"), format!("{} / {}", done.passes.iter().filter(|pass| pass.complete).count(), done.passes_ordered)),
    ];
    for step in &done.native {
        let detail = if step.detail.is_empty() { String::new() } else { format!(" ({})", step.detail) };
        lines.push((t("Gerätebefehl", "Device command"), format!("{}: {}{detail}", name_of(step.method), answer(step.answer, language))));
    }
    if done.native.is_empty() {
        lines.push((t("Gerätebefehl", "Device command"), t("keiner verfügbar", "none available").to_owned()));
    }
    let formatted = certificate
        .formatted
        .as_ref()
        .map_or_else(|| "-".to_owned(), |formatted| format!("{}, {}", formatted.file_system.as_str(), formatted.label));
    lines.push((t("Neu formatiert", "Formatted"), formatted));
    lines
}

const fn name_of(method: Method) -> &'static str {
    match method {
        Method::AtaEnhancedErase => "ATA SECURITY ERASE UNIT (enhanced)",
        Method::AtaErase => "ATA SECURITY ERASE UNIT",
        Method::NvmeFormat => "NVMe Format (secure erase)",
        Method::SecureDiscard => "secure discard",
        Method::Discard => "discard",
    }
}

const fn answer(answer: Answer, language: Language) -> &'static str {
    match answer {
        Answer::ReportedDone => pick(language, "vom Gerät als ausgeführt gemeldet", "reported as done by the device"),
        Answer::NotOffered => pick(language, "nicht angeboten", "not offered"),
        Answer::Failed => pick(language, "fehlgeschlagen", "failed"),
        Answer::NotUsed => pick(language, "angeboten, nicht verwendet", "offered, not used"),
    }
}

fn verification(certificate: &Certificate, language: Language) -> Vec<(&'static str, String)> {
    let t = |de: &'static str, en: &'static str| pick(language, de, en);
    let checked = &certificate.verification;
    let mut lines = vec![
        (
            t("Letzter Durchgang zurückgelesen", "Last pass read back"),
            format!("{} / {} bytes {}", checked.equal_bytes, certificate.medium.size_bytes, t("wie geschrieben", "as written")),
        ),
        (t("Nicht beschreibbar", "Not writable"), format!("{} bytes", checked.write_errors.bytes)),
        (t("Nicht lesbar oder anders", "Not readable or different"), format!("{} bytes", checked.read_errors.bytes)),
    ];
    if let Some(lie) = &checked.capacity_lie {
        let real = lie.real_bytes.map_or_else(|| t("unbekannt", "unknown").to_owned(), |bytes| format!("{bytes} bytes"));
        let how = match lie.kind {
            LieKind::Wraps => t("Adressen wiederholen sich", "addresses repeat"),
            LieKind::Drops => t("Geschriebenes geht verloren", "what is written is lost"),
        };
        lines.push((t("Falsche Größenangabe", "False claim of size"), format!("{how}; {}: {real}", t("wirkliche Größe", "real size"))));
    }
    lines
}

fn bad_ranges(document: &mut ReportDocument, bad: &BadRanges, language: Language) -> Result<(), WriteError> {
    if bad.is_empty() {
        return Ok(());
    }
    let t = |de: &'static str, en: &'static str| pick(language, de, en);
    let column = |title: &str| Column { title: title.into(), width_share: 1.0 };
    let columns = [column(t("ab Byte", "from byte")), column("bytes"), column(t("Fehler", "trouble"))];
    let rows = bad.ranges.iter().map(|range| {
        let trouble = match range.trouble {
            Trouble::Write => t("nicht beschreibbar", "not writable"),
            Trouble::Read => t("nicht lesbar", "not readable"),
            Trouble::Differs => t("anders zurückgelesen", "read back differently"),
        };
        vec![range.offset.to_string(), range.bytes.to_string(), trouble.to_owned()]
    });
    document.table(&columns, rows)?;
    if bad.unlisted > 0 {
        document.paragraph(&format!("+ {} {}", bad.unlisted, t("weitere", "more")));
    }
    Ok(())
}

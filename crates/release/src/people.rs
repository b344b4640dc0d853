//! The session report for people: a PDF by our own writer, German or English.

use flatpdf::writer::WriteError;
use flatpdf::writer::report::{Column, ReportDocument};
use model::report::{ItemLine, Outcome, SessionReport};

/// Language of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// German.
    De,
    /// English.
    En,
}

impl Language {
    const fn pick<'a>(self, de: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::De => de,
            Self::En => en,
        }
    }

    /// How an outcome is called.
    pub const fn outcome(self, outcome: Outcome) -> &'static str {
        match (self, outcome) {
            (Self::De, Outcome::Released) => "ausgegeben",
            (Self::De, Outcome::Withheld) => "zurückgehalten",
            (Self::De, Outcome::Unreadable) => "nicht lesbar",
            (Self::De, Outcome::Structural) => "Struktur",
            (Self::En, Outcome::Released) => "released",
            (Self::En, Outcome::Withheld) => "withheld",
            (Self::En, Outcome::Unreadable) => "unreadable",
            (Self::En, Outcome::Structural) => "structural",
        }
    }
}

/// The report as PDF.
///
/// # Errors
/// When the writer refuses, which no report should make it do.
pub fn report_pdf(report: &SessionReport, language: Language) -> Result<Vec<u8>, WriteError> {
    let t = |de, en| language.pick(de, en);
    let mut document = ReportDocument::new(Some(t("de", "en")));
    document.heading(t("Sitzungsbericht der Datenschleuse", "Session report of the data lock"));
    for (name, value) in head_lines(report, language) {
        document.paragraph(&format!("{name}: {value}"));
    }
    document.heading(t("Bilanz", "Sums"));
    document.paragraph(&sums(report, language));
    document.heading(t("Prüfprogramme", "Engines"));
    for engine in &report.engines {
        let signatures = engine.signatures.as_deref().unwrap_or("-");
        document.paragraph(&format!("{} {} ({}: {signatures})", engine.name, engine.version, t("Signaturen", "signatures")));
    }
    let columns = |third: &str| {
        [
            Column { title: t("Datei", "File").into(), width_share: 0.42 },
            Column { title: "Format".into(), width_share: 0.13 },
            Column { title: third.into(), width_share: 0.45 },
        ]
    };
    document.heading(t("Ausgegeben", "Released"));
    let released = report.items.iter().filter(|i| i.disposition == Outcome::Released);
    document.table(&columns(t("Ergebnis", "Output")), released.map(|item| released_row(item, language)))?;
    document.heading(t("Nicht ausgegeben", "Not released"));
    let held = report.items.iter().filter(|i| matches!(i.disposition, Outcome::Withheld | Outcome::Unreadable));
    document.table(&columns(t("Grund", "Reason")), held.map(|item| held_row(item, language)))?;
    document.finish()
}

fn head_lines(report: &SessionReport, language: Language) -> Vec<(String, String)> {
    let t = |de: &str, en: &str| language.pick(de, en).to_owned();
    let mut lines = vec![
        (t("Vorgang", "Session"), report.session.clone()),
        (t("Station", "Station"), report.station.clone()),
        (t("Beginn", "Started"), report.started.clone()),
        (t("Ende", "Finished"), report.finished.clone()),
        (t("Datenträger", "Medium"), format!("{} ({})", report.medium.source, report.medium.kind)),
        (t("Richtlinie (SHA-256)", "Policy (SHA-256)"), report.policy_sha256.hex()),
    ];
    if let Some(device) = &report.medium.device {
        let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        lines.push((t("Hersteller, Produkt", "Vendor, product"), format!("{}, {}", said(&device.vendor), said(&device.product))));
        lines.push((t("Seriennummer, Anschluss", "Serial, port"), format!("{}, {}", said(&device.serial), said(&device.port))));
    }
    for volume in &report.medium.volumes {
        let text = format!("{} {}: {}, {} bytes", volume.scheme, volume.number, volume.file_system, volume.size_bytes);
        lines.push((t("Volume", "Volume"), text));
    }
    if let Some(exception) = &report.exception {
        let by = format!("{} ({}; {})", exception.hold, exception.reviewers.join(", "), exception.reason);
        lines.push((
            t("Ausnahme der Prüfung (Rückhalt; freigegeben durch; Grund)", "Exception of the review (hold; granted by; reason)"),
            by,
        ));
    }
    if let Some(head) = &report.audit_head {
        lines.push((t("Protokollkette", "Audit chain"), head.clone()));
    }
    lines
}

fn sums(report: &SessionReport, language: Language) -> String {
    let totals = &report.totals;
    let part = |outcome, count: u64| format!("{count} {}", language.outcome(outcome));
    format!(
        "{} {} = {} + {} + {} + {}",
        totals.found,
        language.pick("gefunden", "found"),
        part(Outcome::Released, totals.released),
        part(Outcome::Withheld, totals.withheld),
        part(Outcome::Unreadable, totals.unreadable),
        part(Outcome::Structural, totals.structural)
    )
}

fn format_of(item: &ItemLine) -> String {
    item.format.map_or_else(|| "-".into(), |f| f.to_string())
}

fn released_row(item: &ItemLine, language: Language) -> Vec<String> {
    let mut lines: Vec<String> = item.outputs.iter().map(|output| output.path.clone()).collect();
    if !item.removed.is_empty() {
        let removed: Vec<String> = item.removed.iter().map(|r| format!("{} × {}", r.count, r.kind)).collect();
        lines.push(format!("{}: {}", language.pick("entfernt", "removed"), removed.join(", ")));
    }
    vec![item.path.clone(), format_of(item), lines.join("; ")]
}

fn held_row(item: &ItemLine, language: Language) -> Vec<String> {
    let text = match language {
        Language::De => &item.reason_text.de,
        Language::En => &item.reason_text.en,
    };
    vec![item.path.clone(), format_of(item), format!("[{}] {text}", item.reason)]
}

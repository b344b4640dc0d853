//! German text for the documents.

/// Pages of a framework contract; the first line of each is its heading.
pub const CONTRACT: [&str; 5] = [
    "Rahmenvertrag über Wartung und Pflege\n\nzwischen der Muster AG, Hauptstraße 1, 12345 Musterstadt (Auftraggeberin)\nund der Müller & Söhne GmbH, Gewerbepark 7, 54321 Beispielhausen (Auftragnehmerin)\n\n§ 1 Gegenstand des Vertrages\n\nDie Auftragnehmerin übernimmt die Wartung der in Anlage 1 aufgeführten Anlagen. Dazu gehören die regelmäßige Prüfung, die Beseitigung von Störungen sowie die Lieferung der nötigen Ersatzteile. Leistungen, die über diesen Umfang hinausgehen, werden gesondert beauftragt und nach Aufwand vergütet.\n\nGrundlage der Prüfungen sind die anerkannten Regeln der Technik in ihrer jeweils gültigen Fassung.",
    "§ 2 Vergütung\n\nFür die Leistungen nach § 1 erhält die Auftragnehmerin eine monatliche Pauschale von 1.850,00 € zuzüglich der gesetzlichen Umsatzsteuer. Die Rechnung wird bis zum fünften Werktag des Folgemonats gestellt und ist innerhalb von 30 Tagen ohne Abzug zu zahlen.\n\nÄndern sich die Lohnkosten um mehr als drei Prozent, so können beide Seiten eine Anpassung verlangen. Kommt binnen acht Wochen keine Einigung zustande, darf der Vertrag mit einer Frist von drei Monaten gekündigt werden.",
    "§ 3 Vertraulichkeit\n\nBeide Seiten behandeln alle Informationen, die ihnen bei der Zusammenarbeit bekannt werden, vertraulich. Datenträger werden nur verschlüsselt übergeben oder über die Datenschleuse eingebracht. Diese Pflicht gilt auch nach dem Ende des Vertrages fort.\n\nPersonenbezogene Daten werden ausschließlich nach Weisung verarbeitet; Näheres regelt die Vereinbarung zur Auftragsverarbeitung in Anlage 2.",
    "§ 4 Haftung und Gewährleistung\n\nFür Vorsatz und grobe Fahrlässigkeit haftet jede Seite unbeschränkt. Bei einfacher Fahrlässigkeit ist die Haftung auf den vorhersehbaren, typischen Schaden begrenzt, höchstens jedoch auf 250.000 € je Schadensfall.\n\nMängel sind unverzüglich, spätestens binnen zehn Tagen nach ihrer Entdeckung, in Textform anzuzeigen.",
    "§ 5 Laufzeit und Schlussbestimmungen\n\nDer Vertrag beginnt am 1. Februar 2026 und läuft zwei Jahre. Er verlängert sich um jeweils ein Jahr, wenn er nicht drei Monate vor Ablauf gekündigt wird. Änderungen bedürfen der Textform. Sollte eine Bestimmung unwirksam sein, so bleibt der Vertrag im Übrigen bestehen.\n\nMusterstadt, den 15. Januar 2026\n\nErika Mustermann                                  Jürgen Müller\nfür die Muster AG                                  für die Müller & Söhne GmbH",
];

/// Paragraphs of an offer over three pages: `# ` begins a heading, a form feed a page.
pub const OFFER: [&str; 16] = [
    "# Angebot 2026-014: Erneuerung der Förderanlage",
    "Sehr geehrte Frau Mustermann,",
    "vielen Dank für Ihre Anfrage vom 8. Januar 2026. Gern bieten wir Ihnen die Erneuerung der Förderanlage in Halle 3 an. Unser Angebot beruht auf der Begehung vom 12. Januar und auf den Zeichnungen, die Sie uns übergeben haben.",
    "Wir halten uns an dieses Angebot bis zum 31. März 2026 gebunden.",
    "\u{C}",
    "# Leistungen",
    "1. Rückbau der vorhandenen Bänder einschließlich der Entsorgung nach den geltenden Vorschriften.",
    "2. Lieferung und Aufbau von zwölf Bandabschnitten, Antriebe in der Schutzart IP 65, Geräuschpegel unter 70 dB(A).",
    "3. Anschluss an die bestehende Steuerung, Prüfung der Not-Halt-Kette, Einweisung der Mitarbeiterinnen und Mitarbeiter.",
    "4. Dokumentation in zweifacher Ausfertigung sowie auf einem Datenträger.",
    "\u{C}",
    "# Preise und Termine",
    "Der Gesamtpreis beträgt 184.300,00 € zuzüglich Umsatzsteuer. 30 % sind bei Auftragserteilung fällig, 60 % nach Lieferung und 10 % nach der Abnahme.",
    "Die Montage dauert voraussichtlich vier Wochen und kann während der Betriebsferien erfolgen, sodass die Fertigung nicht stillsteht.",
    "Für Rückfragen stehen wir Ihnen jederzeit zur Verfügung.",
    "Mit freundlichen Grüßen, Jürgen Müller",
];

/// Paragraphs of a short letter.
pub const LETTER: [&str; 5] = [
    "# Einladung zur Betriebsversammlung",
    "Liebe Kolleginnen und Kollegen,",
    "am Donnerstag, dem 29. Januar 2026, findet um 10 Uhr in der Kantine die nächste Betriebsversammlung statt. Auf der Tagesordnung stehen der Bericht der Geschäftsführung, die neuen Arbeitszeiten und das Sommerfest.",
    "Über Vorschläge für weitere Punkte freuen wir uns bis zum 20. Januar.",
    "Herzliche Grüße, Ihr Betriebsrat",
];

/// Lines of a scanned delivery note (printed in capitals).
pub const DELIVERY_NOTE: [&str; 14] = [
    "Müller - Söhne GmbH",
    "Gewerbepark 7, 54321 Beispielhausen",
    "",
    "Lieferschein Nr. 2026-0815",
    "Datum: 15.01.2026",
    "",
    "Pos. Menge Bezeichnung",
    "1    12    Bandabschnitt 2,5 m",
    "2     4    Antrieb 1,1 kW",
    "3    48    Rolle 60 / 500",
    "",
    "Ware vollständig erhalten:",
    "",
    "E. Mustermann",
];

/// Title and lines of slides.
pub fn slides() -> Vec<(&'static str, Vec<String>)> {
    let lines = |text: &str| text.split('|').map(str::to_owned).collect();
    vec![
        ("Quartalsbericht IV/2025", lines("Muster AG|Erika Mustermann, Controlling|15. Januar 2026")),
        ("Umsatz nach Bereichen", lines("Anlagenbau: 4,2 Mio. € (+6 %)|Wartung: 1,9 Mio. € (+11 %)|Ersatzteile: 0,8 Mio. € (−2 %)")),
        ("Ausblick", lines("Förderanlage Halle 3 wird erneuert|Zwölf neue Ausbildungsplätze|Größere Lagerfläche ab Frühjahr")),
    ]
}

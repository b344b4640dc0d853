//! Names that deceive, break, or do not fit.

use crate::program;
use crate::tree::{Expected, Sample};
use model::{Format, Reason};

pub(super) fn samples() -> Vec<Sample> {
    let folder = "Seltsame Namen";
    let text = || Expected::rebuilt(Format::Txt);
    let program = || Expected::withheld(Reason::Stripped, Format::Pe);
    let named = |name: &str, why: &str| Sample::raw(folder, name.as_bytes(), why, format!("Inhalt zu: {why}\n"), text());
    vec![
        Sample::raw(
            folder,
            "Rechnung_\u{202E}fdp.exe".as_bytes(),
            "A program whose name is shown with .exe turned to look like a PDF.",
            program::pe(),
            program(),
        ),
        Sample::raw(folder, b"Urlaub.jpg.exe", "A program behind a double extension.", program::pe(), program()),
        Sample::raw(
            folder,
            b"Urlaub.jpg                                        .scr",
            "A program whose extension is pushed out of sight by spaces.",
            program::pe(),
            program(),
        ),
        named("CON.txt", "A name reserved on Windows."),
        named("Punkt am Ende.txt.", "A name that ends in a dot."),
        named("Leerzeichen am Ende.txt ", "A name that ends in a space."),
        named(&format!("{}.txt", "Langer Name ".repeat(21).get(..251).unwrap_or_default()), "A name of 255 units."),
        named("zwei\nZeilen.txt", "A name with a line feed."),
        named("rot\u{1B}[31m.txt", "A name with a terminal escape."),
        named("Preis: \"5 < 6\"?.txt", "A name with characters that Windows forbids."),
        named("-rf.txt", "A name that looks like an option."),
        named(".versteckt.txt", "A hidden file."),
        named("Bericht.txt", "One of two names equal but for case."),
        named("BERICHT.TXT", "The other of two names equal but for case."),
        named("U\u{308}bersicht.txt", "A name with a decomposed umlaut."),
        Sample::raw(folder, b"Gr\xFC\xDFe.txt", "A name in Latin-1, which is not UTF-8.", *b"Inhalt\n", text()),
        named("Tabelle\u{200B}.txt", "A name with an invisible character."),
    ]
}

//! Archives, and the scanner test file in its wrappings.

use super::{prose, texts};
use crate::archive::{ZipBuilder, gzip_of, tar_of, zip_of};
use crate::container::{iso_of, seven_zip_of};
use crate::office::ooxml;
use crate::pdf;
use crate::program::eicar;
use crate::tree::{Expected, Sample};
use anyhow::Result;
use model::{Format, Reason};

/// Zero bytes in the flat bomb: past the ratio and far past its own size, yet within what a test can write.
const BOMB_BYTES: u64 = 600 << 20;

pub(super) fn samples() -> Result<Vec<Sample>> {
    let mut all = honest()?;
    all.extend(hostile());
    all.extend(test_files());
    Ok(all)
}

fn honest() -> Result<Vec<Sample>> {
    let at = |name: &str| format!("Archive/{name}");
    let text = || Expected::rebuilt(Format::Txt);
    let letter = ooxml::docx(&prose::LETTER);
    let note = b"Alles in Ordnung.\n".to_vec();
    let papers = zip_of(&[
        ("Einladung.docx", letter.clone()),
        ("Verträge/Rahmenvertrag.pdf", pdf::pdf(&prose::CONTRACT)),
        ("Notiz.txt", note.clone()),
    ]);
    let members = || {
        Expected::unpacked(
            Format::Zip,
            vec![
                ("Einladung.docx", Expected::converted(Format::Docx)),
                ("Verträge/Rahmenvertrag.pdf", Expected::converted(Format::Pdf)),
                ("Notiz.txt", text()),
            ],
        )
    };
    let nested = zip_of(&[("Unterlagen.zip", papers.clone()), ("Übersicht.txt", b"Siehe Unterlagen.zip\n".to_vec())]);
    let tar = tar_of(&[("sicherung/messung.log", texts::log(50).into_bytes()), ("sicherung/notiz.txt", note.clone())])?;
    let tar_members = Expected::unpacked(Format::Tar, vec![("sicherung/messung.log", text()), ("sicherung/notiz.txt", text())]);
    let mut two_streams = gzip_of("teil.txt", b"Erster Teil.\n");
    two_streams.extend(gzip_of("teil.txt", b"Zweiter Teil.\n"));
    Ok(vec![
        Sample::new(&at("Unterlagen.zip"), "An archive of ordinary documents.", papers, members()),
        Sample::new(
            &at("Sammlung.zip"),
            "An archive in an archive.",
            nested,
            Expected::unpacked(Format::Zip, vec![("Unterlagen.zip", members()), ("Übersicht.txt", text())]),
        ),
        Sample::new(
            &at("Sicherung.tar.gz"),
            "A compressed tar archive.",
            gzip_of("Sicherung.tar", &tar),
            Expected::unpacked(Format::Gzip, vec![("Sicherung.tar", tar_members)]),
        ),
        Sample::new(
            &at("Messung.log.gz"),
            "One compressed file.",
            gzip_of("Messung.log", texts::log(500).as_bytes()),
            Expected::unpacked(Format::Gzip, vec![("Messung.log", text())]),
        ),
        Sample::new(
            &at("Zwei Teile.gz"),
            "Two gzip streams in a row, of which careless readers see one.",
            two_streams,
            Expected::unpacked(Format::Gzip, vec![("Zwei Teile", text())]),
        ),
    ])
}

fn hostile() -> Vec<Sample> {
    let at = |name: &str| format!("Archive/Aus dem Netz/{name}");
    let plain = b"Harmloser Text.\n";
    let zip = |reason| Expected::withheld(reason, Format::Zip);
    let beside =
        |name, other: Expected| Expected::unpacked(Format::Zip, vec![("notiz.txt", Expected::rebuilt(Format::Txt)), (name, other)]);
    vec![
        Sample::new(
            &at("Verschlüsselt.zip"),
            "An archive with a password (traditional encryption).",
            ZipBuilder::new().encrypted("geheim.txt", plain, b"infiziert").finish(),
            zip(Reason::Encrypted),
        ),
        Sample::new(
            &at("Verschlüsselt (AES).zip"),
            "An archive with the headers of AES encryption.",
            ZipBuilder::new().aes_shaped("geheim.pdf", 4_000).finish(),
            zip(Reason::Encrypted),
        ),
        Sample::new(
            &at("Bombe.zip"),
            "600 MiB of zeros in 600 kB: a flat bomb.",
            ZipBuilder::new().zeros("nullen.txt", BOMB_BYTES).finish(),
            zip(Reason::Limit),
        ),
        Sample::new(
            &at("Überlappend.zip"),
            "A directory of 200 members that share the bytes of one.",
            ZipBuilder::new().deflated("kopie.txt", texts::log(2_000).as_bytes()).finish_overlapping(200),
            zip(Reason::Malformed),
        ),
        Sample::new(
            &at("Zwei Verzeichnisse.zip"),
            "Two directories that list different members: readers disagree about the content.",
            ZipBuilder::new()
                .deflated("harmlos.txt", plain)
                .finish_with_second_directory(&ZipBuilder::new().deflated("anders.txt", b"Etwas anderes.\n")),
            zip(Reason::Malformed),
        ),
        Sample::new(
            &at("Ausbruch.zip"),
            "A member whose name leads out of the folder.",
            ZipBuilder::new().deflated("notiz.txt", plain).deflated("../../ausbruch.txt", plain).finish(),
            beside("../../ausbruch.txt", Expected::rebuilt(Format::Txt)),
        ),
        Sample::new(
            &at("Verweis.zip"),
            "A member that is a symbolic link to the password file.",
            ZipBuilder::new().deflated("notiz.txt", plain).symlink("verweis", b"/etc/passwd").finish(),
            beside("verweis", Expected::link()),
        ),
        Sample::new(
            &at("Prospekt.pdf"),
            "A PDF that is a ZIP archive at the same time.",
            ZipBuilder::new().deflated("inhalt.txt", plain).finish_after(pdf::pdf(&["Prospekt\n\nUnsere neuen Produkte."])),
            Expected::withheld(Reason::Polyglot, Format::Pdf),
        ),
    ]
}

fn test_files() -> Vec<Sample> {
    let at = |name: &str| format!("Prüfdateien/{name}");
    let in_zip = zip_of(&[("eicar.com", eicar())]);
    let malicious = |format| Expected::withheld(Reason::Malicious, format);
    vec![
        Sample::new(&at("eicar.com"), "The scanner test file.", eicar(), malicious(Format::Txt)),
        Sample::new(&at("eicar in zip.zip"), "The scanner test file in an archive.", in_zip.clone(), malicious(Format::Zip)),
        Sample::new(
            &at("eicar in zip in zip.zip"),
            "The scanner test file in an archive in an archive.",
            zip_of(&[("innen.zip", in_zip)]),
            malicious(Format::Zip),
        ),
        Sample::new(
            &at("eicar in 7z.7z"),
            "The scanner test file in an archive only the scanner opens.",
            seven_zip_of("eicar.com", &eicar()),
            malicious(Format::SevenZip),
        ),
        Sample::new(
            &at("eicar in iso.iso"),
            "The scanner test file on a disc image only the scanner opens.",
            iso_of("EICAR.COM;1", &eicar()),
            malicious(Format::Iso),
        ),
        Sample::new(
            &at("eicar im Anhang.pdf"),
            "The scanner test file attached to a PDF.",
            pdf::pdf_with_attachment("Anleitung\n\nBitte den Anhang öffnen.", "eicar.com", &eicar()),
            malicious(Format::Pdf),
        ),
        Sample::new(
            &at("eicar (verschlüsselt).zip"),
            "The scanner test file where no scanner can see it.",
            ZipBuilder::new().encrypted("eicar.com", &eicar(), b"infiziert").finish(),
            Expected::withheld(Reason::Encrypted, Format::Zip),
        ),
    ]
}

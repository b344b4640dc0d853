//! Reasons: why an item ended as it did, as a stable code and as a plain sentence in German and English.

use crate::coded_enum;
use serde::{Deserialize, Serialize};

coded_enum! {
    /// Stable reason codes of the session report.
    Reason {
        /// Released as a flattened PDF.
        Converted = "converted",
        /// Released, decoded and encoded again.
        Rebuilt = "rebuilt",
        /// Released as a folder of members.
        Unpacked = "unpacked",
        /// An engine knows it as hostile.
        Malicious = "malicious",
        /// On a block list.
        Blocklisted = "blocklisted",
        /// A person must judge it.
        Suspicious = "suspicious",
        /// Valid as more than one format.
        Polyglot = "polyglot",
        /// Autostart, shortcut, script, program and the like.
        Stripped = "stripped",
        /// Encrypted, cannot be looked into.
        Encrypted = "encrypted",
        /// The password a reviewer gave does not open it.
        PasswordWrong = "password-wrong",
        /// Past a limit of the policy.
        Limit = "limit",
        /// The scanner could not look at every byte.
        ScanIncomplete = "scan-incomplete",
        /// The format is not known.
        FormatUnknown = "format-unknown",
        /// Policy releases nothing of this format.
        FormatWithheld = "format-withheld",
        /// A file without content.
        Empty = "empty",
        /// The structure is broken.
        Malformed = "malformed",
        /// The converter produced nothing usable.
        ConversionFailed = "conversion-failed",
        /// Conversion took longer than allowed.
        Timeout = "timeout",
        /// The confined worker died on it.
        WorkerDied = "worker-died",
        /// The worker's answer was no answer.
        WorkerProtocol = "worker-protocol",
        /// The rebuilt file did not pass the strict verifier or the second scan.
        VerifyRejected = "verify-rejected",
        /// Could not be read from the medium.
        ReadError = "read-error",
        /// The medium was removed before this was read.
        MediumGone = "medium-gone",
        /// A directory.
        Directory = "directory",
        /// A link; not followed.
        Link = "link",
        /// A device node, pipe or socket; not opened.
        SpecialFile = "special-file",
        /// A partition or area without a file system to read.
        Volume = "volume",
        /// An area of the medium that belongs to no partition.
        Unpartitioned = "unpartitioned",
        /// An encrypted volume nobody gave the key of.
        EncryptedVolume = "encrypted-volume",
        /// An encrypted volume that none of the keys given opens.
        KeyDoesNotFit = "key-does-not-fit",
        /// A volume that is encrypted in a way nothing here opens, or too broken to open.
        VolumeNotOpened = "volume-not-opened",
        /// An encrypted volume whose key costs more to try than the policy allows.
        UnlockLimit = "unlock-limit",
    }
}

/// A sentence in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonText {
    /// German.
    pub de: String,
    /// English.
    pub en: String,
}

impl Reason {
    /// The plain sentence for people, in both languages: what happened, what the lock did with it, what to do.
    #[rustfmt::skip]
    pub fn text(self) -> ReasonText {
        let (de, en) = match self {
            Self::Converted => ("Als neues, flaches PDF ausgegeben.", "Released as a new, flattened PDF."),
            Self::Rebuilt => ("Neu erzeugt ausgegeben.", "Released, rebuilt from its content."),
            Self::Unpacked => ("Entpackt als Ordner ausgegeben; jede enthaltene Datei wurde einzeln geprüft.", "Unpacked and released as a folder; every member was judged by itself."),
            Self::Malicious => ("Schadsoftware erkannt. Liegt in der Quarantäne; bitte die IT-Sicherheit ansprechen.", "Known malicious content. Held in quarantine; please talk to the security team."),
            Self::Blocklisted => ("Steht auf der Sperrliste. Liegt in der Quarantäne.", "On the block list. Held in quarantine."),
            Self::Suspicious => ("Auffälliger Inhalt. Liegt in der Quarantäne und wartet auf Prüfung durch die IT-Sicherheit.", "Suspicious content. Held in quarantine for review by the security team."),
            Self::Polyglot => ("Die Datei ist zugleich in mehreren Formaten gültig. Liegt in der Quarantäne zur Prüfung.", "The file is valid as more than one format. Held in quarantine for review."),
            Self::Stripped => ("Programme, Skripte, Verknüpfungen und Autostart-Dateien werden nicht ausgegeben.", "Programs, scripts, shortcuts and autostart files are not released."),
            Self::Encrypted => ("Verschlüsselt, kann nicht geprüft werden. Bitte ohne Kennwort liefern lassen oder die IT-Sicherheit ansprechen.", "Encrypted, cannot be inspected. Ask for it without a password or talk to the security team."),
            Self::PasswordWrong => ("Das angegebene Kennwort passt nicht, oder die verschlüsselte Datei ist beschädigt. Bitte das Kennwort prüfen und erneut freigeben.", "The password given does not fit, or the encrypted file is damaged. Check the password and approve it again."),
            Self::Limit => ("Überschreitet eine Grenze der Richtlinie und wird deshalb nicht ausgegeben.", "Past a limit of the policy and therefore not released."),
            Self::ScanIncomplete => ("Konnte nicht vollständig geprüft werden und bleibt deshalb zurück.", "Could not be scanned completely and is therefore held back."),
            Self::FormatUnknown => ("Unbekanntes Format. Liegt in der Quarantäne.", "Unknown format. Held in quarantine."),
            Self::FormatWithheld => ("Dateien dieses Formats gibt die Richtlinie nicht aus.", "The policy does not release files of this format."),
            Self::Empty => ("Leere Datei; es gibt nichts auszugeben.", "Empty file; there is nothing to release."),
            Self::Malformed => ("Die Datei ist beschädigt oder absichtlich falsch aufgebaut.", "The file is damaged or built wrongly on purpose."),
            Self::ConversionFailed => ("Ließ sich nicht umwandeln. Das Original liegt in der Quarantäne.", "Could not be converted. The original is held in quarantine."),
            Self::Timeout => ("Die Umwandlung dauerte länger als erlaubt. Das Original liegt in der Quarantäne.", "Conversion took longer than allowed. The original is held in quarantine."),
            Self::WorkerDied => ("Das abgeschottete Prüfprogramm ist an dieser Datei gescheitert. Das Original liegt in der Quarantäne.", "The confined inspector died on this file. The original is held in quarantine."),
            Self::WorkerProtocol => ("Das abgeschottete Prüfprogramm gab eine unzulässige Antwort. Das Original liegt in der Quarantäne.", "The confined inspector gave an answer outside the rules. The original is held in quarantine."),
            Self::VerifyRejected => ("Die neu erzeugte Datei bestand die Endprüfung nicht. Das Original liegt in der Quarantäne.", "The rebuilt file did not pass the final check. The original is held in quarantine."),
            Self::ReadError => ("Konnte nicht vom Datenträger gelesen werden.", "Could not be read from the medium."),
            Self::MediumGone => ("Der Datenträger wurde entfernt, bevor dies gelesen war. Bitte erneut einlegen und bis zum Ende stecken lassen.", "The medium was removed before this was read. Insert it again and leave it until the end."),
            Self::Directory => ("Ordner.", "Directory."),
            Self::Link => ("Verweis auf eine andere Stelle; wird nicht verfolgt.", "A link to another place; not followed."),
            Self::SpecialFile => ("Gerätedatei, Pipe oder Socket; wird nicht geöffnet.", "Device node, pipe or socket; not opened."),
            Self::Volume => ("Bereich des Datenträgers ohne lesbares Dateisystem.", "Area of the medium without a readable file system."),
            Self::Unpartitioned => ("Bereich des Datenträgers ohne Partition; nicht gelesen.", "Area of the medium outside of any partition; not read."),
            Self::EncryptedVolume => ("Verschlüsselter Bereich; nichts daraus wurde gelesen. Bitte das Kennwort oder den Wiederherstellungsschlüssel angeben und erneut einlegen.", "Encrypted volume; nothing of it was read. Give its password or recovery key and insert the medium again."),
            Self::KeyDoesNotFit => ("Verschlüsselter Bereich; das angegebene Kennwort oder der Wiederherstellungsschlüssel passt nicht, nichts daraus wurde gelesen. Bitte prüfen und den Datenträger erneut einlegen.", "Encrypted volume; the password or recovery key given does not fit, nothing of it was read. Check it and insert the medium again."),
            Self::VolumeNotOpened => ("Verschlüsselter Bereich, der beschädigt oder auf eine hier nicht unterstützte Art verschlüsselt ist; nichts daraus wurde gelesen. Bitte die IT-Sicherheit ansprechen.", "Encrypted volume that is damaged, or encrypted in a way not supported here; nothing of it was read. Talk to the security team."),
            Self::UnlockLimit => ("Verschlüsselter Bereich; den Schlüssel zu prüfen kostet mehr, als die Richtlinie erlaubt, nichts daraus wurde gelesen. Bitte die IT-Sicherheit ansprechen.", "Encrypted volume; trying the key costs more than the policy allows, nothing of it was read. Talk to the security team."),
        };
        ReasonText { de: de.into(), en: en.into() }
    }
}

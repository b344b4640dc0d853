//! Formats: what bytes are, decided from the bytes; and the table of what becomes of each (`rules/formats.toml`).

use crate::coded_enum;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

coded_enum! {
    /// What the bytes are.
    Format {
        /// No bytes at all.
        Empty = "empty",
        /// Portable Document Format.
        Pdf = "pdf",
        /// Word 97–2003 (OLE2).
        Doc = "doc",
        /// Excel 97–2003 (OLE2).
        Xls = "xls",
        /// PowerPoint 97–2003 (OLE2).
        Ppt = "ppt",
        /// Word OOXML without macros.
        Docx = "docx",
        /// Word OOXML with macros.
        Docm = "docm",
        /// Word OOXML template without macros.
        Dotx = "dotx",
        /// Word OOXML template with macros.
        Dotm = "dotm",
        /// Excel OOXML.
        Xlsx = "xlsx",
        /// Excel OOXML with macros.
        Xlsm = "xlsm",
        /// Excel OOXML with binary sheets.
        Xlsb = "xlsb",
        /// Excel OOXML template.
        Xltx = "xltx",
        /// Excel OOXML template with macros.
        Xltm = "xltm",
        /// Excel add-in.
        Xlam = "xlam",
        /// PowerPoint OOXML.
        Pptx = "pptx",
        /// PowerPoint OOXML with macros.
        Pptm = "pptm",
        /// PowerPoint OOXML show.
        Ppsx = "ppsx",
        /// PowerPoint OOXML template.
        Potx = "potx",
        /// OpenDocument text.
        Odt = "odt",
        /// OpenDocument spreadsheet.
        Ods = "ods",
        /// OpenDocument presentation.
        Odp = "odp",
        /// OpenDocument drawing.
        Odg = "odg",
        /// Flat-XML OpenDocument.
        OdfFlat = "odf-flat",
        /// Rich Text Format.
        Rtf = "rtf",
        /// Visio (OLE2 or OOXML).
        Visio = "visio",
        /// Outlook message (OLE2).
        Msg = "msg",
        /// Publisher, Project, Works and other OLE2 documents.
        Ole = "ole",
        /// An OOXML or OLE2 package encrypted as a whole.
        OfficeEncrypted = "office-encrypted",
        /// OOXML, ODF or another package that is none of the known kinds.
        PackageUnknown = "package-unknown",
        /// EPUB book.
        Epub = "epub",
        /// HTML page.
        Html = "html",
        /// Mail message.
        Eml = "eml",
        /// Web archive (MIME HTML).
        Mht = "mht",
        /// Comma-, semicolon- or tab-separated values.
        Csv = "csv",
        /// Plain text (also Markdown, logs, configuration, source code).
        Txt = "txt",
        /// JSON.
        Json = "json",
        /// XML of no special kind.
        Xml = "xml",
        /// PNG image.
        Png = "png",
        /// JPEG image.
        Jpeg = "jpeg",
        /// GIF image.
        Gif = "gif",
        /// BMP image.
        Bmp = "bmp",
        /// TIFF image.
        Tiff = "tiff",
        /// WebP image.
        Webp = "webp",
        /// Icon.
        Ico = "ico",
        /// SVG drawing.
        Svg = "svg",
        /// HEIC/HEIF image.
        Heic = "heic",
        /// AVIF image.
        Avif = "avif",
        /// Photoshop image.
        Psd = "psd",
        /// DICOM image.
        Dicom = "dicom",
        /// ZIP archive.
        Zip = "zip",
        /// tar archive.
        Tar = "tar",
        /// gzip stream.
        Gzip = "gzip",
        /// bzip2 stream.
        Bzip2 = "bzip2",
        /// xz stream.
        Xz = "xz",
        /// zstd stream.
        Zstd = "zstd",
        /// 7z archive.
        SevenZip = "7z",
        /// RAR archive.
        Rar = "rar",
        /// Cabinet archive.
        Cab = "cab",
        /// cpio, ar, arj, lzh and other archives.
        ArchiveOther = "archive-other",
        /// ISO 9660 disc image.
        Iso = "iso",
        /// File system or virtual disk image.
        DiskImage = "disk-image",
        /// Windows program or library.
        Pe = "pe",
        /// DOS program.
        DosProgram = "dos-program",
        /// Linux program or library.
        Elf = "elf",
        /// macOS program or library.
        MachO = "mach-o",
        /// Windows installer.
        Msi = "msi",
        /// Java archive or class.
        Java = "java",
        /// Android package.
        Apk = "apk",
        /// Debian, RPM or other package.
        Package = "package",
        /// WebAssembly.
        Wasm = "wasm",
        /// Python byte code and other compiled scripts.
        Bytecode = "bytecode",
        /// Batch file.
        ScriptBatch = "script-batch",
        /// PowerShell.
        ScriptPowershell = "script-powershell",
        /// VBScript, encoded too.
        ScriptVbs = "script-vbs",
        /// JavaScript, JScript, encoded too.
        ScriptJs = "script-js",
        /// Windows Script File or component.
        ScriptWsf = "script-wsf",
        /// HTML application.
        Hta = "hta",
        /// Unix shell.
        ScriptShell = "script-shell",
        /// Python source.
        ScriptPython = "script-python",
        /// Perl source.
        ScriptPerl = "script-perl",
        /// Ruby source.
        ScriptRuby = "script-ruby",
        /// PHP source.
        ScriptPhp = "script-php",
        /// Lua, Tcl, AutoIt, AppleScript and other scripts.
        ScriptOther = "script-other",
        /// Registry file.
        Reg = "reg",
        /// INF set-up file.
        Inf = "inf",
        /// autorun.inf, desktop.ini, folder.htt.
        Autostart = "autostart",
        /// Windows shell link.
        Lnk = "lnk",
        /// Internet shortcut, scf, library-ms, .desktop.
        Shortcut = "shortcut",
        /// Compiled help.
        Chm = "chm",
        /// OneNote section.
        OneNote = "onenote",
        /// Excel web query, SYLK, DIF and other fetching sheet formats.
        SheetQuery = "sheet-query",
        /// Font.
        Font = "font",
        /// Audio.
        Audio = "audio",
        /// Video.
        Video = "video",
        /// CAD drawing.
        Cad = "cad",
        /// Data base file.
        Database = "database",
        /// Key or certificate.
        KeyMaterial = "key-material",
        /// Encrypted text or container (PGP, age, S/MIME).
        EncryptedContainer = "encrypted-container",
        /// TNEF (winmail.dat).
        Tnef = "tnef",
        /// PostScript.
        Postscript = "postscript",
        /// XPS document.
        Xps = "xps",
        /// WordPerfect and other old word processors.
        OldDocument = "old-document",
        /// Windows and enhanced metafiles.
        Metafile = "metafile",
        /// None of the above.
        Unknown = "unknown",
    }
}

/// What policy does with a format when the verdict is clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Render to pixels and write a flattened PDF.
    Convert,
    /// Decode and encode again in the same kind.
    Rebuild,
    /// Take apart; every member is its own item.
    Unpack,
    /// Withheld as "stripped": autostart, shortcut, script, program, font …
    Strip,
    /// Withheld: nothing here turns it into something releasable.
    Withhold,
}

/// Which engine family a format belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// PDF.
    Pdf,
    /// Rendered by the office suite.
    Office,
    /// Raster or vector image.
    Image,
    /// Text of any kind.
    Text,
    /// Container of members.
    Archive,
    /// Everything that has no renderer here.
    Other,
}

/// One line of the format table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatRule {
    /// What becomes of it.
    pub action: Action,
    /// Engine family.
    pub family: Family,
    /// Extensions a file of this format may claim without a `format-mismatch` finding, lower case, no dot.
    pub extensions: Vec<String>,
    /// Import filter of the office suite, forced so that it never guesses.
    #[serde(default)]
    pub office_filter: Option<String>,
}

/// The table of what becomes of what: every format has exactly one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormatTable {
    formats: BTreeMap<Format, FormatRule>,
}

/// Why a format table was refused.
#[derive(Debug, thiserror::Error)]
pub enum FormatTableError {
    /// Not the expected TOML.
    #[error("the format table cannot be read: {0}")]
    Syntax(toml::de::Error),
    /// A format has no line.
    #[error("the format table has no line for {0}")]
    Missing(Format),
    /// A combination no stage can carry out.
    #[error("the format table gives {format} the action {action:?}, which family {family:?} cannot do")]
    Impossible {
        /// The format.
        format: Format,
        /// Its action.
        action: Action,
        /// Its family.
        family: Family,
    },
}

impl FormatTable {
    /// Reads a table and checks that every format has a line some stage can carry out.
    ///
    /// # Errors
    /// [`FormatTableError`] naming the line.
    pub fn from_toml(text: &str) -> Result<Self, FormatTableError> {
        let table: Self = toml::from_str(text).map_err(FormatTableError::Syntax)?;
        for format in Format::ALL {
            let rule = table.formats.get(format).ok_or(FormatTableError::Missing(*format))?;
            let possible = match rule.action {
                Action::Convert => matches!(rule.family, Family::Pdf | Family::Office | Family::Image),
                Action::Rebuild => matches!(rule.family, Family::Image | Family::Text),
                Action::Unpack => rule.family == Family::Archive,
                Action::Strip | Action::Withhold => true,
            };
            if !possible {
                return Err(FormatTableError::Impossible { format: *format, action: rule.action, family: rule.family });
            }
        }
        Ok(table)
    }

    /// The line of a format; `None` never happens for a table made by [`FormatTable::from_toml`].
    pub fn rule(&self, format: Format) -> Option<&FormatRule> {
        self.formats.get(&format)
    }

    /// What becomes of a format; without a line: withheld.
    pub fn action(&self, format: Format) -> Action {
        self.rule(format).map_or(Action::Withhold, |rule| rule.action)
    }

    /// Whether `extension` (lower case, no dot) is one this format may claim. No extension claims nothing.
    pub fn may_claim(&self, format: Format, extension: &str) -> bool {
        extension.is_empty() || self.rule(format).is_some_and(|rule| rule.extensions.iter().any(|e| e == extension))
    }

    /// All lines, in the order of [`Format`].
    pub fn lines(&self) -> impl Iterator<Item = (Format, &FormatRule)> {
        self.formats.iter().map(|(format, rule)| (*format, rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../rules/formats.toml");

    #[test]
    fn the_shipped_table_names_every_format_once() {
        let table = FormatTable::from_toml(SHIPPED).unwrap();
        assert_eq!(table.lines().count(), Format::ALL.len());
        assert_eq!(table.action(Format::Pe), Action::Strip);
        assert_eq!(table.action(Format::Unknown), Action::Withhold);
        assert!(table.may_claim(Format::Jpeg, "jpg") && !table.may_claim(Format::Pe, "pdf"));
    }

    #[test]
    fn a_table_that_forgets_a_format_or_asks_the_impossible_is_refused() {
        let without = SHIPPED.replace("\"lnk\" =", "# \"lnk\" =");
        assert!(matches!(FormatTable::from_toml(&without), Err(FormatTableError::Missing(Format::Lnk))));
        let unpacked_program = SHIPPED.replace("\"pe\" = { action = \"strip\"", "\"pe\" = { action = \"unpack\"");
        assert!(matches!(FormatTable::from_toml(&unpacked_program), Err(FormatTableError::Impossible { format: Format::Pe, .. })));
    }

    #[test]
    fn office_formats_force_their_filter() {
        let table = FormatTable::from_toml(SHIPPED).unwrap();
        for (format, rule) in table.lines() {
            assert_eq!(rule.office_filter.is_some(), rule.family == Family::Office && rule.action == Action::Convert, "{format}");
        }
    }
}

//! Active content: what can act by itself inside a document, named and counted.

use crate::coded_enum;
use serde::{Deserialize, Serialize};

coded_enum! {
    /// Kinds of active content that the line removes.
    ActiveContent {
        /// VBA project.
        VbaMacros = "vba-macros",
        /// Excel 4.0 macro sheets.
        XlmMacros = "xlm-macros",
        /// StarBasic or other macros in ODF.
        OdfMacros = "odf-macros",
        /// Event listeners that call scripts.
        EventListener = "event-listener",
        /// DDE links and DDE field codes.
        Dde = "dde",
        /// Links to content elsewhere.
        ExternalLink = "external-link",
        /// A template attached from elsewhere.
        RemoteTemplate = "remote-template",
        /// Images fetched from elsewhere.
        RemoteImage = "remote-image",
        /// Web queries and data connections.
        DataConnection = "data-connection",
        /// Hyperlinks.
        Hyperlink = "hyperlink",
        /// Embedded OLE objects and packages.
        OleObject = "ole-object",
        /// ActiveX controls.
        ActiveX = "activex",
        /// Fonts carried inside.
        EmbeddedFont = "embedded-font",
        /// Foreign chunks (`altChunk`).
        AltChunk = "alt-chunk",
        /// Custom XML parts.
        CustomXml = "custom-xml",
        /// Custom ribbon or add-in parts.
        CustomUi = "custom-ui",
        /// Printer settings.
        PrinterSettings = "printer-settings",
        /// External entities or document type declarations in XML.
        XmlDoctype = "xml-doctype",
        /// PDF JavaScript.
        PdfJavascript = "pdf-javascript",
        /// PDF actions that run when opened.
        PdfOpenAction = "pdf-open-action",
        /// PDF additional actions.
        PdfAdditionalActions = "pdf-additional-actions",
        /// PDF launch actions.
        PdfLaunch = "pdf-launch",
        /// PDF links to addresses.
        PdfUri = "pdf-uri",
        /// PDF jumps into other files.
        PdfRemoteGoTo = "pdf-remote-goto",
        /// PDF form submission or data import.
        PdfSubmitForm = "pdf-submit-form",
        /// PDF attachments.
        PdfAttachment = "pdf-attachment",
        /// PDF forms.
        PdfForm = "pdf-form",
        /// PDF XFA forms.
        PdfXfa = "pdf-xfa",
        /// PDF multimedia, 3D, sound.
        PdfMultimedia = "pdf-multimedia",
        /// PDF annotations of other kinds.
        PdfAnnotation = "pdf-annotation",
        /// PDF signatures.
        PdfSignature = "pdf-signature",
        /// PDF optional content.
        PdfOptionalContent = "pdf-optional-content",
        /// Scripts in HTML or SVG.
        Script = "script",
        /// Document metadata.
        Metadata = "metadata",
        /// Image metadata (EXIF, GPS, ICC, comments, thumbnails).
        ImageMetadata = "image-metadata",
        /// Further frames of an animation.
        AnimationFrames = "animation-frames",
        /// Formula starts in CSV cells, quoted.
        CsvFormula = "csv-formula",
        /// Control and invisible characters in text.
        TextControls = "text-controls",
    }
}

/// One line of the report's `removed[]`: what was taken out, where, how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// What it was.
    pub kind: ActiveContent,
    /// The part's name, escaped, where it has one.
    pub name: Option<String>,
    /// How many.
    pub count: u32,
}

//! Office documents, written part by part: OOXML, OpenDocument, RTF, the Excel 97 stream, VBA projects.

pub mod odf;
pub mod ole;
pub mod ooxml;
pub mod rtf;

/// Escapes text for XML content and attribute values.
pub(crate) fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A cell of a spreadsheet.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number, as written in the file.
    Number(String),
    /// A formula (without `=`) and its last value.
    Formula(String, String),
}

impl Cell {
    /// A text cell.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A number cell.
    pub fn number(value: impl ToString) -> Self {
        Self::Number(value.to_string())
    }
}

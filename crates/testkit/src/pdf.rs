//! PDF files written by hand (ISO 32000-1), honest and with active content, and one encrypted with a password.

use crate::{bits, image};
use anyhow::{Context as _, Result};

/// A4 in points.
const A4: (u32, u32) = (595, 842);

/// Collects objects and writes file, cross-reference table and trailer.
#[derive(Debug, Default, Clone)]
pub struct PdfBuilder {
    objects: Vec<Vec<u8>>,
}

impl PdfBuilder {
    /// A file without objects.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object; gives its number, counted from 1.
    pub fn add(&mut self, body: impl AsRef<[u8]>) -> usize {
        self.objects.push(body.as_ref().to_vec());
        self.objects.len()
    }

    /// Adds a stream; `entries` are further dictionary entries.
    pub fn stream(&mut self, entries: &str, content: &[u8]) -> usize {
        let mut body = format!("<< /Length {} {entries} >>\nstream\n", content.len()).into_bytes();
        body.extend(content);
        body.extend(b"\nendstream");
        self.add(body)
    }

    /// The number the next object will have.
    pub fn next(&self) -> usize {
        self.objects.len() + 1
    }

    /// The file, with catalogue `root`.
    pub fn finish(&self, root: usize) -> Vec<u8> {
        let mut out = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
        let mut table = String::new();
        for (index, body) in self.objects.iter().enumerate() {
            table.push_str(&format!("{:010} 00000 n \n", out.len()));
            out.extend(format!("{} 0 obj\n", index + 1).bytes());
            out.extend(body);
            out.extend(b"\nendobj\n");
        }
        let table_at = out.len();
        let size = self.next();
        let id = format!("{:08X}", bits::crc32(&out)).repeat(4);
        out.extend(format!("xref\n0 {size}\n0000000000 65535 f \n{table}").bytes());
        out.extend(format!("trailer\n<< /Size {size} /Root {root} 0 R /ID [<{id}> <{id}>] >>\nstartxref\n{table_at}\n%%EOF\n").bytes());
        out
    }
}

/// What stands on a page.
#[derive(Debug, Clone)]
enum Page {
    /// Text; the first line is a heading.
    Text(String),
    /// Text above a photograph (JPEG, its width and height in pixels).
    Photo(String, Vec<u8>, u16, u16),
    /// Nothing but a grey JPEG over the whole page.
    Scan(Vec<u8>, u16, u16),
}

/// Lines of at most `columns` characters, broken at spaces.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut out = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > columns {
                out.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        out.push(line);
    }
    out
}

fn pdf_string(text: &str) -> Vec<u8> {
    let mut out = vec![b'('];
    for byte in bits::windows_1252(text) {
        if matches!(byte, b'(' | b')' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b')');
    out
}

fn text_content(text: &str, number: usize, of: usize) -> Vec<u8> {
    let mut out = b"BT\n/F2 20 Tf\n56 770 Td\n".to_vec();
    for (index, line) in wrap(text, 88).iter().enumerate() {
        out.extend(pdf_string(line));
        out.extend(if index == 0 { &b" Tj\n/F1 11 Tf\n0 -32 Td\n"[..] } else { b" Tj\n0 -15 Td\n" });
    }
    out.extend(b"ET\nBT\n/F1 9 Tf\n270 40 Td\n");
    out.extend(pdf_string(&format!("Seite {number} von {of}")));
    out.extend(b" Tj\nET\n0.2 0.4 0.7 rg\n56 795 483 3 re f\n");
    out
}

/// Writes pages; `catalogue` are further entries of the catalogue, made after the pages.
fn document(pages: &[Page], catalogue: impl FnOnce(&mut PdfBuilder) -> String) -> Vec<u8> {
    let mut pdf = PdfBuilder::new();
    let fonts: Vec<usize> = ["Helvetica", "Helvetica-Bold"]
        .iter()
        .map(|name| pdf.add(format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>")))
        .collect();
    let font_names: String = fonts.iter().enumerate().map(|(i, id)| format!("/F{} {id} 0 R ", i + 1)).collect();
    // The page tree comes last; its number follows from what stands before it.
    let objects_before: usize = pages.iter().map(|page| if matches!(page, Page::Text(_)) { 2 } else { 3 }).sum();
    let tree = pdf.next() + objects_before;
    let mut kids = String::new();
    for (index, page) in pages.iter().enumerate() {
        let (content, jpeg) = match page {
            Page::Text(text) => (text_content(text, index + 1, pages.len()), None),
            Page::Photo(text, jpeg, w, h) => {
                let mut content = text_content(text, index + 1, pages.len());
                content.extend(format!("q 483 0 0 {} 56 120 cm /Bild Do Q\n", 483 * u32::from(*h) / u32::from(*w)).bytes());
                (content, Some((jpeg, *w, *h, "DeviceRGB")))
            }
            Page::Scan(jpeg, w, h) => {
                (format!("q {} 0 0 {} 0 0 cm /Bild Do Q\n", A4.0, A4.1).into_bytes(), Some((jpeg, *w, *h, "DeviceGray")))
            }
        };
        let picture = jpeg.map(|(jpeg, w, h, space)| {
            let entries = format!(
                "/Type /XObject /Subtype /Image /Width {w} /Height {h} /ColorSpace /{space} /BitsPerComponent 8 /Filter /DCTDecode"
            );
            pdf.stream(&entries, jpeg)
        });
        let pictures = picture.map_or(String::new(), |id| format!("/XObject << /Bild {id} 0 R >>"));
        let content = pdf.stream("/Filter /FlateDecode", &bits::zlib(&content));
        let page = pdf.add(format!(
            "<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {} {}] /Contents {content} 0 R /Resources << /Font << {font_names}>> {pictures} >> >>",
            A4.0, A4.1
        ));
        kids.push_str(&format!("{page} 0 R "));
    }
    let tree = pdf.add(format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", pages.len()));
    let entries = catalogue(&mut pdf);
    let root = pdf.add(format!("<< /Type /Catalog /Pages {tree} 0 R /Lang (de-DE) {entries} >>"));
    pdf.finish(root)
}

/// A PDF of text pages in standard fonts; the first line of each is its heading.
pub fn pdf<T: AsRef<str>>(pages: &[T]) -> Vec<u8> {
    let pages: Vec<Page> = pages.iter().map(|text| Page::Text(text.as_ref().to_owned())).collect();
    document(&pages, |_| String::new())
}

/// A PDF with a photograph under the text of its one page, and a text page.
///
/// # Errors
/// When the JPEG encoder refuses.
pub fn pdf_with_photo(first: &str, second: &str) -> Result<Vec<u8>> {
    let photo = image::jpeg_of(900, 600, image::landscape(900, 600))?;
    Ok(document(&[Page::Photo(first.to_owned(), photo, 900, 600), Page::Text(second.to_owned())], |_| String::new()))
}

/// A PDF whose pages are only pictures of text, as a scanner makes them.
///
/// # Errors
/// When the JPEG encoder refuses.
pub fn pdf_scanned(pages: &[&[&str]]) -> Result<Vec<u8>> {
    let (width, height) = (1240u16, 1754u16);
    let scans = pages
        .iter()
        .map(|lines| {
            let rows = image::scanned_page(width.into(), height.into(), lines, 3);
            Ok(Page::Scan(image::grey_jpeg_of(width, height, &rows)?, width, height))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(document(&scans, |_| String::new()))
}

/// A PDF that runs a (harmless) script when opened, has an attachment, a link and a form field.
pub fn pdf_with_active_content(text: &str) -> Vec<u8> {
    document(&[Page::Text(text.to_owned())], |pdf| {
        let script = pdf.add("<< /S /JavaScript /JS (app.alert\\('Hallo aus dem PDF'\\);) >>");
        let file = pdf.stream("/Type /EmbeddedFile /Subtype /text#2Fplain", b"Ein Anhang, der nicht mitgehen soll.\r\n");
        let spec = pdf.add(format!("<< /Type /Filespec /F (anhang.txt) /UF (anhang.txt) /EF << /F {file} 0 R >> >>"));
        let field = pdf.add("<< /FT /Tx /T (Kundennummer) /V (4711) >>");
        format!(
            "/OpenAction {script} 0 R /Names << /EmbeddedFiles << /Names [(anhang.txt) {spec} 0 R] >> \
             /JavaScript << /Names [(start) {script} 0 R] >> >> /AcroForm << /Fields [{field} 0 R] >>"
        )
    })
}

/// A PDF with a file attached, compressed.
pub fn pdf_with_attachment(text: &str, name: &str, bytes: &[u8]) -> Vec<u8> {
    document(&[Page::Text(text.to_owned())], |pdf| {
        let file = pdf.stream("/Type /EmbeddedFile /Filter /FlateDecode", &bits::zlib(bytes));
        let spec = pdf.add(format!("<< /Type /Filespec /F ({name}) /UF ({name}) /EF << /F {file} 0 R >> >>"));
        format!("/Names << /EmbeddedFiles << /Names [({name}) {spec} 0 R] >> >>")
    })
}

/// A PDF that needs a password to open (RC4, 128 bits: standard security handler, revision 3).
///
/// # Errors
/// When the encryption library refuses.
pub fn pdf_encrypted(text: &str, password: &str) -> Result<Vec<u8>> {
    use lopdf::encryption::{EncryptionState, EncryptionVersion, Permissions};
    let mut document = lopdf::Document::load_mem(&pdf(&[text])).context("reading our own PDF")?;
    let version = EncryptionVersion::V2 {
        document: &document,
        owner_password: "Besitzer",
        user_password: password,
        key_length: 128,
        permissions: Permissions::all(),
    };
    let state = EncryptionState::try_from(version).context("encryption parameters")?;
    document.encrypt(&state).context("encryption")?;
    // The library fills the second half of /U with random bytes; they mean nothing (ISO 32000-1, 7.6.3.4, algorithm 5).
    let dictionary = document.trailer.get(b"Encrypt").and_then(lopdf::Object::as_reference).context("encryption dictionary")?;
    let entries = document.get_object_mut(dictionary).and_then(lopdf::Object::as_dict_mut).context("encryption dictionary")?;
    let user = entries.get_mut(b"U").and_then(lopdf::Object::as_str_mut).context("entry /U")?;
    user.get_mut(16..).context("entry /U")?.fill(0);
    let mut out = Vec::new();
    document.save_to(&mut out).context("writing")?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_independent_reader_finds_every_page_and_its_text() {
        let document = lopdf::Document::load_mem(&pdf(&["Eins\nErster Text", "Zwei\nGrößere (Übung)"])).unwrap();
        assert_eq!(document.get_pages().len(), 2);
        assert!(document.extract_text(&[2]).unwrap().contains("Größere (Übung)"));
    }

    #[test]
    fn the_encrypted_one_opens_with_its_password_only() {
        let bytes = pdf_encrypted("Geheim\nInhalt", "Passwort").unwrap();
        let document = lopdf::Document::load_mem(&bytes).unwrap();
        assert!(document.is_encrypted());
        assert!(document.authenticate_user_password("falsch").is_err());
        assert!(document.authenticate_user_password("Passwort").is_ok());
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("eins zwei drei\nvier", 9), ["eins zwei", "drei", "vier"]);
    }
}

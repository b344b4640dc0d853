//! OpenDocument text, spreadsheet and presentation (OASIS ODF 1.2).

use super::{Cell, xml};
use crate::archive::ZipBuilder;

const NAMESPACES: &str = "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" \
    xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" xmlns:draw=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\" \
    xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" xmlns:fo=\"urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0\" \
    xmlns:svg=\"urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0\" \
    xmlns:presentation=\"urn:oasis:names:tc:opendocument:xmlns:presentation:1.0\"";
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

fn package(mime: &str, automatic: &str, body: &str, layout: &str) -> Vec<u8> {
    let content = format!(
        "{HEAD}<office:document-content {NAMESPACES} office:version=\"1.2\"><office:automatic-styles>{automatic}</office:automatic-styles>\
         <office:body>{body}</office:body></office:document-content>"
    );
    let styles = format!(
        "{HEAD}<office:document-styles {NAMESPACES} office:version=\"1.2\"><office:styles><style:style style:name=\"Heading_20_1\" \
         style:display-name=\"Heading 1\" style:family=\"paragraph\"><style:text-properties fo:font-size=\"18pt\" fo:font-weight=\"bold\"/></style:style>\
         </office:styles>{layout}</office:document-styles>"
    );
    let manifest = format!(
        "{HEAD}<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\" manifest:version=\"1.2\">\
         <manifest:file-entry manifest:full-path=\"/\" manifest:media-type=\"{mime}\"/>\
         <manifest:file-entry manifest:full-path=\"content.xml\" manifest:media-type=\"text/xml\"/>\
         <manifest:file-entry manifest:full-path=\"styles.xml\" manifest:media-type=\"text/xml\"/></manifest:manifest>"
    );
    ZipBuilder::new()
        .stored("mimetype", mime.as_bytes())
        .deflated("content.xml", content.as_bytes())
        .deflated("styles.xml", styles.as_bytes())
        .deflated("META-INF/manifest.xml", manifest.as_bytes())
        .finish()
}

/// A text document; a paragraph that begins with `# ` is a heading, one that is a form feed starts a page.
pub fn odt<T: AsRef<str>>(paragraphs: &[T]) -> Vec<u8> {
    let mut body = String::new();
    let mut break_before = false;
    for paragraph in paragraphs {
        let text = paragraph.as_ref();
        if text == "\u{C}" {
            break_before = true;
            continue;
        }
        let style = if break_before { " text:style-name=\"Umbruch\"" } else { "" };
        break_before = false;
        body.push_str(&match text.strip_prefix("# ") {
            Some(heading) if style.is_empty() => {
                format!("<text:h text:style-name=\"Heading_20_1\" text:outline-level=\"1\">{}</text:h>", xml(heading))
            }
            Some(heading) => format!("<text:h{style} text:outline-level=\"1\">{}</text:h>", xml(heading)),
            None => format!("<text:p{style}>{}</text:p>", xml(text)),
        });
    }
    let automatic = "<style:style style:name=\"Umbruch\" style:family=\"paragraph\" style:parent-style-name=\"Heading_20_1\">\
                     <style:paragraph-properties fo:break-before=\"page\"/></style:style>";
    package("application/vnd.oasis.opendocument.text", automatic, &format!("<office:text>{body}</office:text>"), "")
}

/// A spreadsheet: sheets of name and rows.
pub fn ods(sheets: &[(&str, Vec<Vec<Cell>>)]) -> Vec<u8> {
    let mut body = String::new();
    for (name, rows) in sheets {
        body.push_str(&format!("<table:table table:name=\"{}\">", xml(name)));
        for row in rows {
            body.push_str("<table:table-row>");
            for cell in row {
                body.push_str(&match cell {
                    Cell::Text(text) => {
                        format!("<table:table-cell office:value-type=\"string\"><text:p>{}</text:p></table:table-cell>", xml(text))
                    }
                    Cell::Number(value) => format!(
                        "<table:table-cell office:value-type=\"float\" office:value=\"{value}\"><text:p>{value}</text:p></table:table-cell>"
                    ),
                    Cell::Formula(formula, value) => format!(
                        "<table:table-cell table:formula=\"of:={}\" office:value-type=\"float\" office:value=\"{value}\"><text:p>{value}</text:p></table:table-cell>",
                        xml(formula)
                    ),
                });
            }
            body.push_str("</table:table-row>");
        }
        body.push_str("</table:table>");
    }
    let body = format!("<office:spreadsheet>{body}</office:spreadsheet>");
    package("application/vnd.oasis.opendocument.spreadsheet", "", &body, "")
}

/// A presentation; a slide is its title and its lines.
pub fn odp(slides: &[(&str, Vec<String>)]) -> Vec<u8> {
    let mut body = String::new();
    for (i, (title, lines)) in slides.iter().enumerate() {
        let paragraphs: String = lines.iter().map(|line| format!("<text:p>{}</text:p>", xml(line))).collect();
        body.push_str(&format!(
            "<draw:page draw:name=\"Folie {}\" draw:master-page-name=\"Standard\"><draw:frame svg:x=\"2cm\" svg:y=\"1cm\" svg:width=\"24cm\" svg:height=\"3cm\">\
             <draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame><draw:frame svg:x=\"2cm\" svg:y=\"5cm\" svg:width=\"24cm\" svg:height=\"12cm\">\
             <draw:text-box>{paragraphs}</draw:text-box></draw:frame></draw:page>",
            i + 1,
            xml(title)
        ));
    }
    let layout = "<office:automatic-styles><style:page-layout style:name=\"PM\"><style:page-layout-properties fo:page-width=\"28cm\" fo:page-height=\"21cm\" \
                  style:print-orientation=\"landscape\"/></style:page-layout></office:automatic-styles><office:master-styles>\
                  <style:master-page style:name=\"Standard\" style:page-layout-name=\"PM\"/></office:master-styles>";
    let body = format!("<office:presentation>{body}</office:presentation>");
    package("application/vnd.oasis.opendocument.presentation", "", &body, layout)
}

//! Texts that start with a tag: HTML, XML and what hides behind a root element.

use model::Format;

/// `body` without leading blanks, `lower` its start in lower case.
pub(super) fn classify(body: &str, lower: &str, extension: &str) -> Option<Format> {
    if lower.contains("<hta:application") && lower.starts_with('<') || extension == "hta" {
        return Some(Format::Hta);
    }
    if !lower.starts_with('<') {
        return matches!(extension, "html" | "htm" | "xhtml" | "shtml").then_some(Format::Html);
    }
    if lower.starts_with("<?php") || lower.starts_with("<?=") {
        return Some(Format::ScriptPhp);
    }
    let xml = lower.starts_with("<?xml");
    let (root, doctype_html) = root(lower);
    let local = root.rsplit(':').next().unwrap_or_default();
    if !xml && !doctype_html && decorates_markdown(&root, extension) {
        return None;
    }
    let format = match (root.as_str(), local) {
        ("job" | "package", _) if !lower.contains("schemas.microsoft.com/office") && lower.contains("<script") => Format::ScriptWsf,
        ("scriptlet" | "component", _) if lower.contains("<script") || lower.contains("<registration") => Format::ScriptWsf,
        (_, "stylesheet" | "transform") if lower.contains("msxsl:script") || lower.contains("urn:schemas-microsoft-com:xslt") => {
            Format::ScriptWsf
        }
        (_, "svg") => Format::Svg,
        (_, "librarydescription" | "searchconnectordescription" | "pcsettings") => Format::Shortcut,
        ("asmv1:assembly", _) if extension == "application" => Format::Shortcut,
        ("office:document", _) => Format::OdfFlat,
        ("pkg:package" | "w:worddocument", _) => Format::PackageUnknown,
        ("workbook" | "ss:workbook", _) if body.contains("urn:schemas-microsoft-com:office") => Format::PackageUnknown,
        (_, "html") => Format::Html,
        _ if doctype_html || !xml && is_html_tag(&root) => Format::Html,
        _ if matches!(extension, "html" | "htm" | "xhtml" | "shtml") => Format::Html,
        _ if xml || looks_closed(lower, &root) || extension == "xml" => Format::Xml,
        _ => return None,
    };
    // A page with server code in it is that code.
    let served = format == Format::Html && (lower.contains("<?php") || matches!(extension, "php" | "phtml"));
    Some(if served { Format::ScriptPhp } else { format })
}

/// Markdown may start with tags of its pictures and badges; a page it is not.
fn decorates_markdown(root: &str, extension: &str) -> bool {
    let of_pages = matches!(root, "html" | "head" | "body" | "script" | "meta" | "iframe" | "frameset" | "form" | "link" | "style");
    matches!(extension, "md" | "markdown") && !of_pages
}

fn is_html_tag(root: &str) -> bool {
    const TAGS: [&str; 26] = [
        "html", "head", "body", "script", "meta", "title", "table", "div", "span", "p", "a", "iframe", "frameset", "center", "font", "h1",
        "h2", "h3", "ul", "ol", "br", "img", "style", "link", "form", "pre",
    ];
    TAGS.contains(&root)
}

fn looks_closed(lower: &str, root: &str) -> bool {
    !root.is_empty() && (lower.contains(&format!("</{root}>")) || lower.contains("/>"))
}

/// Name of the first element, and whether the document type says HTML. Comments, instructions and the type are skipped.
fn root(lower: &str) -> (String, bool) {
    let mut rest = lower;
    let mut html = false;
    // BOUND: every step moves past a closing mark; a start longer than the sample ends the search.
    loop {
        rest = rest.trim_start();
        let end = if rest.starts_with("<!--") {
            rest.find("-->").map(|at| at + 3)
        } else if rest.starts_with("<?") {
            rest.find("?>").map(|at| at + 2)
        } else if rest.starts_with("<!") {
            html |= rest.get(..200.min(rest.len())).unwrap_or(rest).split_whitespace().nth(1).is_some_and(|name| name.starts_with("html"));
            let subset = rest.find('[').filter(|open| rest.find('>').is_some_and(|close| *open < close));
            subset.map_or_else(|| rest.find('>').map(|at| at + 1), |_| rest.find("]>").map(|at| at + 2))
        } else {
            break;
        };
        let Some(next) = end.and_then(|end| rest.get(end..)) else {
            return (String::new(), html);
        };
        rest = next;
    }
    let name = rest.strip_prefix('<').unwrap_or_default();
    let end = name.find(|c: char| !(c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.'))).unwrap_or(name.len());
    (name.get(..end).unwrap_or_default().to_owned(), html)
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use model::Format;

    #[test]
    fn roots() {
        for (source, extension, format) in [
            ("<!DOCTYPE html>\n<html></html>", "", Format::Html),
            ("<!-- saved --><HTML><body>x", "", Format::Html),
            ("<script>alert(1)</script>", "txt", Format::Html),
            ("<?xml version=\"1.0\"?><svg xmlns=\"x\"/>", "", Format::Svg),
            ("<!DOCTYPE svg PUBLIC \"x\" [ <!ENTITY a \"b\"> ]><svg/>", "", Format::Svg),
            ("<?xml version=\"1.0\"?><note><a/></note>", "", Format::Xml),
            ("<?xml version='1.0'?><office:document xmlns:office='x'/>", "", Format::OdfFlat),
            ("<job><script language=\"JScript\">x</script></job>", "", Format::ScriptWsf),
            ("<?xml version=\"1.0\"?><scriptlet><registration/></scriptlet>", "txt", Format::ScriptWsf),
            ("<html><hta:application id=x></html>", "html", Format::Hta),
            ("<?xml version=\"1.0\"?><libraryDescription/>", "", Format::Shortcut),
            ("<?php echo 1;", "txt", Format::ScriptPhp),
            ("<html><?php echo 1; ?></html>", "", Format::ScriptPhp),
            ("<name@example.org> wrote:", "txt", Format::Txt),
            ("<h1 align=\"center\">Title</h1>\n\ntext", "md", Format::Txt),
            ("<script>x</script>", "md", Format::Html),
        ] {
            assert_eq!(text::classify(source, extension), format, "{source}");
        }
    }
}

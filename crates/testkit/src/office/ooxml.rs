//! Word, Excel and PowerPoint as OOXML packages (ECMA-376), with the active parts the line must take out.

use super::{Cell, xml};
use crate::archive::ZipBuilder;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const WORD: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const SHEET: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const SLIDE: &str = "http://schemas.openxmlformats.org/presentationml/2006/main";
const DRAWING: &str = "http://schemas.openxmlformats.org/drawingml/2006/main";

/// A package under construction: parts, their content types, their relationships.
#[derive(Debug, Clone, Default)]
pub struct Package {
    parts: Vec<(String, Vec<u8>)>,
    types: Vec<(String, String)>,
    relations: Vec<(String, String)>,
}

impl Package {
    fn part(&mut self, name: &str, content_type: &str, body: impl AsRef<[u8]>) {
        self.parts.push((name.to_owned(), body.as_ref().to_vec()));
        self.types.push((name.to_owned(), content_type.to_owned()));
    }

    /// Relationship of the part `of` (empty: the package); `external` targets are addresses.
    fn relate(&mut self, of: &str, id: &str, kind: &str, target: &str, external: bool) {
        let mode = if external { " TargetMode=\"External\"" } else { "" };
        let line = format!("<Relationship Id=\"{id}\" Type=\"{kind}\" Target=\"{}\"{mode}/>", xml(target));
        let file = match of.rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/_rels/{name}.rels"),
            None => format!("_rels/{of}.rels"),
        };
        self.relations.push((file, line));
    }

    /// The part with this name, to change it.
    fn body_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        self.parts.iter_mut().find(|(part, _)| part == name).map(|(_, body)| body)
    }

    fn properties(&mut self, title: &str) {
        let core = format!(
            "{HEAD}<cp:coreProperties xmlns:cp=\"{PACKAGE}/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
             xmlns:dcterms=\"http://purl.org/dc/terms/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{}</dc:title>\
             <dc:creator>Erika Mustermann</dc:creator><dcterms:created xsi:type=\"dcterms:W3CDTF\">2026-01-15T12:00:00Z</dcterms:created>\
             </cp:coreProperties>",
            xml(title)
        );
        self.part("docProps/core.xml", "application/vnd.openxmlformats-package.core-properties+xml", core);
        self.relate("", "rIdCore", &format!("{PACKAGE}/relationships/metadata/core-properties"), "docProps/core.xml", false);
    }

    /// Adds a part no content type list knows, as droppers do.
    #[must_use]
    pub fn with_stray_part(mut self, name: &str, body: &[u8]) -> Self {
        self.part(name, "application/octet-stream", body);
        self
    }

    /// Adds a VBA project to the main part and makes the package a macro-enabled one.
    #[must_use]
    pub fn with_vba(mut self, project: &[u8]) -> Self {
        let main = self.types.iter().map(|(name, _)| name.clone()).find(|n| matches!(n.as_str(), "word/document.xml" | "xl/workbook.xml"));
        let Some(main) = main else { return self };
        let folder = main.split('/').next().unwrap_or_default().to_owned();
        self.part(&format!("{folder}/vbaProject.bin"), "application/vnd.ms-office.vbaProject", project);
        self.relate(&main, "rIdVba", "http://schemas.microsoft.com/office/2006/relationships/vbaProject", "vbaProject.bin", false);
        for (name, kind) in &mut self.types {
            if *name == main {
                let application = if folder == "word" { "word.document" } else { "excel.sheet" };
                *kind = format!("application/vnd.ms-{application}.macroEnabled.main+xml");
            }
        }
        self
    }

    /// Word: a template fetched from a server when the document is opened.
    #[must_use]
    pub fn with_remote_template(mut self, address: &str) -> Self {
        let settings =
            format!("{HEAD}<w:settings xmlns:w=\"{WORD}\" xmlns:r=\"{OFFICE}\"><w:attachedTemplate r:id=\"rIdTemplate\"/></w:settings>");
        self.part("word/settings.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.settings+xml", settings);
        self.relate("word/document.xml", "rIdSettings", &format!("{OFFICE}/settings"), "settings.xml", false);
        self.relate("word/settings.xml", "rIdTemplate", &format!("{OFFICE}/attachedTemplate"), address, true);
        self
    }

    /// Word: a picture fetched from a server when the page is shown.
    #[must_use]
    pub fn with_remote_image(mut self, address: &str) -> Self {
        self.relate("word/document.xml", "rIdRemote", &format!("{OFFICE}/image"), address, true);
        self.insert_picture("r:link=\"rIdRemote\"", 60, 60);
        self
    }

    /// Word: an embedded JPEG, width and height in millimetres.
    #[must_use]
    pub fn with_jpeg(mut self, jpeg: &[u8], width_mm: u32, height_mm: u32) -> Self {
        self.part("word/media/bild.jpeg", "image/jpeg", jpeg);
        self.relate("word/document.xml", "rIdBild", &format!("{OFFICE}/image"), "media/bild.jpeg", false);
        self.insert_picture("r:embed=\"rIdBild\"", width_mm, height_mm);
        self
    }

    fn insert_picture(&mut self, blip: &str, width_mm: u32, height_mm: u32) {
        let (cx, cy) = (width_mm * 36_000, height_mm * 36_000);
        let wp = "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing";
        let pic = "http://schemas.openxmlformats.org/drawingml/2006/picture";
        let drawing = format!(
            "<w:p><w:r><w:drawing><wp:inline xmlns:wp=\"{wp}\"><wp:extent cx=\"{cx}\" cy=\"{cy}\"/><wp:docPr id=\"1\" name=\"Bild\"/>\
             <a:graphic xmlns:a=\"{DRAWING}\"><a:graphicData uri=\"{pic}\"><pic:pic xmlns:pic=\"{pic}\"><pic:nvPicPr><pic:cNvPr id=\"1\" name=\"Bild\"/>\
             <pic:cNvPicPr/></pic:nvPicPr><pic:blipFill><a:blip {blip}/><a:stretch><a:fillRect/></a:stretch></pic:blipFill><pic:spPr><a:xfrm>\
             <a:off x=\"0\" y=\"0\"/><a:ext cx=\"{cx}\" cy=\"{cy}\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></pic:spPr>\
             </pic:pic></a:graphicData></a:graphic></wp:inline></w:drawing></w:r></w:p>"
        );
        if let Some(body) = self.body_mut("word/document.xml") {
            let text = String::from_utf8_lossy(body).replace("<w:sectPr>", &format!("{drawing}<w:sectPr>"));
            *body = text.into_bytes();
        }
    }

    /// Excel: a link to another workbook and one to a DDE server.
    #[must_use]
    pub fn with_external_links(mut self, workbook: &str, dde_service: &str, dde_topic: &str) -> Self {
        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.externalLink+xml";
        let book = format!(
            "{HEAD}<externalLink xmlns=\"{SHEET}\"><externalBook xmlns:r=\"{OFFICE}\" r:id=\"rId1\"><sheetNames><sheetName val=\"Preise\"/>\
             </sheetNames></externalBook></externalLink>"
        );
        let dde = format!(
            "{HEAD}<externalLink xmlns=\"{SHEET}\"><ddeLink ddeService=\"{}\" ddeTopic=\"{}\"><ddeItems><ddeItem name=\"Kurs\" advise=\"1\"/>\
             </ddeItems></ddeLink></externalLink>",
            xml(dde_service),
            xml(dde_topic)
        );
        self.part("xl/externalLinks/externalLink1.xml", kind, book);
        self.part("xl/externalLinks/externalLink2.xml", kind, dde);
        self.relate("xl/externalLinks/externalLink1.xml", "rId1", &format!("{OFFICE}/externalLinkPath"), workbook, true);
        for number in 1..=2 {
            let target = format!("externalLinks/externalLink{number}.xml");
            self.relate("xl/workbook.xml", &format!("rIdExt{number}"), &format!("{OFFICE}/externalLink"), &target, false);
        }
        if let Some(body) = self.body_mut("xl/workbook.xml") {
            let references = "</sheets><externalReferences><externalReference r:id=\"rIdExt1\"/><externalReference r:id=\"rIdExt2\"/></externalReferences>";
            *body = String::from_utf8_lossy(body).replace("</sheets>", references).into_bytes();
        }
        self
    }

    /// The package as a ZIP.
    pub fn finish(&self) -> Vec<u8> {
        let overrides: String =
            self.types.iter().map(|(name, kind)| format!("<Override PartName=\"/{name}\" ContentType=\"{kind}\"/>")).collect();
        let types = format!(
            "{HEAD}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" \
             ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/>\
             {overrides}</Types>"
        );
        let mut zip = ZipBuilder::new().deflated("[Content_Types].xml", types.as_bytes());
        let mut files: Vec<&str> = self.relations.iter().map(|(file, _)| file.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            let lines: String = self.relations.iter().filter(|(f, _)| f == file).map(|(_, line)| line.as_str()).collect();
            let body = format!("{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\">{lines}</Relationships>");
            zip = zip.deflated(file, body.as_bytes());
        }
        for (name, body) in &self.parts {
            zip = zip.deflated(name, body);
        }
        zip.finish()
    }
}

/// A Word document; a paragraph that begins with `# ` is a heading, one that is a form feed a page break.
pub fn docx_package<T: AsRef<str>>(paragraphs: &[T]) -> Package {
    let body: String = paragraphs
        .iter()
        .map(|paragraph| match paragraph.as_ref() {
            "\u{C}" => "<w:p><w:r><w:br w:type=\"page\"/></w:r></w:p>".to_owned(),
            text => match text.strip_prefix("# ") {
                Some(heading) => format!(
                    "<w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t xml:space=\"preserve\">{}</w:t></w:r></w:p>",
                    xml(heading)
                ),
                None => format!("<w:p><w:r><w:t xml:space=\"preserve\">{}</w:t></w:r></w:p>", xml(text)),
            },
        })
        .collect();
    let document = format!(
        "{HEAD}<w:document xmlns:w=\"{WORD}\" xmlns:r=\"{OFFICE}\"><w:body>{body}<w:sectPr><w:pgSz w:w=\"11906\" w:h=\"16838\"/>\
         <w:pgMar w:top=\"1417\" w:right=\"1417\" w:bottom=\"1134\" w:left=\"1417\" w:header=\"708\" w:footer=\"708\" w:gutter=\"0\"/></w:sectPr>\
         </w:body></w:document>"
    );
    let styles = format!(
        "{HEAD}<w:styles xmlns:w=\"{WORD}\"><w:docDefaults><w:rPrDefault><w:rPr><w:rFonts w:ascii=\"Liberation Sans\" w:hAnsi=\"Liberation Sans\"/>\
         <w:sz w:val=\"22\"/><w:lang w:val=\"de-DE\"/></w:rPr></w:rPrDefault></w:docDefaults><w:style w:type=\"paragraph\" w:default=\"1\" \
         w:styleId=\"Normal\"><w:name w:val=\"Normal\"/><w:pPr><w:spacing w:after=\"160\" w:line=\"276\" w:lineRule=\"auto\"/></w:pPr></w:style>\
         <w:style w:type=\"paragraph\" w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/><w:basedOn w:val=\"Normal\"/><w:rPr><w:b/>\
         <w:color w:val=\"1F4E79\"/><w:sz w:val=\"34\"/></w:rPr></w:style></w:styles>"
    );
    let mut package = Package::default();
    package.part("word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml", document);
    package.part("word/styles.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml", styles);
    package.relate("", "rId1", &format!("{OFFICE}/officeDocument"), "word/document.xml", false);
    package.relate("word/document.xml", "rIdStyles", &format!("{OFFICE}/styles"), "styles.xml", false);
    package.properties(paragraphs.first().map_or("", |p| p.as_ref().trim_start_matches("# ")));
    package
}

/// A Word document as bytes; see [`docx_package`].
pub fn docx<T: AsRef<str>>(paragraphs: &[T]) -> Vec<u8> {
    docx_package(paragraphs).finish()
}

/// One sheet: name, whether hidden, rows.
pub type Sheet<'a> = (&'a str, bool, Vec<Vec<Cell>>);

fn sheet_xml(rows: &[Vec<Cell>]) -> String {
    let mut body = String::new();
    for (row, cells) in rows.iter().enumerate() {
        body.push_str(&format!("<row r=\"{}\">", row + 1));
        for (column, cell) in cells.iter().enumerate() {
            let at = format!("{}{}", char::from(b'A' + (column % 26) as u8), row + 1);
            body.push_str(&match cell {
                Cell::Text(text) => format!("<c r=\"{at}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>", xml(text)),
                Cell::Number(value) => format!("<c r=\"{at}\"><v>{value}</v></c>"),
                Cell::Formula(formula, value) => {
                    format!("<c r=\"{at}\"><f>{}</f><v>{value}</v></c>", xml(formula))
                }
            });
        }
        body.push_str("</row>");
    }
    format!(
        "{HEAD}<worksheet xmlns=\"{SHEET}\"><cols><col min=\"1\" max=\"8\" width=\"18\" customWidth=\"1\"/></cols><sheetData>{body}</sheetData></worksheet>"
    )
}

/// An Excel workbook.
pub fn xlsx_package(sheets: &[Sheet<'_>]) -> Package {
    let mut package = Package::default();
    let list: String = sheets
        .iter()
        .enumerate()
        .map(|(i, (name, hidden, _))| {
            let state = if *hidden { " state=\"hidden\"" } else { "" };
            format!("<sheet name=\"{}\" sheetId=\"{}\"{state} r:id=\"rId{}\"/>", xml(name), i + 1, i + 1)
        })
        .collect();
    let workbook = format!("{HEAD}<workbook xmlns=\"{SHEET}\" xmlns:r=\"{OFFICE}\"><sheets>{list}</sheets></workbook>");
    package.part("xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml", workbook);
    package.relate("", "rId1", &format!("{OFFICE}/officeDocument"), "xl/workbook.xml", false);
    for (i, (_, _, rows)) in sheets.iter().enumerate() {
        let name = format!("worksheets/sheet{}.xml", i + 1);
        let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml";
        package.part(&format!("xl/{name}"), kind, sheet_xml(rows));
        package.relate("xl/workbook.xml", &format!("rId{}", i + 1), &format!("{OFFICE}/worksheet"), &name, false);
    }
    package.properties(sheets.first().map_or("", |(name, _, _)| name));
    package
}

fn text_shape(id: u32, at: (u32, u32), size: (u32, u32), points: u32, lines: &[String]) -> String {
    let paragraphs: String = lines
        .iter()
        .map(|line| format!("<a:p><a:r><a:rPr lang=\"de-DE\" sz=\"{}\"/><a:t>{}</a:t></a:r></a:p>", points * 100, xml(line)))
        .collect();
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"{id}\" name=\"Text {id}\"/><p:cNvSpPr txBox=\"1\"/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm><a:off x=\"{}\" y=\"{}\"/>\
         <a:ext cx=\"{}\" cy=\"{}\"/></a:xfrm><a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom></p:spPr><p:txBody><a:bodyPr wrap=\"square\"/>{paragraphs}</p:txBody></p:sp>",
        at.0, at.1, size.0, size.1
    )
}

fn slide_part(element: &str, shapes: &str, rest: &str) -> String {
    format!(
        "{HEAD}<p:{element} xmlns:p=\"{SLIDE}\" xmlns:a=\"{DRAWING}\" xmlns:r=\"{OFFICE}\"><p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id=\"1\" name=\"\"/>\
         <p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>{shapes}</p:spTree></p:cSld>{rest}</p:{element}>"
    )
}

fn theme() -> String {
    let colours: String = [
        ("dk1", "000000"),
        ("lt1", "FFFFFF"),
        ("dk2", "1F497D"),
        ("lt2", "EEECE1"),
        ("accent1", "4F81BD"),
        ("accent2", "C0504D"),
        ("accent3", "9BBB59"),
        ("accent4", "8064A2"),
        ("accent5", "4BACC6"),
        ("accent6", "F79646"),
        ("hlink", "0000FF"),
        ("folHlink", "800080"),
    ]
    .iter()
    .map(|(name, value)| format!("<a:{name}><a:srgbClr val=\"{value}\"/></a:{name}>"))
    .collect();
    let font = "<a:latin typeface=\"Liberation Sans\"/><a:ea typeface=\"\"/><a:cs typeface=\"\"/>";
    let fill = "<a:solidFill><a:schemeClr val=\"phClr\"/></a:solidFill>";
    let line = format!("<a:ln w=\"9525\">{fill}</a:ln>");
    let effect = "<a:effectStyle><a:effectLst/></a:effectStyle>";
    format!(
        "{HEAD}<a:theme xmlns:a=\"{DRAWING}\" name=\"Schlicht\"><a:themeElements><a:clrScheme name=\"Schlicht\">{colours}</a:clrScheme>\
         <a:fontScheme name=\"Schlicht\"><a:majorFont>{font}</a:majorFont><a:minorFont>{font}</a:minorFont></a:fontScheme>\
         <a:fmtScheme name=\"Schlicht\"><a:fillStyleLst>{}</a:fillStyleLst><a:lnStyleLst>{}</a:lnStyleLst><a:effectStyleLst>{}</a:effectStyleLst>\
         <a:bgFillStyleLst>{}</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>",
        fill.repeat(3),
        line.repeat(3),
        effect.repeat(3),
        fill.repeat(3)
    )
}

/// A PowerPoint presentation; a slide is its title and its lines.
pub fn pptx(slides: &[(&str, Vec<String>)]) -> Vec<u8> {
    let kind = |name: &str| format!("application/vnd.openxmlformats-officedocument.presentationml.{name}+xml");
    let mut package = Package::default();
    let list: String = (0..slides.len()).map(|i| format!("<p:sldId id=\"{}\" r:id=\"rIdS{}\"/>", 256 + i, i + 1)).collect();
    let presentation = format!(
        "{HEAD}<p:presentation xmlns:p=\"{SLIDE}\" xmlns:a=\"{DRAWING}\" xmlns:r=\"{OFFICE}\"><p:sldMasterIdLst><p:sldMasterId id=\"2147483648\" r:id=\"rIdM\"/>\
         </p:sldMasterIdLst><p:sldIdLst>{list}</p:sldIdLst><p:sldSz cx=\"9144000\" cy=\"6858000\"/><p:notesSz cx=\"6858000\" cy=\"9144000\"/></p:presentation>"
    );
    package.part("ppt/presentation.xml", &kind("presentation.main"), presentation);
    package.relate("", "rId1", &format!("{OFFICE}/officeDocument"), "ppt/presentation.xml", false);
    package.relate("ppt/presentation.xml", "rIdM", &format!("{OFFICE}/slideMaster"), "slideMasters/slideMaster1.xml", false);
    let map = "<p:clrMap bg1=\"lt1\" tx1=\"dk1\" bg2=\"lt2\" tx2=\"dk2\" accent1=\"accent1\" accent2=\"accent2\" accent3=\"accent3\" accent4=\"accent4\" \
               accent5=\"accent5\" accent6=\"accent6\" hlink=\"hlink\" folHlink=\"folHlink\"/><p:sldLayoutIdLst><p:sldLayoutId id=\"2147483649\" r:id=\"rId1\"/></p:sldLayoutIdLst>";
    package.part("ppt/slideMasters/slideMaster1.xml", &kind("slideMaster"), slide_part("sldMaster", "", map));
    package.part("ppt/slideLayouts/slideLayout1.xml", &kind("slideLayout"), slide_part("sldLayout", "", ""));
    package.part("ppt/theme/theme1.xml", "application/vnd.openxmlformats-officedocument.theme+xml", theme());
    package.relate(
        "ppt/slideMasters/slideMaster1.xml",
        "rId1",
        &format!("{OFFICE}/slideLayout"),
        "../slideLayouts/slideLayout1.xml",
        false,
    );
    package.relate("ppt/slideMasters/slideMaster1.xml", "rId2", &format!("{OFFICE}/theme"), "../theme/theme1.xml", false);
    package.relate(
        "ppt/slideLayouts/slideLayout1.xml",
        "rId1",
        &format!("{OFFICE}/slideMaster"),
        "../slideMasters/slideMaster1.xml",
        false,
    );
    for (i, (title, lines)) in slides.iter().enumerate() {
        let name = format!("ppt/slides/slide{}.xml", i + 1);
        let shapes = text_shape(2, (600_000, 400_000), (8_000_000, 900_000), 36, &[(*title).to_owned()])
            + &text_shape(3, (600_000, 1_600_000), (8_000_000, 4_500_000), 20, lines);
        package.part(&name, &kind("slide"), slide_part("sld", &shapes, ""));
        package.relate(
            "ppt/presentation.xml",
            &format!("rIdS{}", i + 1),
            &format!("{OFFICE}/slide"),
            &format!("slides/slide{}.xml", i + 1),
            false,
        );
        package.relate(&name, "rId1", &format!("{OFFICE}/slideLayout"), "../slideLayouts/slideLayout1.xml", false);
    }
    package.properties(slides.first().map_or("", |(title, _)| title));
    package.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: Vec<u8>) -> Vec<String> {
        let zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        zip.file_names().map(|name| name.unwrap().into_owned()).collect()
    }

    #[test]
    fn every_relationship_file_stands_beside_its_part() {
        let package = docx_package(&["# Titel", "Text"]).with_remote_template("https://vorlagen.example.org/a.dotx");
        let names = names(package.finish());
        assert!(names.contains(&"word/_rels/settings.xml.rels".to_owned()), "{names:?}");
        assert!(names.contains(&"_rels/.rels".to_owned()), "{names:?}");
    }

    #[test]
    fn a_macro_project_makes_the_package_macro_enabled() {
        let package = docx_package(&["Text"]).with_vba(b"projekt");
        assert!(package.types.iter().any(|(_, kind)| kind == "application/vnd.ms-word.document.macroEnabled.main+xml"));
        assert!(names(package.finish()).contains(&"word/vbaProject.bin".to_owned()));
    }
}

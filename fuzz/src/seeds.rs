//! What each target starts from: the samples of `testkit`, in the form the target takes.
//!
//! Everything is made from code at run time, so nothing binary is kept; what a target once broke on is in `regressions/`.

#![expect(clippy::unnecessary_wraps, reason = "the list of targets takes functions of one shape")]

use crate::assembly::flat;
use crate::media::sparse;
use anyhow::Result;
use flatpdf::writer::report::ReportDocument;
use flatpdf::writer::{Body, Document, Page, Raster, Settings, TextRun, encode_page};
use model::Format;
use std::io::Write as _;
use testkit::Sample;
use wire::{
    Answer, Failure, Foreign, FrameWriter, PageStart, PixelFormat, RenderLimits, Request, RuleSource, TextPiece, UnpackLimits, VerifyKind,
};

// BOUND: a mutation of a large file hits nothing; every kind of sample also has small ones.
const MAX_SEED_BYTES: usize = 60 << 10;

type Seeds = Result<Vec<Vec<u8>>>;

fn samples(wanted: impl Fn(&Sample) -> bool) -> Seeds {
    let samples = testkit::sample_medium()?;
    let small = |sample: &&Sample| sample.bytes.len() <= MAX_SEED_BYTES && wanted(sample);
    Ok(samples.iter().filter(small).map(|sample| sample.bytes.clone()).collect())
}

fn of(formats: &[Format]) -> Seeds {
    samples(|sample| formats.contains(&sample.expected.format))
}

/// Each seed behind a byte that chooses how it is taken.
fn behind(byte: u8, seeds: Vec<Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    seeds.into_iter().map(move |seed| [&[byte][..], &seed].concat())
}

pub(crate) fn everything() -> Seeds {
    Ok(behind(0, samples(|_| true)?).collect())
}

const VBA: &str = "Attribute VB_Name = \"M\"\r\nSub AutoOpen()\r\n  Shell \"x\"\r\nEnd Sub\r\n";

pub(crate) fn vba() -> Seeds {
    let literal = [&[1, 0x19, 0xB0, 0x00][..], b"abcdefgh", &[0], b"ijklmnop", &[0], b"qrstuv.\0\0"].concat();
    // The worked example of MS-OVBA 3.2.2, and a chunk that is not compressed.
    let example = [
        1, 0x2F, 0xB0, 0, 0x23, 0x61, 0x61, 0x61, 0x62, 0x63, 0x64, 0x65, 0x82, 0x66, 0, 0x70, 0x61, 0x67, 0x68, 0x69, 0x6A, 1, 0x38, 8,
        0x61, 0x6B, 0x6C, 0, 0x30, 0x6D, 0x6E, 0x6F, 0x70, 6, 0x71, 2, 0x70, 4, 0x10, 0x72, 0x73, 0x74, 0x75, 0x76, 0x10, 0x77, 0x78, 0x79,
        0x7A, 0, 0x3C,
    ];
    let raw = [&[1, 0xFF, 0x3F][..], &[b'x'; 4096]].concat();
    let mut seeds = vec![literal, example.to_vec(), raw];
    seeds.push(testkit::office::ole::dropper_vba("ThisDocument")?);
    seeds.push(testkit::office::ole::harmless_vba("ThisWorkbook")?);
    seeds.push(testkit::office::ole::compound_file(&[("/VBA/M", VBA.as_bytes().to_vec()), ("/VBA/dir", vec![1])], None)?);
    Ok(seeds)
}

pub(crate) fn pdfs() -> Seeds {
    let mut seeds = of(&[Format::Pdf])?;
    seeds.push(testkit::pdf(&["one page"]));
    seeds.push(testkit::pdf::pdf_with_active_content("acting"));
    seeds.push(testkit::pdf::pdf_encrypted("secret", "password")?);
    seeds.push(testkit::pdf::pdf_encrypted("secret", "")?);
    seeds.extend(painted_pdfs());
    seeds.extend(finished_pdfs()?);
    Ok(seeds)
}

/// Pages with what a renderer has code for: paths, patterns, shadings, images in every filter, forms, text in a Type 3 font.
fn painted_pdfs() -> Vec<Vec<u8>> {
    let contents = [
        "q 1 0 0 rg 10 10 100 50 re f 0 0 1 RG 4 w [3 2] 0 d 5 5 m 90 20 80 80 20 90 c S Q",
        "/Pattern cs /P0 scn 0 0 200 200 re f /S0 sh q 20 20 60 60 re W n /S1 sh Q",
        "q 50 0 0 50 10 10 cm /I0 Do Q q 40 0 0 40 90 90 cm /I1 Do Q /X0 Do",
        "BT /F0 12 Tf 20 100 Td (Hello) Tj 0 -14 TD [(W) -80 (orld)] TJ 3 Tr (hidden) Tj ET BT /F3 20 Tf 20 20 Td (a) Tj ET",
        "/G0 gs 0.5 g 0 0 100 100 re f* BI /W 4 /H 4 /BPC 1 /CS /G /F /AHx ID F0F0F0F0> EI",
    ];
    contents.iter().map(|content| painted_pdf(content)).collect()
}

fn painted_pdf(content: &str) -> Vec<u8> {
    let mut pdf = testkit::pdf::PdfBuilder::new();
    let page_content = pdf.stream("", content.as_bytes());
    let form = pdf.stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 50 50] /Matrix [1 0 0 1 100 20] /Group << /S /Transparency >>",
        b"0 1 0 rg 0 0 40 40 re f",
    );
    let mask =
        pdf.stream("/Type /XObject /Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace /DeviceGray", b"\0\x80\xff\x40");
    let rgb = pdf.stream(
        &format!("/Type /XObject /Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace /DeviceRGB /SMask {mask} 0 R"),
        &[9; 12],
    );
    let indexed = pdf.stream(
        "/Type /XObject /Subtype /Image /Width 4 /Height 2 /BitsPerComponent 2 /ColorSpace [/Indexed /DeviceRGB 3 <000000FF000000FF000000FF>] /Filter /RunLengthDecode",
        b"\x01\x1b\xe4\x80",
    );
    let function = pdf.add("<< /FunctionType 2 /Domain [0 1] /C0 [1 0 0] /C1 [0 0 1] /N 1 >>");
    let axial =
        pdf.add(format!("<< /ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 200 200] /Function {function} 0 R /Extend [true true] >>"));
    let radial = pdf.add(format!("<< /ShadingType 3 /ColorSpace /DeviceRGB /Coords [50 50 5 60 60 40] /Function {function} 0 R >>"));
    let tile = pdf.stream(
        "/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 8 8] /XStep 8 /YStep 8 /Resources << >>",
        b"1 0 1 rg 0 0 4 4 re f",
    );
    let glyph = pdf.stream("", b"500 0 d0 0 0 400 400 re f");
    let type3 = pdf.add(format!(
        "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 500 500] /FontMatrix [0.001 0 0 0.001 0 0] /CharProcs << /a {glyph} 0 R >> /Encoding << /Type /Encoding /Differences [97 /a] >> /FirstChar 97 /LastChar 97 /Widths [500] >>"
    ));
    let resources = format!(
        "<< /Font << /F0 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> /F3 {type3} 0 R >> /XObject << /X0 {form} 0 R /I0 {rgb} 0 R /I1 {indexed} 0 R >> /Shading << /S0 {axial} 0 R /S1 {radial} 0 R >> /Pattern << /P0 {tile} 0 R >> /ExtGState << /G0 << /ca 0.5 /CA 0.5 /BM /Multiply /SMask /None >> >> >>"
    );
    let page = pdf.next();
    let pages = page + 1;
    pdf.add(format!("<< /Type /Page /Parent {pages} 0 R /MediaBox [0 0 200 200] /Contents {page_content} 0 R /Resources {resources} >>"));
    pdf.add(format!("<< /Type /Pages /Kids [{page} 0 R] /Count 1 >>"));
    let root = pdf.add(format!("<< /Type /Catalog /Pages {pages} 0 R >>"));
    pdf.finish(root)
}

pub(crate) fn names() -> Seeds {
    let mut seeds: Vec<Vec<u8>> = testkit::sample_medium()?.iter().flat_map(|sample| sample.path.clone()).collect();
    for name in [
        "CON .txt",
        "com¹.doc",
        "~$lock.docx",
        "a\u{308}.pdf",
        "rechnung\u{202E}fdp.exe",
        "-rf",
        "a. . .",
        "ﬁ.ｅｘｅ",
        "\u{1F600}\u{FE0F}",
        ".",
        "..",
        "\u{A0}",
    ] {
        seeds.push(name.as_bytes().to_vec());
    }
    seeds.push("x".repeat(300).into_bytes());
    Ok(behind(168, seeds).collect())
}

pub(crate) fn policies() -> Seeds {
    let written = model::Policy::default().to_toml()?;
    let sections = written.split("\n[").map(|section| if section.starts_with('[') { section.to_owned() } else { format!("[{section}") });
    let mut seeds: Vec<Vec<u8>> = sections.map(String::into_bytes).collect();
    seeds.push(
        b"[scan]\nblocked_sha256 = [\"0000000000000000000000000000000000000000000000000000000000000000\"]\nrules_dir = \"x\"\n".to_vec(),
    );
    seeds.push(written.into_bytes());
    Ok(seeds)
}

pub(crate) fn format_tables() -> Seeds {
    Ok(vec![include_bytes!("../../rules/formats.toml").to_vec()])
}

pub(crate) fn manifests() -> Seeds {
    let mut manifest = release::Manifest::default();
    manifest.add("files/Grüße.pdf".into(), model::Digest([0xAB; 32]));
    manifest.add("files/a/b c.txt".into(), model::Digest([1; 32]));
    Ok(vec![manifest.to_text().into_bytes(), Vec::new()])
}

pub(crate) fn scanner_replies() -> Seeds {
    let replies = [
        "stream: OK\0",
        "stream: Eicar-Test FOUND\0",
        "INSTREAM size limit exceeded. ERROR\0",
        "Can't allocate memory ERROR\0",
        "ClamAV 1.4.3/27789/Sun Oct 12 08:40:00 2025\0",
        "ClamAV 1.0.9\0",
    ];
    Ok(replies.iter().map(|reply| reply.as_bytes().to_vec()).collect())
}

pub(crate) fn zips() -> Seeds {
    let mut seeds = of(&[Format::Zip])?;
    let builder = || testkit::ZipBuilder::new().stored("a/b.txt", b"stored").deflated("c.txt", b"deflated deflated deflated");
    seeds.push(builder().finish());
    seeds.push(builder().symlink("link", b"/etc/passwd").finish());
    seeds.push(builder().zeros("zeros", 2 << 20).finish());
    seeds.push(builder().encrypted("secret", b"secret", b"password").finish());
    seeds.push(builder().aes_shaped("aes", 20).finish());
    seeds.push(builder().finish_overlapping(3));
    seeds.push(builder().finish_with_second_directory(&testkit::ZipBuilder::new().stored("other", b"x")));
    seeds.push(builder().finish_after(b"prefix".to_vec()));
    for method in
        [zip::CompressionMethod::Bzip2, zip::CompressionMethod::Xz, zip::CompressionMethod::Lzma, zip::CompressionMethod::Deflate64]
    {
        let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default().compression_method(method).large_file(true);
        // Some methods can only be read.
        if writer.start_file("packed", options).is_ok() && writer.write_all(b"packed packed packed").is_ok() {
            seeds.extend(writer.finish().map(std::io::Cursor::into_inner));
        }
    }
    Ok(seeds)
}

pub(crate) fn tars() -> Seeds {
    let mut seeds = of(&[Format::Tar])?;
    seeds.push(testkit::tar_of(&[("a/b.txt", "text"), (&"long/".repeat(40), "x")])?);
    Ok(seeds)
}

const WORDS: &[u8] = b"the same words, the same words, and the same words again";

pub(crate) fn gzips() -> Seeds {
    let mut seeds = of(&[Format::Gzip])?;
    let one = testkit::gzip_of("name.txt", WORDS);
    seeds.push([one.clone(), one.clone()].concat());
    seeds.push(testkit::gzip_of("zeros", &vec![0; 1 << 20]));
    seeds.push(one);
    Ok(seeds)
}

pub(crate) fn bzip2s() -> Seeds {
    let mut seeds = of(&[Format::Bzip2])?;
    for bytes in [WORDS.to_vec(), vec![0; 100_000], Vec::new()] {
        let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
        encoder.write_all(&bytes)?;
        seeds.push(encoder.finish()?);
    }
    Ok(seeds)
}

pub(crate) fn xzs() -> Seeds {
    let mut seeds = of(&[Format::Xz])?;
    for bytes in [WORDS.to_vec(), vec![0; 100_000], Vec::new()] {
        let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::default())?;
        writer.write_all(&bytes)?;
        seeds.push(writer.finish()?);
    }
    Ok(seeds)
}

/// Packages in their flat form, pictures and other bulk left out by the bound on seeds.
fn packages(formats: &[Format], more: Vec<Vec<u8>>, kinds: u8) -> Seeds {
    let samples = testkit::sample_medium()?;
    let packages = samples.into_iter().filter(|sample| formats.contains(&sample.expected.format)).map(|sample| sample.bytes).chain(more);
    let mut seeds = Vec::new();
    for (package, byte) in packages.zip((0..kinds).cycle()) {
        // A sample that is broken on purpose has no flat form.
        let Ok(flat) = flat(&package) else { continue };
        seeds.extend([flat, package].into_iter().filter(|seed| seed.len() <= MAX_SEED_BYTES).map(|seed| [&[byte][..], &seed].concat()));
    }
    Ok(seeds)
}

pub(crate) fn ooxmls() -> Seeds {
    let vba = testkit::office::ole::harmless_vba("ThisDocument")?;
    let docx = || testkit::office::ooxml::docx_package(&["A paragraph."]);
    let more = vec![
        docx().with_vba(&vba).finish(),
        docx().with_remote_template("http://example.com/a.dotm").with_remote_image("http://example.com/b.png").finish(),
        docx().with_stray_part("word/embeddings/oleObject1.bin", b"x").finish(),
        docx().with_stray_part("word/document2.xml", FIELDS.as_bytes()).finish(),
        testkit::office::ooxml::pptx(&[("Title", vec!["Point".into()])]),
    ];
    let formats = [
        Format::Docx,
        Format::Docm,
        Format::Dotm,
        Format::Xlsx,
        Format::Xlsm,
        Format::Xlsb,
        Format::Pptx,
        Format::Pptm,
        Format::Visio,
        Format::PackageUnknown,
    ];
    packages(&formats, more, 6)
}

const FIELDS: &str = "<w:document><w:p><w:fldChar w:fldCharType=\"begin\"/><w:instrText>DDEAUTO c:\\cmd</w:instrText><w:fldChar w:fldCharType=\"separate\"/>\
    <w:t>x</w:t><w:fldChar w:fldCharType=\"end\"/><w:fldSimple w:instr=\" INCLUDETEXT x \"><w:t>kept</w:t></w:fldSimple><w:altChunk r:id=\"r6\"/>\
    <c><f>cmd|'/c'!A0</f><v>1</v></c><a:hlinkClick r:id=\"r1\" action=\"ppaction://macro?name=m\"/><w:object><o:OLEObject r:id=\"r2\"/></w:object></w:p></w:document>";

pub(crate) fn odfs() -> Seeds {
    let acting = testkit::ZipBuilder::new()
        .stored("mimetype", b"application/vnd.oasis.opendocument.text")
        .stored("content.xml", ODF.as_bytes())
        .stored("Basic/Standard/Module1.xml", b"<module/>")
        .stored(
            "META-INF/manifest.xml",
            b"<manifest:manifest><manifest:file-entry manifest:full-path=\"Basic/Standard/Module1.xml\"/></manifest:manifest>",
        )
        .finish();
    let more = vec![acting, testkit::office::odf::odt(&["A paragraph."]), testkit::office::odf::odp(&[("Title", vec!["Point".into()])])];
    packages(&[Format::Odt, Format::Ods, Format::Odp, Format::Odg], more, 3)
}

const ODF: &str = "<office:document-content><office:scripts><script:event-listener xlink:href=\"vnd.sun.star.script:x\"/></office:scripts>\
    <office:body><text:a xlink:href=\"http://example.com\">x</text:a><draw:object-ole xlink:href=\"./Object 1\"/><draw:image xlink:href=\"http://example.com/x.png\"/>\
    <table:table-cell table:formula=\"of:=DDE(&quot;a&quot;;&quot;b&quot;)\"/><draw:plugin/><text:section-source xlink:href=\"x\"/></office:body></office:document-content>";

pub(crate) fn compounds() -> Seeds {
    let mut seeds = of(&[Format::Doc, Format::Xls, Format::Ppt, Format::Ole, Format::Msi, Format::Visio])?;
    seeds.push(testkit::office::ole::dropper_vba("ThisDocument")?);
    for main in ["/WordDocument", "/Workbook", "/PowerPoint Document"] {
        let streams = [
            (main, vec![b'x'; 600]),
            ("/Macros/VBA/M", VBA.as_bytes().to_vec()),
            ("/ObjectPool/_1/\u{1}Ole", vec![1; 40]),
            ("/\u{5}SummaryInformation", vec![2; 80]),
        ];
        seeds.push(testkit::office::ole::compound_file(&streams, None)?);
    }
    Ok((0..4).flat_map(|byte| behind(byte, seeds.clone())).collect())
}

pub(crate) fn rtfs() -> Seeds {
    let mut seeds = of(&[Format::Rtf])?;
    seeds.push(b"{\\rtf1 a{\\object\\objupdate{\\*\\objclass Word}{\\*\\objdata 01050000}{\\result b}}{\\field{\\*\\fldinst DDEAUTO x}{\\fldrslt y}}}".to_vec());
    seeds.push(b"{\\rtf1{\\*\\template http://example.com/x}{\\*\\generator x;}\\bin5 abcde\\u8364?\\'e4{\\pict\\pngblip 8950}}".to_vec());
    Ok(seeds)
}

const TEXT_FORMATS: &[Format] = &[Format::Txt, Format::Csv, Format::Xml, Format::Json];

pub(crate) fn texts() -> Seeds {
    let mut seeds = of(TEXT_FORMATS)?;
    seeds.retain(|seed| seed.len() <= 4 << 10);
    for text in ["Grüße\r\n\u{202E}x\u{FE0F} 1\u{FE0F}\u{20E3}\t\u{0}", "\u{FEFF}bom", "a\u{2028}b\u{85}c"] {
        seeds.push(text.as_bytes().to_vec());
        seeds.push(testkit::bits::utf16le(text));
    }
    seeds.push(testkit::bits::windows_1252("Straße – €"));
    seeds.push(b"\xFE\xFF\0a\xD8\0\0b".to_vec());
    seeds.push(b"\xFF\xFE\0\0a\0\0\0\0\0\x11\0".to_vec());
    Ok(seeds)
}

pub(crate) fn tables() -> Seeds {
    let mut seeds = of(&[Format::Csv])?;
    seeds.retain(|seed| seed.len() <= 2 << 10);
    for table in [
        "a,b\n-1,+2.5\n",
        "a;-1,5;x\n",
        "=1,\"b, c\"\n",
        "sep=|\na|=1\n",
        "a,\"\"\"=1\"\n",
        "-\t--\n@x\n",
        ",\"-1,cmd|x\"\n",
        "\"a\n=1\",b\r\n",
    ] {
        seeds.push(table.as_bytes().to_vec());
    }
    Ok(seeds)
}

pub(crate) fn pictures() -> Seeds {
    let dots = |x: u32, y: u32| [(x * 30) as u8, (y * 30) as u8, 7];
    let grey = |x: u32, y: u32| (x * 7 + y) as u8;
    let png = testkit::png_of(8, 6, dots);
    let mut seeds = of(&[Format::Png, Format::Jpeg, Format::Gif, Format::Bmp, Format::Tiff, Format::Webp, Format::Ico])?;
    seeds.push(testkit::image::ico_of(8, &png));
    seeds.push(testkit::image::png_with_text(4, 4, &[("Comment", "x")], dots));
    seeds.push(testkit::image::png_bomb(60_000, 60_000));
    seeds.push(png);
    seeds.push(testkit::jpeg_of(16, 9, dots)?);
    seeds.push(testkit::image::jpeg_with_exif(9, 16, &testkit::image::exif_with_gps(6), dots)?);
    seeds.push(testkit::image::grey_jpeg_of(8, 8, &[77; 64])?);
    seeds.push(testkit::image::tiff_of(8, 8, &[vec![0; 64], vec![200; 64]]));
    seeds.push(testkit::image::bmp_of(7, 5, dots));
    seeds.push(testkit::image::gif_of(8, 8, &[&grey, &|_, _| 1]));
    seeds.push(testkit::image::webp_of(8, 8, grey));
    for format in [
        image::ImageFormat::Tiff,
        image::ImageFormat::WebP,
        image::ImageFormat::Gif,
        image::ImageFormat::Png,
        image::ImageFormat::Bmp,
        image::ImageFormat::Ico,
    ] {
        let mut out = std::io::Cursor::new(Vec::new());
        if image::RgbaImage::from_fn(9, 7, |x, y| image::Rgba([x as u8 * 20, y as u8, 3, 90])).write_to(&mut out, format).is_ok() {
            seeds.push(out.into_inner());
        }
    }
    Ok(seeds)
}

/// No encoder for HEIC is at hand: the outline of one. Real ones may be put into `corpus/heic/`.
pub(crate) fn heics() -> Seeds {
    let boxed = |name: &[u8; 4], body: &[u8]| [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat();
    let handler = boxed(b"hdlr", b"\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let primary = boxed(b"pitm", b"\0\0\0\0\0\x01");
    let extent = boxed(b"ispe", b"\0\0\0\0\0\0\0\x08\0\0\0\x08");
    let info = boxed(b"iinf", &[&b"\0\0\0\0\0\x01"[..], &boxed(b"infe", b"\x02\0\0\0\0\x01\0\0hvc1\0")].concat());
    let properties = boxed(b"iprp", &[boxed(b"ipco", &extent), boxed(b"ipma", b"\0\0\0\0\0\0\0\x01\0\x01\x01\x01")].concat());
    let place = boxed(b"iloc", b"\0\0\0\0\x44\0\0\x01\0\x01\0\0\0\x01\0\0\x01\0\0\0\0\x10");
    let meta = boxed(b"meta", &[&b"\0\0\0\0"[..], &handler, &primary, &info, &properties, &place].concat());
    Ok(vec![[boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), meta, boxed(b"mdat", &[0x28; 64])].concat()])
}

pub(crate) fn drawings() -> Seeds {
    let mut seeds = of(&[Format::Svg])?;
    seeds.push(DRAWING.as_bytes().to_vec());
    Ok(seeds)
}

const DRAWING: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"40\" height=\"30\" viewBox=\"0 0 40 30\">\
    <defs><linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"red\"/><stop offset=\"1\"/></linearGradient><clipPath id=\"c\"><circle r=\"9\"/></clipPath>\
    <pattern id=\"p\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\"><rect width=\"2\" height=\"2\"/></pattern><mask id=\"m\"><rect width=\"9\" height=\"9\" fill=\"#fff\"/></mask>\
    <filter id=\"f\"><feGaussianBlur stdDeviation=\"2\"/><feTurbulence baseFrequency=\".1\"/><feOffset dx=\"1\"/></filter><marker id=\"k\"><path d=\"M0 0L2 2\"/></marker></defs>\
    <style>.a{fill:blue}</style><g transform=\"rotate(10) scale(1.5)\" opacity=\".5\"><rect class=\"a\" width=\"9\" height=\"9\" fill=\"url(#g)\" filter=\"url(#f)\"/></g>\
    <path d=\"M1 1C2 3 4 5 6 7A3 3 0 1 1 9 9zq1 2 3 4\" stroke=\"url(#p)\" stroke-dasharray=\"3 1\" marker-end=\"url(#k)\" mask=\"url(#m)\"/>\
    <use xlink:href=\"#k\" clip-path=\"url(#c)\"/><text x=\"2\" y=\"9\" font-size=\"8\">Hi <tspan dy=\"2\">you</tspan><textPath xlink:href=\"#q\">p</textPath></text></svg>";

pub(crate) fn requests() -> Seeds {
    let limits = RenderLimits { dpi: 150, max_pages: 2, max_page_pixels: 9, max_page_text: 5 };
    let requests = [
        Request::LoadRules(vec![RuleSource { name: "a.yar".into(), text: "rule a { condition: true }".into() }]),
        Request::Inspect { claimed_extension: "pdf".into(), yara_timeout_seconds: 3 },
        Request::Strip { format: Format::Docx, max_output_bytes: 1 << 30 },
        Request::Unpack {
            format: Format::Zip,
            inner_name: Foreign::new(b"x".to_vec()),
            limits: UnpackLimits { max_members: 1, max_expanded_bytes: 2, max_ratio: 3, max_member_bytes: 4 },
            password: None,
        },
        Request::RenderImage { format: Format::Png, limits },
        Request::Verify { kind: VerifyKind::Pdf, max_pages: 3, max_bytes: 10 },
        Request::ReadTree { max_entries: 1, max_depth: 2, max_file_bytes: 3 },
    ];
    requests
        .iter()
        .map(|request| {
            let (ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
            wire::send_request(&ours, request, None)?;
            drop(ours);
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut theirs, &mut bytes)?;
            Ok(bytes)
        })
        .collect()
}

pub(crate) fn answers() -> Seeds {
    let piece = TextPiece { text: Foreign::new("word".into()), x_pt: 1.0, y_pt: 2.0, width_pt: 3.0, size_pt: 4.0, angle_deg: f32::NAN };
    let start = PageStart { width_pt: 1.0, height_pt: 1.0, width_px: 2, height_px: 1, pixels: PixelFormat::Gray8 };
    let answers = [
        Answer::Document { pages: 1 },
        Answer::Page(start),
        Answer::PageText(vec![piece]),
        Answer::PageEnd { findings: Vec::new() },
        Answer::Entry { path: vec![Foreign::new(b"a".to_vec())], kind: wire::EntryKind::File, size_bytes: 7 },
        Answer::EntryEnd { failure: Some(Failure::Read), offset: 5 },
        Answer::Failed { failure: Failure::Malformed, number: 1 },
        Answer::Rejected { code: Foreign::new("x".into()), offset: 9 },
        Answer::Done,
    ];
    let mut all = Vec::new();
    let mut seeds = Vec::new();
    let mut writer = FrameWriter::new(&mut all);
    for answer in &answers {
        let mut one = Vec::new();
        FrameWriter::new(&mut one).control(answer)?;
        seeds.push(one);
        writer.control(answer)?;
        writer.bytes(b"bytes")?;
    }
    seeds.push(all);
    Ok(seeds)
}

fn written(page: &Page) -> Result<Vec<u8>> {
    let mut document = Document::new(Some("de-DE"));
    document.push(encode_page(page, &Settings::default())?);
    Ok(document.finish()?)
}

pub(crate) fn finished_pdfs() -> Seeds {
    let raster = |colour: &dyn Fn(usize) -> u8| Raster { width_px: 24, height_px: 16, rgb: (0..24 * 16 * 3).map(colour).collect() };
    let run = TextRun { text: "Grüße 東京".into(), x_pt: 5.0, y_pt: 5.0, width_pt: 40.0, size_pt: 9.0, angle_deg: 10.0 };
    let page = |raster: Raster, text: Vec<TextRun>| Page { width_pt: 100.0, height_pt: 80.0, body: Body::Raster(raster), text };
    let mut report = ReportDocument::new(Some("en"));
    report.heading("Heading");
    report.paragraph("A paragraph.");
    Ok(vec![
        written(&page(raster(&|_| 255), Vec::new()))?,
        written(&page(raster(&|index| if index / 3 % 5 == 0 { 0 } else { 255 }), vec![run.clone()]))?,
        written(&page(raster(&|index| (index * 7) as u8), vec![run.clone()]))?,
        written(&page(raster(&|index| (index / 3 % 4 * 60) as u8), vec![run]))?,
        report.finish()?,
    ])
}

pub(crate) fn finished_pngs() -> Seeds {
    let mut seeds = vec![testkit::png_of(8, 6, |x, y| [x as u8, y as u8, 7])];
    let pictures = [
        image::DynamicImage::ImageLuma8(image::GrayImage::new(5, 3)),
        image::DynamicImage::ImageRgba8(image::RgbaImage::new(3, 5)),
        image::DynamicImage::ImageLumaA8(image::GrayAlphaImage::new(4, 4)),
    ];
    for picture in pictures {
        let mut out = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut out, image::ImageFormat::Png)?;
        seeds.push(out.into_inner());
    }
    Ok(seeds)
}

pub(crate) fn finished_jpegs() -> Seeds {
    Ok(vec![
        testkit::jpeg_of(16, 9, |x, y| [x as u8, y as u8, 7])?,
        testkit::image::grey_jpeg_of(8, 8, &[77; 64])?,
        testkit::image::jpeg_with_exif(9, 16, &testkit::image::exif_with_gps(6), |_, _| [1, 2, 3])?,
    ])
}

pub(crate) fn noise() -> Seeds {
    Ok((1..6).map(|seed| testkit::bits::Noise::new(seed).bytes(300)).chain([b"\0\x20\x20\x03words words".repeat(9)]).collect())
}

pub(crate) fn partition_tables() -> Seeds {
    let dir = tempfile::tempdir()?;
    let mut seeds = Vec::new();
    for partition in [testkit::Partition::Mbr, testkit::Partition::Gpt] {
        let path = dir.path().join("medium.img");
        testkit::write_fat32_image(&path, &[], partition)?;
        let head = std::fs::read(path)?;
        seeds.push(head.get(..40 << 10).unwrap_or_default().to_vec());
    }
    Ok(seeds)
}

pub(crate) fn fat_volumes() -> Seeds {
    let samples = testkit::sample_medium()?;
    let some: Vec<Sample> = samples.into_iter().filter(|sample| sample.bytes.len() < 3000).take(12).collect();
    let mut seeds = vec![sparse(&testkit::fat32_image(&some)?)];
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("medium.img");
    for partition in [testkit::Partition::Mbr, testkit::Partition::Gpt] {
        testkit::write_fat32_image(&path, some.get(..3).unwrap_or_default(), partition)?;
        seeds.push(sparse(&std::fs::read(&path)?));
    }
    for (kind, size) in [(fatfs::FatType::Fat12, 128 << 10), (fatfs::FatType::Fat16, 3 << 20)] {
        seeds.push(sparse(&small_volume(kind, size)?));
    }
    Ok(seeds)
}

fn small_volume(kind: fatfs::FatType, size: usize) -> Result<Vec<u8>> {
    let mut disk = std::io::Cursor::new(vec![0; size]);
    let options = fatfs::FormatVolumeOptions::new().fat_type(kind).bytes_per_cluster(512).volume_id(1);
    fatfs::format_volume(&mut disk, options)?;
    let volume = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new())?;
    let folder = volume.root_dir().create_dir("Ein Ordner mit langem Namen")?;
    folder.create_file("LANG.TXT")?.write_all(&[b'x'; 1500])?;
    volume.root_dir().create_file("Grüße aus der Wurzel.txt")?.write_all(b"short")?;
    drop(folder);
    volume.unmount()?;
    Ok(disk.into_inner())
}

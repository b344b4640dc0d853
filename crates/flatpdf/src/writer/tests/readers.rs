//! What independent programs make of the files: poppler and qpdf.
#![expect(clippy::disallowed_methods, reason = "the readers under comparison are foreign programs, started on our own files")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::super::Encoding;
use super::super::report::{Column, ReportDocument};
use super::*;

/// A file on disk that vanishes with the test.
struct Written {
    folder: TempDir,
}

impl Written {
    fn new(bytes: &[u8]) -> Self {
        let folder = TempDir::new().expect("temporary folder");
        std::fs::write(folder.path().join("page.pdf"), bytes).expect("file is written");
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("page.pdf")
    }

    /// Runs a program on the file and returns what it says.
    fn seen_by(&self, program: &str, before: &[&str], after: &[&str]) -> String {
        let output = Command::new(program).args(before).arg(self.path()).args(after).current_dir(self.folder.path()).output();
        let output = output.unwrap_or_else(|error| panic!("{program} is installed by the project set-up: {error}"));
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {said}");
        said
    }

    fn text(&self) -> String {
        self.seen_by("pdftotext", &["-layout"], &["-"])
    }

    fn check_structure(&self) {
        let said = self.seen_by("qpdf", &["--check"], &[]);
        assert!(said.contains("No syntax or stream encoding errors"), "{said}");
    }

    /// The page as poppler paints it at 72 dpi.
    fn painted(&self) -> Vec<u8> {
        self.painted_at("72")
    }

    fn painted_at(&self, dpi: &str) -> Vec<u8> {
        self.seen_by("pdftoppm", &["-r", dpi, "-singlefile"], &["painted"]);
        netpbm(&self.folder.path().join("painted.ppm"))
    }
}

/// The RGB samples of a P6 file.
fn netpbm(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).expect("image is written");
    let header: usize = bytes.split_inclusive(|byte| *byte == b'\n').take(3).map(<[u8]>::len).sum();
    bytes[header..].to_vec()
}

fn assert_exact(raster: &Raster) {
    let written = Written::new(&file(&[page(raster.clone())]));
    written.check_structure();
    let painted = written.painted();
    assert_eq!(painted.len(), raster.rgb.len());
    let differing = painted.iter().zip(&raster.rgb).filter(|(seen, drawn)| seen != drawn).count();
    assert_eq!(differing, 0, "samples painted otherwise");
}

#[test]
fn group_4_is_pixel_exact() {
    assert_exact(&raster(611, 397, |x, y| if noise(x / 3, y / 2) > 128 { [255; 3] } else { [0; 3] }));
    assert_exact(&raster(257, 65, |x, y| if noise(x, y) > 128 { [255; 3] } else { [0; 3] }));
    assert_exact(&raster(1, 9, |_, y| if y % 2 == 0 { [255; 3] } else { [0; 3] }));
}

#[test]
fn palettes_are_pixel_exact_when_each_colour_fills_an_area() {
    for colours in [2, 3, 11, 60] {
        let drawn = raster(613, 64, |x, y| {
            let tile = (x / 40 + y / 16 * 16) % colours;
            [(tile * 4) as u8, 255 - (tile * 3) as u8, (tile * 2) as u8]
        });
        assert_exact(&drawn);
    }
}

#[test]
fn deflated_grey_is_pixel_exact() {
    assert_exact(&raster(510, 130, |x, _| [(x / 2) as u8; 3]));
}

#[test]
fn strips_meet_without_a_gap() {
    let mixed = raster(600, 640, |x, y| if (128..320).contains(&y) { photo(x, y) } else { letters(x, y) });
    let painted = Written::new(&file(&[page(mixed.clone())])).painted();
    let worst = painted.iter().zip(&mixed.rgb).map(|(seen, drawn)| seen.abs_diff(*drawn)).collect::<Vec<_>>();
    let photo_rows = &worst[128 * 1800..320 * 1800];
    assert!(photo_rows.iter().all(|difference| *difference < 24), "the photo is in its place");
    let changed = worst.iter().filter(|difference| **difference > 17).count();
    assert_eq!(changed, 0, "no row is white, missing or shifted");
}

#[test]
fn words_are_found_and_no_font_is_embedded() {
    let words = ["Größenänderung", "Straße", "Ελληνικά", "Жуковский", "漢字仮名", "한국어", "😀🚀", "€„x“"];
    let mut spread = page(raster(600, 400, letters));
    for (line, pair) in words.chunks(2).enumerate() {
        let y_pt = 350.0 - 40.0 * line as f32;
        spread.text.push(run(pair[0], 40.0, y_pt, 110.0));
        spread.text.push(run(pair[1], 156.0, y_pt, 90.0));
    }
    spread.text.push(TextRun { angle_deg: 90.0, ..run("Hochkant", 500.0, 100.0, 80.0) });
    let written = Written::new(&file(&[spread]));
    written.check_structure();
    let text = written.text();
    let found: Vec<&str> = text.split_whitespace().collect();
    for word in words.iter().chain(&["Hochkant"]) {
        assert!(found.contains(word), "{word} in {text}");
    }
    let fonts = written.seen_by("pdffonts", &[], &[]);
    let rows: Vec<&str> = fonts.lines().skip(2).collect();
    assert_eq!(rows.len(), 2, "{fonts}");
    for row in rows {
        assert!(row.starts_with("Helvetica") && row.contains(" no  no "), "{fonts}");
    }
}

#[test]
fn a_run_ends_where_its_box_ends() {
    let mut measured = page(raster(600, 400, letters));
    measured.text = vec![run("Breite", 100.0, 200.0, 150.0), run("Жук", 300.0, 200.0, 60.0)];
    let boxes = Written::new(&file(&[measured])).seen_by("pdftotext", &["-bbox"], &["-"]);
    for (word, right) in [("Breite", 250.0), ("Жук", 360.0)] {
        let line = boxes.lines().find(|line| line.contains(word)).expect("word is found");
        let edge = line.split("xMax=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("has an edge");
        assert!((edge.parse::<f32>().expect("number") - right).abs() < 0.1, "{line}");
    }
}

#[test]
fn hundreds_of_characters_need_more_fonts() {
    let many: Vec<char> = ('\u{4E00}'..).take(500).collect();
    let mut pages = Vec::new();
    for part in many.chunks(125) {
        let mut sheet = page(raster(600, 400, letters));
        sheet.text = part
            .chunks(25)
            .enumerate()
            .map(|(row, line)| run(&line.iter().collect::<String>(), 50.0, 350.0 - 40.0 * row as f32, 400.0))
            .collect();
        pages.push(sheet);
    }
    let written = Written::new(&file(&pages));
    written.check_structure();
    let text: String = written.text().split_whitespace().collect();
    assert_eq!(text, many.iter().collect::<String>());
    assert_eq!(written.seen_by("pdffonts", &[], &[]).lines().skip(2).count(), 3);
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let mut tricked = page(raster(600, 400, letters));
    tricked.text = vec![
        run("in\u{202E}voice\u{200B}\u{E0041}\u{0}", 40.0, 300.0, 80.0),
        run("(\\)Klammer)(", 40.0, 250.0, 80.0),
        run("weitab", 5000.0, 300.0, 80.0),
        TextRun { size_pt: 0.0, ..run("punktlos", 40.0, 200.0, 80.0) },
    ];
    let text = Written::new(&file(&[tricked])).text();
    assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["invoice", "(\\)Klammer)("]);
}

#[test]
fn placeholders_can_be_seen_and_searched() {
    let lines = ["Seite 3 fehlt: Zeitüberschreitung beim Darstellen.".to_owned(), "Page 3 is missing.".to_owned()];
    let body = Body::Placeholder { lines: lines.to_vec() };
    let a4 = Page { width_pt: 595.276, height_pt: 841.89, body: body.clone(), text: Vec::new() };
    let written = Written::new(&file(&[a4]));
    written.check_structure();
    let text = written.text();
    assert!(text.contains("Zeitüberschreitung") && text.contains("Page 3 is missing."), "{text}");
    let black = written.painted().iter().filter(|sample| **sample < 64).count();
    assert!(black > 10_000, "{black} dark samples");
    for (width_pt, height_pt) in [(1.0, 1.0), (14_400.0, 14_400.0), (20.0, 5000.0)] {
        encoded(&Page { width_pt, height_pt, body: body.clone(), text: Vec::new() });
    }
}

#[test]
fn reports_wrap_break_and_escape() {
    let mut report = ReportDocument::new(Some("de-DE"));
    report.heading("Sitzungsbericht – Größe");
    report.paragraph(&"Jede Zeile passt auf die Seite. ".repeat(40));
    let columns = [("Pfad", 3.0), ("Ergebnis", 1.0)].map(|(title, width_share)| Column { title: title.into(), width_share });
    let rows = (0..120).map(|row| vec![format!("Ordner/{row}/{}Ende{row}.pdf", "sehrlang".repeat(12)), "freigegeben".into()]);
    report.table(&columns, rows).expect("rows fit");
    let endless = std::iter::once(vec!["Wort ".repeat(6000), "Ж\u{202E}".into()]);
    report.table(&columns, endless).expect("row fits");
    let written = Written::new(&report.finish().expect("report is valid"));
    written.check_structure();
    let text = written.text();
    let pages = text.matches("Pfad").count();
    let count = text.split('\u{C}').filter(|page| !page.is_empty()).count();
    assert!(pages > 5 && text.contains(&format!("{count} / {count}")), "{count} pages, {pages} title rows");
    assert_eq!(text.matches("Wort").count(), 6000);
    assert_eq!(text.matches("freigegeben").count(), 120);
    assert!(text.contains("Sitzungsbericht – Größe") && text.contains("\\u{0416}\\u{202E}"), "{text}");
    assert!(written.seen_by("pdffonts", &[], &[]).lines().skip(2).all(|row| row.contains(" no  no ")));
}

/// An A4 page of random words as poppler sets it at 150 dpi, in 9.5 pt Helvetica's stand-in.
fn print(words: u32) -> Raster {
    let word = |index: u32| -> String {
        let letters = 2 + u32::from(noise(index, 99)) % 9;
        let letter = |place| char::from(b'a' + noise(index, place) % 26);
        (0..letters).map(letter).collect()
    };
    let mut report = ReportDocument::new(None);
    report.paragraph(&(0..words).map(word).collect::<Vec<_>>().join(" "));
    let written = Written::new(&report.finish().expect("report is valid"));
    Raster { width_px: 1241, height_px: 1754, rgb: written.painted_at("150") }
}

#[test]
fn print_takes_four_bits_per_pixel_and_stays_small() {
    // About 500 words, 3,500 characters, stand on a page of an article; 950 fill every line of a page in small print.
    // Random letters compress worse than language does.
    for (words, limit) in [(500, 120_000), (950, 200_000)] {
        let sheet = page(print(words));
        let strips: Vec<Encoding> = encoded(&sheet).strips().map(|strip| strip.encoding).collect();
        assert_eq!(strips, [Encoding::Palette { bits: 4 }]);
        let bytes = file(&[sheet]).len();
        println!("A4 page of {words} words at 150 dpi: {bytes} bytes");
        assert!(bytes < limit, "{words} words take {bytes} bytes");
    }
}

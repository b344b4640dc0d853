use lopdf::Object;

use super::super::WriteError;
use super::super::report::{Column, ReportDocument};
use super::*;

fn opened(bytes: &[u8]) -> lopdf::Document {
    lopdf::Document::load_mem(bytes).expect("own file opens")
}

#[test]
fn page_sizes_are_kept() {
    let sides = [(1.0, 14_400.0), (595.276, 841.89), (612.0, 792.5), (33.333_332, 7.1)];
    let pages: Vec<Page> = sides
        .iter()
        .map(|(width_pt, height_pt)| Page { width_pt: *width_pt, height_pt: *height_pt, ..page(raster(20, 20, letters)) })
        .collect();
    let document = opened(&file(&pages));
    let boxes: Vec<(f32, f32)> = document
        .get_pages()
        .values()
        .map(|id| {
            let media_box = document.get_dictionary(*id).and_then(|page| page.get(b"MediaBox")).and_then(Object::as_array);
            let media_box = media_box.expect("page has a box");
            (media_box[2].as_float().expect("number"), media_box[3].as_float().expect("number"))
        })
        .collect();
    assert_eq!(boxes, sides);
}

#[test]
fn impossible_page_sizes_and_texts_are_refused() {
    for side in [0.0, 0.99, 14_400.1, f32::NAN, f32::INFINITY, -5.0] {
        let wrong = Page { width_pt: side, ..page(raster(20, 20, letters)) };
        assert!(matches!(encode_page(&wrong, &Settings::default()), Err(WriteError::PageSize { .. })), "{side}");
    }
    let mut wrong = page(raster(20, 20, letters));
    wrong.text = vec![run("a", 1.0, 1.0, 5.0), run("b", 1.0, f32::NAN, 5.0)];
    assert!(matches!(encode_page(&wrong, &Settings::default()), Err(WriteError::TextRun { index: 1 })));
    assert!(matches!(Document::new(None).finish(), Err(WriteError::NoPages)));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let build = || {
        let mut first = page(raster(600, 300, letters));
        first.text = vec![run("Größe Ωμέγα Жук 漢字 😀", 20.0, 100.0, 200.0)];
        file(&[first, page(raster(600, 600, photo)), page(raster(100, 100, |_, _| [255; 3]))])
    };
    assert_eq!(build(), build());
}

#[test]
fn a_file_holds_nothing_but_what_it_needs() {
    let mut texts = page(raster(600, 300, letters));
    texts.text = vec![run("Größe Жук", 20.0, 100.0, 200.0)];
    let bytes = file(&[texts, page(raster(600, 600, photo))]);
    assert!(bytes.starts_with(b"%PDF-1.7\n%") && bytes.ends_with(b"%%EOF"));
    let document = opened(&bytes);
    let mut trailer: Vec<&[u8]> = document.trailer.iter().map(|(key, _)| key.as_slice()).collect();
    trailer.sort_unstable();
    assert_eq!(trailer, [&b"Root"[..], b"Size"]);
    let names = ["Catalog", "Pages", "Page", "XObject", "Font", "FontDescriptor"];
    for object in document.objects.values() {
        if let Ok(kind) = object.type_name() {
            assert!(names.iter().any(|name| name.as_bytes() == kind), "{}", String::from_utf8_lossy(kind));
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    for banned in ["/Info", "/Metadata", "/FontFile", "/ObjStm", "/XRef", "Producer", "/ID", "/Annots", "/JavaScript"] {
        assert!(!text.contains(banned), "{banned}");
    }
    assert_eq!(text.matches("\nxref\n").count(), 1);
    let plain = file(&[page(raster(600, 300, letters))]);
    assert!(!String::from_utf8_lossy(&plain).contains("/Font"), "a font no page uses is not written");
}

#[test]
fn language_tags_are_looked_at() {
    for (lang, kept) in [("de-DE", true), ("en", true), ("x) /AA (", false), ("", false), ("de--DE", false)] {
        let mut document = Document::new(Some(lang));
        document.push(encoded(&page(raster(8, 8, letters))));
        let bytes = document.finish().expect("valid");
        assert_eq!(String::from_utf8_lossy(&bytes).contains("/Lang"), kept, "{lang}");
    }
}

#[test]
fn table_rows_need_a_cell_per_column() {
    let mut report = ReportDocument::new(None);
    let columns = ["a", "b"].map(|title| Column { title: title.into(), width_share: 1.0 });
    let rows = [vec!["1".to_owned()]].into_iter();
    assert!(matches!(report.table(&columns, rows), Err(WriteError::TableRow { expected: 2, found: 1 })));
}

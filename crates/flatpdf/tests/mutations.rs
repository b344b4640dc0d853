//! The strict verifier against documents it must accept and structural mutations of them it must reject.
//!
//! The fixtures are built here, byte by byte, so that these tests depend on neither the writer nor its libraries'
//! idea of a file; only the last tests feed the writer's own files. What is free in an accepted file (pixel values,
//! coordinates, the characters of a string) is not structure and is left alone.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "mutations/fixtures.rs"]
mod fixtures;
#[path = "mutations/streams.rs"]
mod streams;
#[path = "mutations/structure.rs"]
mod structure;

use fixtures::{CONTENT, FAX, GRAY, JPEG_GRAY, JPEG_RGB, V, dict, flattened, group4, jpeg, raw, report, verdict, zlib};
use flatpdf::verify::{Accepted, Kind, RejectionCode, VerifyLimits, verify};
use flatpdf::writer::report::{Column, ReportDocument};
use flatpdf::writer::{Body, Document, Page, Raster, Settings, TextRun, encode_page};
use proptest::prelude::*;
use streams::{mutate_content, mutate_fax, mutate_images, mutate_jpeg, mutate_map};
use structure::{Mutants, mutate_dictionaries, mutate_file, offset_of};

#[test]
fn fixtures_are_accepted() {
    assert_eq!(flattened().verdict(), Ok(Accepted { pages: 2, images: 6, text: true }));
    assert_eq!(report().verdict(), Ok(Accepted { pages: 1, images: 0, text: true }));
    let mut with_digests = flattened();
    with_digests.trailer.set("ID", raw(format!("[<{0}> <{0}>]", "5A".repeat(16))));
    assert!(with_digests.verdict().is_ok());
}

#[test]
fn every_structural_mutation_is_rejected() {
    let (flattened, report) = (flattened(), report());
    let mut mutants = Mutants::new(&[&flattened, &report]);
    // A mutant of a rejected document would prove nothing.
    assert!(flattened.verdict().is_ok() && report.verdict().is_ok());
    let mut as_flattened = report.clone();
    as_flattened.kind = Kind::Flattened;
    assert_eq!(as_flattened.verdict(), Err(RejectionCode::Operator));
    for doc in [&flattened, &report] {
        mutate_dictionaries(doc, &mut mutants);
        mutate_file(doc, &mut mutants);
    }
    mutate_images(&flattened, &mut mutants);
    mutate_fax(&flattened, &mut mutants);
    mutate_jpeg(&flattened, &mut mutants);
    mutate_content(&flattened, &mut mutants);
    mutate_map(&flattened, &mut mutants);
    println!("{} mutations rejected: {:?}", mutants.count(), mutants.codes);
    assert!(mutants.accepted.is_empty(), "{} accepted:\n{}", mutants.accepted.len(), mutants.accepted.join("\n"));
    assert!(mutants.count() >= 1_000, "only {} mutations", mutants.count());
}

#[test]
fn images_of_many_sizes_are_accepted() {
    use jpeg_encoder::{ColorType, SamplingFactor};
    let doc = flattened();
    for (width, height) in [(1, 1), (8, 8), (9, 16), (31, 33), (64, 1), (1, 65), (200, 120)] {
        let adjustments: [fn(&mut jpeg_encoder::Encoder<&mut Vec<u8>>); 5] = [
            |_| (),
            |encoder| encoder.set_sampling_factor(SamplingFactor::F_1_1),
            |encoder| encoder.set_sampling_factor(SamplingFactor::F_2_1),
            |encoder| encoder.set_optimized_huffman_tables(true),
            |encoder| encoder.set_restart_interval(3),
        ];
        for (at, adjust) in adjustments.into_iter().enumerate() {
            for (number, color) in [(JPEG_RGB, ColorType::Rgb), (JPEG_GRAY, ColorType::Luma)] {
                let mut copy = doc.with_stream(number, jpeg(width, height, color, adjust));
                copy = copy.with_key(number, "Width", raw(width)).with_key(number, "Height", raw(height));
                assert!(copy.verdict().is_ok(), "jpeg {width} x {height}, {color:?}, adjustment {at}: {:?}", copy.verdict());
            }
        }
    }
    for (width, height) in [(1, 1), (8, 3), (63, 40), (64, 40), (65, 9), (1728, 30), (2560, 12), (2561, 12), (5300, 25)] {
        let mut copy = doc.with_stream(FAX, group4(width, height));
        copy = copy.with_key(FAX, "Width", raw(width)).with_key(FAX, "Height", raw(height));
        let parameters = dict([("K", raw(-1)), ("Columns", raw(width)), ("Rows", raw(height)), ("BlackIs1", raw(true))]);
        copy = copy.with_key(FAX, "DecodeParms", parameters);
        assert!(copy.verdict().is_ok(), "fax {width} x {height}: {:?}", copy.verdict());
    }
}

#[test]
fn limits_are_kept() {
    let bytes = flattened().bytes();
    let check = |limits: VerifyLimits| verify(&bytes, Kind::Flattened, &limits).map_err(|rejection| rejection.code);
    let limits = VerifyLimits::default();
    assert_eq!(check(VerifyLimits { pages: 1, ..limits }), Err(RejectionCode::PageLimit));
    assert_eq!(check(VerifyLimits { objects: 15, ..limits }), Err(RejectionCode::ObjectLimit));
    assert!(check(VerifyLimits { pages: 2, objects: 16, ..limits }).is_ok());
    assert_eq!(check(VerifyLimits { stream_bytes: 30, ..limits }), Err(RejectionCode::StreamLimit));
    assert_eq!(check(VerifyLimits { page_side_pt: 841.0, ..limits }), Err(RejectionCode::PageBox));
}

#[test]
fn a_bomb_stops_at_the_size_of_its_image() {
    let doc = flattened().with_stream(GRAY, zlib(&vec![0; 64 << 20]));
    assert_eq!(doc.verdict(), Err(RejectionCode::ImageSize));
    let doc = flattened().with_stream(CONTENT, zlib(&vec![b' '; 64 << 20]));
    assert_eq!(doc.verdict(), Err(RejectionCode::Syntax));
}

#[test]
fn rejections_say_where() {
    let doc = flattened().with_stream(GRAY, b"junk".to_vec());
    let bytes = doc.bytes();
    let rejection = verify(&bytes, Kind::Flattened, &VerifyLimits::default()).unwrap_err();
    assert_eq!(rejection.offset, offset_of(&bytes, GRAY));
    assert_eq!(rejection.to_string(), format!("rejected at byte {}: flate", rejection.offset));
}

fn noise(x: u32, y: u32) -> u8 {
    (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE3D).to_be_bytes()[0]
}

/// A page of 200 x 260 points whose bands each want another encoding.
fn mixed_page(shift: u32, text: &[&str]) -> Page {
    let pixel = |x: u32, y: u32| match (y / 65 + shift) % 5 {
        0 => [255; 3],
        1 => [if (x / 3 + y).is_multiple_of(7) { 0 } else { 255 }; 3],
        2 => [[20, 90, 200], [255, 255, 255], [190, 10, 10], [0, 0, 0]][(x / 11 + y / 5) as usize % 4],
        3 => [noise(x, y); 3],
        _ => [noise(x, y), noise(y, x), (x + y) as u8],
    };
    let rgb = (0..260).flat_map(|y| (0..200).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    let run = |text: &&str| TextRun { text: (*text).to_owned(), x_pt: 20.0, y_pt: 30.5, width_pt: 90.0, size_pt: 11.0, angle_deg: 12.0 };
    Page {
        width_pt: 200.0,
        height_pt: 260.25,
        body: Body::Raster(Raster { width_px: 200, height_px: 260, rgb }),
        text: text.iter().map(run).collect(),
    }
}

fn written(pages: &[Page], strip_height_px: u32) -> Vec<u8> {
    let settings = Settings { strip_height_px, ..Settings::default() };
    let mut document = Document::new(Some("de-DE"));
    for page in pages {
        document.push(encode_page(page, &settings).unwrap());
    }
    document.finish().unwrap()
}

#[test]
fn what_the_writer_flattens_is_accepted() {
    let many: String = ('\u{4E00}'..'\u{5000}').collect();
    let texts: [&[&str]; 5] = [&[], &["plain (text) \\ with ) escapes"], &["Привет, κόσμε \u{1F600} 漢字"], &["Ж"], &[&many, "Größe €"]];
    for (at, text) in texts.into_iter().enumerate() {
        for strip_height_px in [8, 65, 10_000] {
            let placeholder = Page { body: Body::Placeholder { lines: vec!["Seite fehlt".into()] }, ..mixed_page(0, &[]) };
            for pages in [vec![mixed_page(at as u32, text)], vec![mixed_page(1, &[]), mixed_page(2, text), placeholder]] {
                let verdict = verdict(&written(&pages, strip_height_px), Kind::Flattened);
                let count = pages.len() as u32;
                assert!(verdict.is_ok_and(|accepted| accepted.pages == count), "text {at}, strips {strip_height_px}: {verdict:?}");
            }
        }
    }
}

#[test]
fn what_the_writer_reports_is_accepted_as_a_report_only() {
    let mut report = ReportDocument::new(Some("en"));
    report.heading("Session (1)");
    report.paragraph("Found 200, released 198.\nEmoji \u{1F600}");
    let columns = ["path", "outcome"].map(|title| Column { title: title.into(), width_share: 1.0 });
    report.table(&columns, (0..200).map(|row| vec![format!("a\\b ({row}).txt"), "released".into()])).unwrap();
    let bytes = report.finish().unwrap();
    assert!(verdict(&bytes, Kind::Report).is_ok_and(|accepted| accepted.pages > 1 && accepted.text));
    assert!(verdict(&bytes, Kind::Flattened).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_rejected_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        prop_assert!(verdict(&bytes, Kind::Flattened).is_err());
        let started = [b"%PDF-1.7\n%\xBB\xAD\xC0\xDE\n1 0 obj\n<<".as_slice(), &bytes].concat();
        prop_assert!(verdict(&started, Kind::Report).is_err());
    }

    #[test]
    fn tokens_in_any_order_are_rejected_without_panic(
        tokens in proptest::collection::vec(proptest::sample::select(vec![
            "<<", ">>", "[", "]", "(", ")", "<", ">", "/", "/Type", "/Length 9", "1 0 R", "1 0 obj\n", "\nendobj\n",
            "stream\n", "\nendstream", "xref\n", "trailer\n", "-", "0", "9999999999999999999999", ".", "true", " ", "\n", "%%EOF", "\\",
        ]), 0..200),
    ) {
        let text: String = tokens.concat();
        let bytes = ["%PDF-1.4\n%\u{E9}\u{E9}\n1 0 obj\n", text.as_str()].concat();
        prop_assert!(verdict(bytes.as_bytes(), Kind::Flattened).is_err());
    }

    #[test]
    fn flipped_bytes_never_panic(flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = flattened().bytes();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = verdict(&bytes, Kind::Flattened);
    }

    #[test]
    fn spliced_streams_never_panic(
        number in GRAY..=JPEG_GRAY,
        from in any::<proptest::sample::Index>(),
        len in 0_usize..20,
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let doc = flattened();
        let mut stream = doc.objects[number - 1].stream.clone().unwrap();
        let from = from.index(stream.len());
        let to = (from + len).min(stream.len());
        stream.splice(from..to, bytes);
        let _ = doc.with_stream(number, stream).verdict();
    }

    #[test]
    fn references_in_any_direction_end(targets in proptest::collection::vec(0_usize..20, 30)) {
        let mut doc = flattened();
        let mut targets = targets.into_iter().cycle();
        for object in &mut doc.objects {
            for path in object.dict.paths() {
                let value = object.dict.at(&path);
                if matches!(value, V::Ref(_)) {
                    *value = V::Ref(targets.next().unwrap_or_default());
                }
            }
        }
        let _ = doc.verdict();
    }
}

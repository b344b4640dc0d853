//! Nothing foreign is released: what comes out of a document or picture shares no run of bytes with what went in.

use anyhow::{Context as _, Result, ensure};
use e2e::released::folder;
use e2e::{Clamd, Scratch, run};
use model::Format;
use model::report::ItemLine;
use std::collections::HashSet;
use std::path::Path;
use testkit::Sample;

/// Length of a run that no artefact may share with its source.
const RUN_BYTES: usize = 64;
/// Distinct byte values below which a run is padding, a table of zeros or the like, and says nothing.
const TELLING_VALUES: usize = 16;

/// A JPEG encoded again with the encoder and quality it was made with comes out nearly the same: decoding and encoding undo
/// each other. The samples are made with the line's own encoder at its usual quality, so this run uses another one.
const OTHER_QUALITY: &str = "[convert]\njpeg_quality = 70\n";

/// The office formats, pictures and PDF of the sample medium that come out in another form.
const REMADE: [Format; 13] = [
    Format::Pdf,
    Format::Docx,
    Format::Docm,
    Format::Odt,
    Format::Rtf,
    Format::Xlsx,
    Format::Xlsm,
    Format::Xls,
    Format::Ods,
    Format::Pptx,
    Format::Odp,
    Format::Jpeg,
    Format::Png,
];

#[test]
fn no_artefact_shares_a_run_of_bytes_with_its_source() -> Result<()> {
    let (clamd, scratch, samples) = (Clamd::start()?, Scratch::new()?, remade_samples()?);
    let medium = scratch.tree("medium", &samples)?;
    let ended = run(&mut scratch.process_under(&medium, &clamd.address(), OTHER_QUALITY)?)?;
    ensure!(matches!(ended.status, 0 | 10), "{ended:?}");
    let report = scratch.report()?;
    let mut compared = 0;
    for item in report.items.iter().filter(|item| item.format.is_some_and(|format| REMADE.contains(&format))) {
        let source = samples.iter().find(|sample| sample.escaped_path() == item.path).with_context(|| item.path.clone())?;
        check_apart(item, &source.bytes, &folder(&scratch, &report))?;
        compared += item.outputs.len();
    }
    assert!(compared >= 20, "only {compared} artefacts were compared");
    Ok(())
}

fn remade_samples() -> Result<Vec<Sample>> {
    let all = testkit::sample_medium()?;
    Ok(all.into_iter().filter(|sample| REMADE.contains(&sample.expected.format)).collect())
}

fn check_apart(item: &ItemLine, source: &[u8], folder: &Path) -> Result<()> {
    let foreign: HashSet<&[u8]> =
        without_jpeg_tables(source).into_iter().flat_map(|piece| piece.windows(RUN_BYTES)).filter(|run| telling(run)).collect();
    for output in &item.outputs {
        let artefact = std::fs::read(folder.join(&output.path))?;
        let shared = artefact.windows(RUN_BYTES).position(|run| foreign.contains(run));
        ensure!(shared.is_none(), "{}: byte {shared:?} of {} begins a run of its source", item.path, output.path);
    }
    Ok(())
}

fn telling(run: &[u8]) -> bool {
    run.iter().collect::<HashSet<_>>().len() >= TELLING_VALUES
}

/// The bytes in pieces, without the tables and frame headers of JPEG streams (ITU-T T.81, annex B): encoders write the
/// standard's own Huffman tables, so two pictures share them without sharing content.
fn without_jpeg_tables(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some([first, kind, high, low]) = bytes.get(at..at + 4) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        // DHT, DQT, DRI, SOS and the frame headers; none of them is long, so other bytes are hardly taken for one.
        let table = *first == 0xFF && matches!(kind, 0xC0..=0xC4 | 0xDA | 0xDB | 0xDD) && length <= 500;
        if table {
            pieces.extend(bytes.get(begin..at));
            begin = at + 2 + length;
            at = begin;
        } else {
            at += 1;
        }
    }
    pieces.extend(bytes.get(begin..));
    pieces
}

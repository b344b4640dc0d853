//! What documents pack away, unpacked for scanning: members of packages, VBA sources.

use crate::archive::zip::open;
use crate::content::Content;
use crate::vba;
use cfb::CompoundFile;
use model::Format;
use std::io::{Cursor, Read as _};

// BOUND: all parts of one document together; what does not fit makes the scan incomplete.
const MAX_TOTAL_BYTES: u64 = 64 << 20;
// BOUND: members of a package that are looked at.
const MAX_MEMBERS: usize = 20_000;

/// One part.
#[derive(Debug)]
pub(crate) struct Part {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The parts, and whether they are all that matter.
#[derive(Debug)]
pub(crate) struct Parts {
    pub list: Vec<Part>,
    pub complete: bool,
}

pub(crate) fn unpacked(content: &mut Content, format: Format) -> Parts {
    let mut parts = Parts { list: Vec::new(), complete: true };
    match format {
        Format::Doc | Format::Xls | Format::Ppt | Format::Ole | Format::Visio | Format::Msg => {
            macros(content, &mut parts);
        }
        Format::Docx
        | Format::Docm
        | Format::Dotx
        | Format::Dotm
        | Format::Xlsx
        | Format::Xlsm
        | Format::Xlsb
        | Format::Xltx
        | Format::Xltm
        | Format::Xlam
        | Format::Pptx
        | Format::Pptm
        | Format::Ppsx
        | Format::Potx
        | Format::Odt
        | Format::Ods
        | Format::Odp
        | Format::Odg
        | Format::Epub
        | Format::PackageUnknown => package(content, &mut parts),
        _ => {}
    }
    parts
}

fn macros(content: &mut Content, parts: &mut Parts) {
    // A file that does not open has its own finding from identification.
    let Ok(mut compound) = CompoundFile::open(content) else {
        return;
    };
    let modules = vba::modules(&mut compound, MAX_TOTAL_BYTES as usize);
    parts.list.extend(modules.into_iter().map(|module| Part { name: module.name, bytes: module.source }));
}

/// How soon a member is unpacked: code first, then structure, then bulk; pictures never.
fn rank(name: &str) -> Option<u8> {
    let extension = name.rsplit('.').next().unwrap_or_default();
    match extension {
        "png" | "jpg" | "jpeg" | "gif" | "emf" | "wmf" | "tif" | "tiff" | "bmp" | "svg" | "odttf" | "fntdata" | "ttf" | "wdp" | "mp4"
        | "mp3" | "wav" => None,
        "bin" | "rels" | "vml" | "xlb" => Some(0),
        _ if name.contains("macrosheets/") || name.starts_with("basic/") || name.starts_with("scripts/") => Some(0),
        _ if name.contains("/worksheets/sheet") || name.contains("sharedstrings") || name == "content.xml" => Some(2),
        _ => Some(1),
    }
}

fn package(content: &mut Content, parts: &mut Parts) {
    let Ok(mut archive) = open(content) else {
        return;
    };
    parts.complete &= archive.len() <= MAX_MEMBERS;
    let mut order: Vec<(u8, usize, String)> = (0..archive.len().min(MAX_MEMBERS))
        .filter_map(|index| {
            let name = String::from_utf8_lossy(archive.by_index_data(index).ok()?.name_raw()).into_owned();
            rank(&name.to_lowercase()).map(|rank| (rank, index, name))
        })
        .collect();
    order.sort();
    let mut left = MAX_TOTAL_BYTES;
    for (rank, index, name) in order {
        let Ok(file) = archive.by_index(index) else {
            parts.complete = false;
            continue;
        };
        let mut bytes = Vec::new();
        let read = file.take(left + 1).read_to_end(&mut bytes);
        if bytes.len() as u64 > left {
            // Bulk text beyond the bound holds cells and paragraphs; the raw file was scanned all the same.
            parts.complete &= rank == 2;
            return;
        }
        parts.complete &= read.is_ok();
        left -= bytes.len() as u64;
        if rank == 0 && bytes.starts_with(b"\xD0\xCF\x11\xE0") {
            left = left.saturating_sub(project(&bytes, &name, left, parts));
        }
        parts.list.push(Part { name, bytes });
    }
}

fn project(bytes: &[u8], name: &str, left: u64, parts: &mut Parts) -> u64 {
    let Ok(mut compound) = CompoundFile::open(Cursor::new(bytes)) else {
        return 0;
    };
    let modules = vba::modules(&mut compound, left as usize);
    let taken = modules.iter().map(|module| module.source.len() as u64).sum();
    parts.list.extend(modules.into_iter().map(|module| Part { name: format!("{name}/{}", module.name), bytes: module.source }));
    taken
}

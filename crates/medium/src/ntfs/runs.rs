//! Data runs: which clusters hold which part of an attribute.

/// Most runs of an attribute.
// BOUND: NTFS itself gives up at about 1.5 million; this is 24 MiB.
const MAX_RUNS: usize = 1 << 20;
/// Most clusters of an attribute.
// BOUND: 2^63 bytes in the smallest clusters.
const MAX_CLUSTERS: u64 = 1 << 54;

/// Clusters in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Place in the attribute.
    begin: u64,
    /// Place on the volume; `None` for a hole.
    cluster: Option<u64>,
    count: u64,
}

/// The runs of an attribute from its beginning on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs {
    runs: Vec<Run>,
    end: u64,
}

impl Runs {
    /// Clusters covered, holes included.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Where the cluster at this place of the attribute lies (`None` for a hole), and how many follow it in a row, itself
    /// included; nothing where no run is.
    pub fn find(&self, place: u64) -> Option<(Option<u64>, u64)> {
        let behind = self.runs.partition_point(|run| run.begin <= place);
        let run = self.runs.get(behind.checked_sub(1)?)?;
        let within = place - run.begin;
        (within < run.count).then(|| (run.cluster.map(|cluster| cluster + within), run.count - within))
    }

    /// Appends a list of mapping pairs, which must begin where the runs so far end; `false` when it breaks off, and then
    /// what came before it counts.
    pub fn append(&mut self, begin: u64, mut pairs: &[u8], volume_clusters: u64) -> bool {
        if begin != self.end {
            return false;
        }
        let mut before = 0i64;
        while let Some((header, rest)) = pairs.split_first().filter(|(header, _)| **header != 0) {
            let (count_bytes, cluster_bytes) = (usize::from(header & 0x0F), usize::from(header >> 4));
            let Some((count, rest)) = rest.split_at_checked(count_bytes) else { return false };
            let Some((delta, rest)) = rest.split_at_checked(cluster_bytes) else { return false };
            let (Some(count), Some(delta)) = (signed(count), signed(delta)) else { return false };
            let cluster = if cluster_bytes == 0 {
                None
            } else {
                let Some(next) = before.checked_add(delta) else { return false };
                before = next;
                Some(next)
            };
            if self.push(cluster, count, volume_clusters).is_none() {
                return false;
            }
            pairs = rest;
        }
        true
    }

    fn push(&mut self, cluster: Option<i64>, count: i64, volume_clusters: u64) -> Option<()> {
        let count = u64::try_from(count).ok().filter(|count| *count > 0)?;
        let end = self.end.checked_add(count).filter(|end| *end <= MAX_CLUSTERS)?;
        let cluster = cluster.map(u64::try_from).transpose().ok()?;
        if cluster.is_some_and(|cluster| cluster.checked_add(count).is_none_or(|last| last > volume_clusters))
            || self.runs.len() >= MAX_RUNS
        {
            return None;
        }
        self.runs.push(Run { begin: self.end, cluster, count });
        self.end = end;
        Some(())
    }
}

/// A little-endian number of up to eight bytes with its sign; 0 for none.
fn signed(bytes: &[u8]) -> Option<i64> {
    let fill = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xFF } else { 0 };
    let mut number = [fill; 8];
    number.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(i64::from_le_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_holes_and_steps_backwards() {
        let mut runs = Runs::default();
        // 24 clusters from 0x5634 on, a hole of 3, then 2 from 16 before; the second list goes on behind.
        assert!(runs.append(0, &[0x21, 0x18, 0x34, 0x56, 0x01, 0x03, 0x11, 0x02, 0xF0, 0, 0xFF], 0x6000));
        assert!(runs.append(29, &[0x11, 1, 7], 0x6000));
        assert_eq!(runs.end(), 30);
        assert_eq!(runs.find(0), Some((Some(0x5634), 24)));
        assert_eq!(runs.find(23), Some((Some(0x564B), 1)));
        assert_eq!(runs.find(25), Some((None, 2)));
        assert_eq!(runs.find(28), Some((Some(0x5625), 1)));
        assert_eq!(runs.find(29), Some((Some(7), 1)));
        assert_eq!(runs.find(30), None);
        assert_eq!(Runs::default().find(0), None);
    }

    #[test]
    fn absurd_lists_break_off() {
        for pairs in [
            // No count, a count of nothing, a negative one, behind the volume, before it, nine bytes, cut.
            &[0x10u8, 5][..],
            &[0x11, 0, 5],
            &[0x11, 0x80, 5],
            &[0x11, 2, 99],
            &[0x11, 2, 0x80],
            &[0x19, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
            &[0x81, 1, 255, 255, 255, 255, 255, 255, 255, 127],
            &[0x08, 255, 255, 255, 255, 255, 255, 255, 127],
            &[0x21, 1, 5],
            &[0x21],
        ] {
            let mut runs = Runs::default();
            assert!(runs.append(0, &[0x11, 1, 1], 100));
            assert!(!runs.append(1, pairs, 100), "{pairs:?}");
            assert_eq!(runs.end(), 1);
        }
        assert!(!Runs::default().append(1, &[0x11, 1, 1], 100));
    }
}

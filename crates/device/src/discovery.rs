//! What came and what went, decided from one look at all block devices after another: a pure function of the looks.
//!
//! Events only say *when* to look. One that is lost, doubled or out of order changes nothing: a medium is known by its disk's
//! name and the kernel's sequence number of disks (`diskseq`, Linux 5.15), which is new for every medium put in.

use crate::facts::DeviceFacts;
use crate::watch::Look;
use std::collections::BTreeMap;

/// What happened to a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It is there, and was not before; what is there at the first look counts.
    Insert,
    /// It is the same medium, but the kernel says something else about it (partitions, size).
    Change,
    /// It is gone.
    Remove,
}

impl Happening {
    /// As records and output spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Change => "change",
            Self::Remove => "remove",
        }
    }
}

/// Something that happened, with what was last known of the medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub happening: Happening,
    /// The medium.
    pub facts: DeviceFacts,
}

/// Every medium that is there.
#[derive(Debug, Default)]
pub struct Discovery {
    present: BTreeMap<String, DeviceFacts>,
}

impl Discovery {
    /// Takes a look and says what happened since the last one: first what went, then what came or changed, each by name.
    /// A drive or slot without a medium (size 0) is nothing; a device that could not be read is as it was.
    pub fn look(&mut self, look: Look) -> Vec<Change> {
        let media = look.devices.into_iter().filter(|facts| facts.size_bytes > 0);
        let mut now: BTreeMap<String, DeviceFacts> = media.map(|facts| (facts.name.clone(), facts)).collect();
        for name in look.unreadable {
            if let Some(before) = self.present.get(&name) {
                now.insert(name, before.clone());
            }
        }
        let gone = self.present.iter().filter(|(name, before)| now.get(*name).is_none_or(|facts| !same_medium(before, facts)));
        let mut changes: Vec<Change> = gone.map(|(_, before)| Change { happening: Happening::Remove, facts: before.clone() }).collect();
        for (name, facts) in &now {
            let happening = match self.present.get(name) {
                Some(before) if before == facts => continue,
                Some(before) if same_medium(before, facts) => Happening::Change,
                Some(_) | None => Happening::Insert,
            };
            changes.push(Change { happening, facts: facts.clone() });
        }
        self.present = now;
        changes
    }
}

/// Where the kernel does not number disks, another device or another size is another medium.
fn same_medium(before: &DeviceFacts, now: &DeviceFacts) -> bool {
    match (before.sequence, now.sequence) {
        (Some(before), Some(now)) => before == now,
        _ => (before.size_bytes, &before.serial, &before.usb_device) == (now.size_bytes, &now.serial, &now.usb_device),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Partition;
    use model::DeviceKind;

    fn medium(name: &str, sequence: Option<u64>, size_bytes: u64) -> DeviceFacts {
        DeviceFacts {
            name: name.into(),
            kind: DeviceKind::Usb,
            vendor_id: None,
            product_id: None,
            vendor: None,
            product: None,
            serial: None,
            port: None,
            size_bytes,
            sequence,
            removable: true,
            interfaces: Vec::new(),
            configurations: 1,
            partitions: Vec::new(),
            usb_device: None,
        }
    }

    fn happened(discovery: &mut Discovery, devices: &[DeviceFacts]) -> Vec<(Happening, String)> {
        discovery
            .look(Look { devices: devices.to_vec(), unreadable: Vec::new() })
            .into_iter()
            .map(|change| (change.happening, change.facts.name))
            .collect()
    }

    fn is(happening: Happening, name: &str) -> (Happening, String) {
        (happening, name.to_owned())
    }

    #[test]
    fn what_is_there_at_first_counts_and_a_look_without_news_says_nothing() {
        let mut discovery = Discovery::default();
        let both = [medium("sda", Some(1), 100), medium("sdb", Some(2), 100)];
        assert_eq!(happened(&mut discovery, &both), [is(Happening::Insert, "sda"), is(Happening::Insert, "sdb")]);
        assert_eq!(happened(&mut discovery, &both), []);
        assert_eq!(happened(&mut discovery, &both[1..]), [is(Happening::Remove, "sda")]);
    }

    #[test]
    fn an_empty_slot_is_no_medium_and_a_card_taken_out_is_gone() {
        let mut discovery = Discovery::default();
        assert_eq!(happened(&mut discovery, &[medium("sdc", Some(1), 0)]), []);
        assert_eq!(happened(&mut discovery, &[medium("sdc", Some(2), 64)]), [is(Happening::Insert, "sdc")]);
        assert_eq!(happened(&mut discovery, &[medium("sdc", Some(3), 0)]), [is(Happening::Remove, "sdc")]);
    }

    #[test]
    fn a_medium_changed_between_two_looks_is_one_gone_and_one_come() {
        let mut discovery = Discovery::default();
        happened(&mut discovery, &[medium("sr0", Some(7), 700)]);
        let next = happened(&mut discovery, &[medium("sr0", Some(8), 700)]);
        assert_eq!(next, [is(Happening::Remove, "sr0"), is(Happening::Insert, "sr0")]);
    }

    #[test]
    fn partitions_found_later_are_a_change_of_the_same_medium() {
        let mut discovery = Discovery::default();
        let mut stick = medium("sda", Some(1), 100);
        happened(&mut discovery, std::slice::from_ref(&stick));
        stick.partitions.push(Partition { name: "sda1".into(), number: 1, offset_bytes: 0, size_bytes: 50 });
        assert_eq!(happened(&mut discovery, &[stick]), [is(Happening::Change, "sda")]);
    }

    #[test]
    fn without_sequence_numbers_another_size_is_another_medium() {
        let mut discovery = Discovery::default();
        happened(&mut discovery, &[medium("sda", None, 100)]);
        assert_eq!(happened(&mut discovery, &[medium("sda", None, 100)]), []);
        let next = happened(&mut discovery, &[medium("sda", None, 200)]);
        assert_eq!(next, [is(Happening::Remove, "sda"), is(Happening::Insert, "sda")]);
    }

    #[test]
    fn a_device_that_cannot_be_read_for_a_moment_is_as_it_was() {
        let mut discovery = Discovery::default();
        happened(&mut discovery, &[medium("sda", Some(1), 100)]);
        let unreadable = Look { devices: Vec::new(), unreadable: vec!["sda".into(), "sdb".into()] };
        assert_eq!(discovery.look(unreadable), []);
        assert_eq!(happened(&mut discovery, &[medium("sda", Some(1), 100)]), []);
        assert_eq!(happened(&mut discovery, &[]), [is(Happening::Remove, "sda")]);
    }
}

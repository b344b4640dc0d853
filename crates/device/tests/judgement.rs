//! Facts and judgement over sysfs trees made by hand, one for each kind of device that matters.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up has to fail")]

use device::{DeviceFacts, FactsError, Judgement, Refusal, deauthorise, facts, judge};
use model::DeviceKind;
use model::device::{DevicePattern, DevicePolicy};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const BOT: &str = "08/06/50";
const UAS: &str = "08/06/62";

/// A tree that looks like `/sys`.
struct Sysfs(TempDir);

impl Sysfs {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("class/block")).unwrap();
        fs::create_dir_all(dir.path().join("block")).unwrap();
        Self(dir)
    }

    fn write(&self, path: &str, text: &[u8]) -> PathBuf {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// A USB device at a port with these interfaces.
    fn usb(&self, port: &str, interfaces: &[&str]) -> String {
        let usb = format!("devices/pci0000:00/0000:00:14.0/usb1/{port}");
        for (file, text) in [
            ("bDeviceClass", "00"),
            ("bNumConfigurations", "1"),
            ("authorized", "1\n"),
            ("idVendor", "0781\n"),
            ("idProduct", "5581\n"),
            ("manufacturer", "SanDisk\n"),
            ("product", "Ultra\n"),
            ("serial", "4C530001\n"),
        ] {
            self.write(&format!("{usb}/{file}"), text.as_bytes());
        }
        for (number, codes) in interfaces.iter().enumerate() {
            for (file, code) in ["bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol"].iter().zip(codes.split('/')) {
                self.write(&format!("{usb}/{port}:1.{number}/{file}"), format!("{code}\n").as_bytes());
            }
        }
        usb
    }

    /// A block device below a place, of 2,000 sectors.
    fn block(&self, place: &str, name: &str) -> String {
        let block = format!("{place}/block/{name}");
        self.write(&format!("{block}/size"), b"2000\n");
        self.write(&format!("{block}/removable"), b"1\n");
        for class in ["class/block", "block"] {
            symlink(self.0.path().join(&block), self.0.path().join(class).join(name)).unwrap();
        }
        block
    }

    fn stick(&self, interfaces: &[&str]) -> DeviceFacts {
        let usb = self.usb("1-2.3", interfaces);
        self.block(&format!("{usb}/1-2.3:1.0/host0/target0:0:0/0:0:0:0"), "sda");
        facts(self.0.path(), "sda").unwrap()
    }
}

fn judged(facts: &DeviceFacts) -> Judgement {
    judge(facts, &DevicePolicy::default())
}

fn refused_for(facts: &DeviceFacts) -> String {
    match judged(facts) {
        Judgement::Refused(refusal) => refusal.to_string(),
        Judgement::Admitted => panic!("admitted: {facts:?}"),
    }
}

fn policy(allow: &[DevicePattern], deny: &[DevicePattern]) -> DevicePolicy {
    DevicePolicy { allow: allow.to_vec(), deny: deny.to_vec(), ..DevicePolicy::default() }
}

#[test]
fn a_stick_and_a_uas_disk_are_admitted_and_named() {
    for interface in [BOT, UAS] {
        let stick = Sysfs::new().stick(&[interface]);
        assert!(judged(&stick).is_admitted());
        let record = stick.record("admitted");
        assert_eq!((record.kind, record.usb_id.as_deref()), (DeviceKind::Usb, Some("0781:5581")));
        assert_eq!((record.vendor.as_deref(), record.product.as_deref()), (Some("SanDisk"), Some("Ultra")));
        assert_eq!((record.serial.as_deref(), record.port.as_deref()), (Some("4C530001"), Some("1-2.3")));
        assert_eq!(record.size_bytes, 1_024_000);
    }
    // UAS disks offer BOT as well, as another setting of one interface or as a second one.
    assert!(judged(&Sysfs::new().stick(&[BOT, UAS])).is_admitted());
}

#[test]
fn whatever_is_more_than_storage_is_refused_whole_and_named() {
    for (other, word) in [
        ("03/01/01", "keyboard"),
        ("03/01/02", "mouse"),
        ("03/00/00", "input"),
        ("02/06/00", "network"),
        ("02/02/01", "serial"),
        ("0a/00/00", "serial line or network"),
        ("e0/01/03", "wireless or network"),
        ("ff/42/01", "vendor specific"),
        ("08/06/51", "not read"),
        ("08/02/50", "not read"),
        ("01/01/00", "audio"),
        ("77/00/00", "unknown"),
    ] {
        for interfaces in [[BOT, other], [other, BOT]] {
            let sysfs = Sysfs::new();
            let composite = sysfs.stick(&interfaces);
            assert!(refused_for(&composite).contains(word), "{}", refused_for(&composite));
            let Judgement::Refused(refusal) = judged(&composite) else { panic!() };
            assert!(refusal.keeps_unauthorised());
            assert!(deauthorise(&composite).unwrap());
            assert_eq!(fs::read_to_string(composite.usb_device.unwrap().join("authorized")).unwrap().trim_end(), "0");
        }
    }
    assert_eq!(judged(&Sysfs::new().stick(&[])), Judgement::Refused(Refusal::NoStorage));
}

#[test]
fn an_allowed_composite_device_is_refused_all_the_same() {
    let composite = Sysfs::new().stick(&[BOT, "03/01/01"]);
    let allow = DevicePattern { serial: Some("4C530001".into()), ..DevicePattern::default() };
    assert!(!judge(&composite, &policy(&[allow], &[])).is_admitted());
}

#[test]
fn what_another_configuration_offers_cannot_be_judged() {
    let sysfs = Sysfs::new();
    let usb = sysfs.usb("1-1", &[BOT]);
    sysfs.write(&format!("{usb}/bNumConfigurations"), b"2\n");
    sysfs.block(&format!("{usb}/1-1:1.0/host0/target0:0:0/0:0:0:0"), "sda");
    assert_eq!(judged(&facts(sysfs.0.path(), "sda").unwrap()), Judgement::Refused(Refusal::Configurations));
}

#[test]
fn an_interface_that_cannot_be_read_is_not_taken_for_storage() {
    let sysfs = Sysfs::new();
    let usb = sysfs.usb("1-1", &[BOT]);
    sysfs.write(&format!("{usb}/1-1:1.1/bInterfaceClass"), b"zz\n");
    sysfs.block(&format!("{usb}/1-1:1.0/host0/target0:0:0/0:0:0:0"), "sda");
    assert!(matches!(facts(sysfs.0.path(), "sda"), Err(FactsError::Sysfs { .. })));
}

#[test]
fn every_lun_of_a_card_reader_is_a_medium_of_its_own() {
    let sysfs = Sysfs::new();
    let usb = sysfs.usb("1-4", &[BOT]);
    for (lun, name) in [(0, "sdb"), (1, "sdc")] {
        sysfs.block(&format!("{usb}/1-4:1.0/host1/target1:0:0/1:0:0:{lun}"), name);
    }
    sysfs.write(&format!("{usb}/1-4:1.0/host1/target1:0:0/1:0:0:1/block/sdc/size"), b"0\n");
    let looked = device::look(sysfs.0.path()).unwrap().devices;
    let met: Vec<_> = looked.iter().map(|f| (f.name.as_str(), f.port.as_deref(), f.size_bytes, judged(f).is_admitted())).collect();
    assert_eq!(met, [("sdb", Some("1-4"), 1_024_000, true), ("sdc", Some("1-4"), 0, true)]);
}

#[test]
fn optical_drives_and_cards_are_media_and_soldered_memory_is_not() {
    let sysfs = Sysfs::new();
    sysfs.block("devices/pci0000:00/0000:00:17.0/ata2/host1/target1:0:0/1:0:0:0", "sr0");
    let card = "devices/platform/mmc_host/mmc0/mmc0:aaaa";
    let block = sysfs.block(card, "mmcblk0");
    symlink(sysfs.0.path().join(card), sysfs.0.path().join(&block).join("device")).unwrap();
    for (file, text) in [("type", "SD\n"), ("name", "SC64G\n"), ("serial", "0x1234abcd\n")] {
        sysfs.write(&format!("{card}/{file}"), text.as_bytes());
    }
    let soldered = "devices/platform/mmc_host/mmc1/mmc1:0001";
    let block = sysfs.block(soldered, "mmcblk1");
    sysfs.write(&format!("{block}/removable"), b"0\n");
    symlink(sysfs.0.path().join(soldered), sysfs.0.path().join(&block).join("device")).unwrap();
    sysfs.write(&format!("{soldered}/type"), b"MMC\n");
    let of = |name| facts(sysfs.0.path(), name).unwrap();
    assert_eq!(of("sr0").kind, DeviceKind::Optical);
    assert!(judged(&of("sr0")).is_admitted());
    let card = of("mmcblk0");
    assert_eq!((card.kind, card.port.as_deref(), card.product.as_deref()), (DeviceKind::Mmc, Some("mmc0"), Some("SC64G")));
    assert_eq!(card.serial.as_deref(), Some("0x1234abcd"));
    assert!(judged(&card).is_admitted());
    assert_eq!(judged(&of("mmcblk1")), Judgement::Refused(Refusal::Kind(DeviceKind::System)));
}

#[test]
fn the_machines_own_disks_never_and_loop_devices_only_when_allowed() {
    let sysfs = Sysfs::new();
    sysfs.block("devices/pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0", "sdx");
    sysfs.block("devices/pci0000:00/0000:01:00.0/nvme/nvme0", "nvme0n1");
    sysfs.block("devices/pci0000:00/0000:00:05.0/virtio2", "vda");
    sysfs.block("devices/virtual", "loop3");
    let all = DevicePolicy { allow_virtual: true, ..DevicePolicy::default() };
    for name in ["sdx", "nvme0n1", "vda"] {
        assert_eq!(judge(&facts(sysfs.0.path(), name).unwrap(), &all), Judgement::Refused(Refusal::Kind(DeviceKind::System)), "{name}");
    }
    let image = facts(sysfs.0.path(), "loop3").unwrap();
    assert_eq!(judged(&image), Judgement::Refused(Refusal::Kind(DeviceKind::Virtual)));
    assert!(judge(&image, &all).is_admitted());
    assert!(!Refusal::Kind(DeviceKind::Virtual).keeps_unauthorised());
    assert!(!deauthorise(&image).unwrap());
}

#[test]
fn deny_beats_allow_and_a_list_excludes_what_is_not_on_it() {
    let stick = Sysfs::new().stick(&[BOT]);
    let pattern = |vendor: Option<&str>, serial: Option<&str>, port: Option<&str>| DevicePattern {
        vendor: vendor.map(str::to_owned),
        serial: serial.map(str::to_owned),
        port: port.map(str::to_owned),
        ..DevicePattern::default()
    };
    let (by_id, by_name) = (pattern(Some("0781"), None, None), pattern(Some("SanDisk"), None, None));
    let (by_serial, by_port) = (pattern(None, Some("4C530001"), None), pattern(None, None, Some("1-2.3")));
    let other = pattern(Some("0781"), Some("another"), None);
    for meant in [&by_id, &by_name, &by_serial, &by_port] {
        assert!(judge(&stick, &policy(std::slice::from_ref(meant), &[])).is_admitted(), "{meant:?}");
        assert_eq!(judge(&stick, &policy(&[], std::slice::from_ref(meant))), Judgement::Refused(Refusal::Denied));
        assert_eq!(judge(&stick, &policy(std::slice::from_ref(meant), std::slice::from_ref(&by_id))), Judgement::Refused(Refusal::Denied));
    }
    // Every key of an entry has to fit.
    assert_eq!(judge(&stick, &policy(std::slice::from_ref(&other), &[])), Judgement::Refused(Refusal::NotAllowed));
    assert!(judge(&stick, &policy(&[other.clone(), by_port], &[other])).is_admitted());
}

#[test]
fn a_device_without_a_serial_number_is_on_no_list_of_serial_numbers() {
    let sysfs = Sysfs::new();
    let usb = sysfs.usb("1-1", &[BOT]);
    fs::remove_file(sysfs.0.path().join(&usb).join("serial")).unwrap();
    sysfs.block(&format!("{usb}/1-1:1.0/host0/target0:0:0/0:0:0:0"), "sda");
    let stick = facts(sysfs.0.path(), "sda").unwrap();
    assert_eq!(stick.serial, None);
    let wanted = DevicePattern { serial: Some("4C530001".into()), ..DevicePattern::default() };
    assert_eq!(judge(&stick, &policy(&[wanted], &[])), Judgement::Refused(Refusal::NotAllowed));
}

#[test]
fn what_a_device_says_of_itself_is_escaped_and_cut() {
    let sysfs = Sysfs::new();
    let usb = sysfs.usb("1-1", &[BOT]);
    sysfs.write(&format!("{usb}/serial"), b"\x1b[2J\n\xff\\\xe2\x80\xae\n");
    sysfs.write(&format!("{usb}/product"), "x".repeat(5_000).as_bytes());
    sysfs.block(&format!("{usb}/1-1:1.0/host0/target0:0:0/0:0:0:0"), "sda");
    let stick = facts(sysfs.0.path(), "sda").unwrap();
    assert_eq!(stick.serial.as_deref(), Some("\\u{1B}[2J\\u{A}\\xFF\\\\\\u{202E}"));
    assert_eq!(stick.product.map(|product| product.len()), Some(256));
}

#[test]
fn partitions_are_listed_and_are_no_media_themselves() {
    let sysfs = Sysfs::new();
    let usb = sysfs.usb("1-1", &[BOT]);
    let block = sysfs.block(&format!("{usb}/1-1:1.0/host0/target0:0:0/0:0:0:0"), "sda");
    for (name, file, text) in [("sda2", "partition", "2"), ("sda2", "start", "1000"), ("sda2", "size", "500"), ("sda1", "partition", "1")] {
        sysfs.write(&format!("{block}/{name}/{file}"), text.as_bytes());
    }
    sysfs.write(&format!("{block}/sda1/start"), b"34");
    sysfs.write(&format!("{block}/sda1/size"), b"900");
    symlink(sysfs.0.path().join(&block).join("sda1"), sysfs.0.path().join("class/block/sda1")).unwrap();
    let stick = facts(sysfs.0.path(), "sda").unwrap();
    let met: Vec<_> = stick.partitions.iter().map(|p| (p.name.as_str(), p.number, p.offset_bytes, p.size_bytes)).collect();
    assert_eq!(met, [("sda1", 1, 34 * 512, 900 * 512), ("sda2", 2, 1000 * 512, 500 * 512)]);
    assert!(matches!(facts(sysfs.0.path(), "sda1"), Err(FactsError::Partition { disk, .. }) if disk == "sda"));
    for name in ["", "..", "../sda", "a/b", "sd a"] {
        assert!(matches!(facts(sysfs.0.path(), name), Err(FactsError::Absent { .. })), "{name}");
    }
    assert!(Path::new(&stick.usb_device.unwrap()).ends_with("1-1"));
}

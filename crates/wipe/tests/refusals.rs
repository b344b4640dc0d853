//! What is refused, on trees like the kernel's, so that no disk of this machine is in danger. Device nodes are only looked at.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code; the lint sees only functions marked as tests")]

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use wipe::{Answer, FileSystem, Kind, Method, OpenMedium, Refusal, Step, System, Target, Tools, native_plan};

/// A machine with disks as a test makes them.
struct Machine {
    root: tempfile::TempDir,
    system: System,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        // sysfs is found by canonical paths.
        let at = |name: &str| {
            let path = root.path().canonicalize().unwrap().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let system = System { sys: at("sys"), proc: at("proc"), run: at("run") };
        let machine = Self { root, system };
        machine.write("proc/self/mountinfo", "");
        fs::create_dir_all(machine.system.sys.join("block")).unwrap();
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A disk at `place` below `sys/devices`, with its node; none without the right to make nodes.
    fn disk(&self, place: &str, name: &str, minor: u32) -> Option<PathBuf> {
        let folder = format!("sys/devices/{place}/block/{name}");
        for (file, text) in [("size", "2048\n"), ("ro", "0\n"), ("queue/logical_block_size", "512\n"), ("queue/rotational", "0\n")] {
            self.write(&format!("{folder}/{file}"), text);
        }
        self.node(&folder, name, minor)
    }

    fn node(&self, folder: &str, name: &str, minor: u32) -> Option<PathBuf> {
        let sys = &self.system.sys;
        self.write(&format!("{folder}/dev"), &format!("8:{minor}\n"));
        let full = self.root.path().canonicalize().unwrap().join(folder);
        for links in ["dev/block", "block"] {
            fs::create_dir_all(sys.join(links)).unwrap();
        }
        symlink(&full, sys.join(format!("dev/block/8:{minor}"))).unwrap();
        symlink(&full, sys.join(format!("block/{name}"))).unwrap();
        let device = full.ancestors().nth(2).unwrap();
        if !full.join("device").exists() {
            symlink(device, full.join("device")).unwrap();
        }
        let node = self.root.path().join(name);
        let made = mknodat(CWD, &node, FileType::BlockDevice, Mode::RUSR, makedev(8, minor));
        made.is_ok().then_some(node)
    }

    fn look(&self, path: &Path) -> Result<Target, Refusal> {
        Target::look(path, &self.root.path().join("state"), &self.system)
    }
}

/// A machine with one disk `sda` and the folder of that disk.
macro_rules! machine_with_disk {
    () => {{
        let machine = Machine::new();
        let Some(node) = machine.disk("usb1/1-1/host0", "sda", 0) else { return println!("skipped: no right to make device nodes") };
        (machine, node, "sys/devices/usb1/1-1/host0/block/sda")
    }};
}

#[test]
fn an_unused_disk_is_taken_with_what_it_says_of_itself() {
    let (machine, node, folder) = machine_with_disk!();
    let target = machine.look(&node).unwrap();
    assert_eq!((target.kind, target.size_bytes, target.flash), (Kind::Device, 1 << 20, Some(true)));
    assert_eq!((target.serial.as_str(), target.has_serial), ("sda", false));
    // A USB stick's number stands some folders above the disk; udev's word goes before.
    machine.write("sys/devices/usb1/idVendor", "1d6b\n");
    machine.write("sys/devices/usb1/serial", "0000:00:14.0\n");
    machine.write("sys/devices/usb1/1-1/idVendor", "0951\n");
    // The hub's number is not the stick's.
    machine.write("sys/devices/usb1/1-1/bDeviceClass", "00\n");
    assert!(!machine.look(&node).unwrap().has_serial);
    machine.write("sys/devices/usb1/1-1/serial", "4C5300\n");
    machine.write(&format!("{folder}/../../vendor"), "Marke\u{1b}\n");
    let target = machine.look(&node).unwrap();
    assert_eq!((target.serial.as_str(), target.has_serial), ("4C5300", true));
    assert!(!target.model.contains('\u{1b}'), "{}", target.model);
    machine.write("run/udev/data/b8:0", "S:disk/by-id/x\nE:ID_SERIAL=Marke_4C53\nE:ID_SERIAL_SHORT=4C53\n");
    assert_eq!(machine.look(&node).unwrap().serial, "4C53");
}

#[test]
fn the_serial_number_counts_letter_for_letter() {
    let (machine, node, _) = machine_with_disk!();
    machine.write("run/udev/data/b8:0", "E:ID_SERIAL_SHORT=4C53\n");
    for wrong in ["", "4c53", "4C53 ", " 4C53", "4C5", "sda", "y"] {
        assert!(matches!(machine.look(&node).unwrap().confirm(wrong), Err(Refusal::SerialWrong { .. })), "{wrong:?}");
    }
    assert!(machine.look(&node).unwrap().confirm("4C53").is_ok());
}

#[test]
fn the_system_disk_is_refused_whatever_leads_to_it() {
    let (machine, node, folder) = machine_with_disk!();
    machine.write(&format!("{folder}/sda2/partition"), "2\n");
    machine.write(&format!("{folder}/sda2/dev"), "8:2\n");
    for line in [
        "1 0 8:2 / / rw - ext4 /dev/sda2 rw\n",
        "1 0 8:0 / /boot rw - ext4 /dev/root rw\n",
        // btrfs: a number of its own, but the name is the partition's. The mount by a person comes first in the list.
        "1 0 8:2 / /mnt rw - btrfs /dev/sda2 rw\n2 0 0:33 /@ / rw - btrfs /dev/sda2 rw\n",
    ] {
        machine.write("proc/self/mountinfo", line);
        assert!(matches!(machine.look(&node), Err(Refusal::SystemDisk { .. })), "{line}");
    }
    machine.write("proc/self/mountinfo", "1 0 8:2 / /media/stick rw - vfat /dev/sda2 rw\n");
    assert!(matches!(machine.look(&node), Err(Refusal::Mounted { .. })));
    machine.write("proc/self/mountinfo", "1 0 0:33 / / rw - btrfs /dev/sdb2 rw\n");
    assert!(machine.look(&node).is_ok());
    machine.write("proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1024 0 -2\n");
    assert!(matches!(machine.look(&node), Err(Refusal::SystemDisk { use_, .. }) if use_ == "swap"));
}

#[test]
fn without_the_list_of_mounts_nothing_is_wiped() {
    let (machine, node, _) = machine_with_disk!();
    fs::remove_file(machine.root.path().join("proc/self/mountinfo")).unwrap();
    assert!(matches!(machine.look(&node), Err(Refusal::Look { .. })));
}

#[test]
fn disks_under_or_on_other_devices_are_refused() {
    let (machine, node, folder) = machine_with_disk!();
    machine.write(&format!("{folder}/sda1/partition"), "1\n");
    machine.write(&format!("{folder}/sda1/holders/dm-0"), "");
    assert!(matches!(machine.look(&node), Err(Refusal::Held { holder, .. }) if holder == "dm-0"));
    fs::remove_dir_all(machine.root.path().join(folder).join("sda1")).unwrap();
    machine.write(&format!("{folder}/slaves/sdb"), "");
    assert!(matches!(machine.look(&node), Err(Refusal::Composed { below, .. }) if below == "sdb"));
}

#[test]
fn partitions_optical_drives_protected_and_empty_ones_are_refused() {
    let (machine, node, folder) = machine_with_disk!();
    for (file, text, expected) in
        [("size", "0\n", "Empty"), ("ro", "1\n", "ReadOnly"), ("ro", "", "ReadOnly"), ("partition", "1\n", "Partition")]
    {
        let before = fs::read_to_string(machine.root.path().join(folder).join(file)).ok();
        machine.write(&format!("{folder}/{file}"), text);
        let refused = machine.look(&node).unwrap_err();
        assert!(format!("{refused:?}").starts_with(expected), "{file}: {refused:?}");
        match before {
            Some(text) => machine.write(&format!("{folder}/{file}"), &text),
            None => fs::remove_file(machine.root.path().join(folder).join(file)).unwrap(),
        }
    }
    // By its type, whatever its name is; and by its name, whatever its type.
    machine.write("sys/devices/usb1/1-1/host0/type", "5\n");
    assert!(matches!(machine.look(&node), Err(Refusal::Optical { .. })));
    let optical = machine.disk("ata9/x", "sr0", 7).unwrap();
    assert!(matches!(machine.look(&optical), Err(Refusal::Optical { .. })));
}

#[test]
fn what_is_no_disk_and_no_image_is_refused() {
    let machine = Machine::new();
    let fifo = machine.root.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
    for path in [fifo.as_path(), machine.root.path(), Path::new("/dev/null")] {
        assert!(matches!(machine.look(path), Err(Refusal::Kind { .. })), "{}", path.display());
    }
    machine.write("state/keys/station.pk8", "key");
    assert!(matches!(machine.look(&machine.root.path().join("state/keys/station.pk8")), Err(Refusal::OwnState { .. })));
    machine.write("empty.img", "");
    assert!(matches!(machine.look(&machine.root.path().join("empty.img")), Err(Refusal::Empty { .. })));
    machine.write("stick.img", "content");
    let image = machine.root.path().canonicalize().unwrap().join("stick.img");
    assert!(machine.look(&image).is_ok());
    machine.write("proc/swaps", &format!("Filename Type\n{} file\n", image.display()));
    assert!(matches!(machine.look(&image), Err(Refusal::SystemDisk { .. })));
    machine.write("proc/swaps", "");
    machine.write("sys/block/loop9/loop/backing_file", &format!("{}\n", image.display()));
    assert!(matches!(machine.look(&image), Err(Refusal::Held { holder, .. }) if holder == "loop9"));
}

#[test]
fn what_a_loop_device_stands_on_is_refused_under_every_name() {
    let (machine, node, folder) = machine_with_disk!();
    machine.write(&format!("{folder}/sda1/partition"), "1\n");
    machine.write(&format!("{folder}/sda1/dev"), "8:1\n");
    let part = machine.root.path().join("elsewhere");
    mknodat(CWD, &part, FileType::BlockDevice, Mode::RUSR, makedev(8, 1)).unwrap();
    machine.write("stick.img", "content");
    let (image, other) = (machine.root.path().join("stick.img"), machine.root.path().join("hard.img"));
    fs::hard_link(&image, &other).unwrap();
    assert!(machine.look(&node).is_ok() && machine.look(&image).is_ok());
    let held = |path: &Path| matches!(machine.look(path), Err(Refusal::Held { holder, .. }) if holder == "loop9");
    for backing in [node.as_path(), part.as_path(), Path::new("/dev/sda1"), Path::new("/dev/sda")] {
        machine.write("sys/block/loop9/loop/backing_file", &format!("{}\n", backing.display()));
        assert!(held(&node), "{}", backing.display());
    }
    machine.write("sys/block/loop9/loop/backing_file", &format!("{}\n", other.display()));
    assert!(held(&image) && !held(&node));
    fs::remove_dir_all(machine.system.sys.join("block")).unwrap();
    assert!(matches!(machine.look(&image), Err(Refusal::Look { .. })));
    assert!(matches!(machine.look(&node), Err(Refusal::Look { .. })));
}

#[test]
fn a_loop_device_is_judged_by_what_is_behind_it() {
    let (machine, disk, folder) = machine_with_disk!();
    let Some(above) = machine.disk("virtual", "loop9", 99) else { return };
    let on = |backing: &Path| {
        machine.write("sys/devices/virtual/block/loop9/loop/backing_file", &format!("{}\n", backing.display()));
        machine.look(&above)
    };
    machine.write("state/spool/x.img", "content");
    machine.write("stick.img", "content");
    let image = machine.root.path().join("stick.img");
    assert!(on(&image).is_ok() && on(&disk).is_ok());
    assert!(matches!(on(&machine.root.path().join("state/spool/x.img")), Err(Refusal::OwnState { .. })));
    assert!(matches!(on(Path::new("/nowhere/gone.img (deleted)")), Err(Refusal::Look { .. })));
    machine.write("sys/block/loop8/loop/backing_file", &format!("{}\n", image.display()));
    assert!(matches!(on(&image), Err(Refusal::Held { holder, .. }) if holder == "loop8"));
    machine.write(&format!("{folder}/sda2/partition"), "2\n");
    machine.write(&format!("{folder}/sda2/dev"), "8:2\n");
    machine.write("proc/self/mountinfo", "1 0 8:2 / / rw - ext4 /dev/sda2 rw\n");
    assert!(matches!(on(&disk), Err(Refusal::SystemDisk { .. })));
}

#[test]
fn a_file_that_was_exchanged_after_the_look_is_not_written() {
    let machine = Machine::new();
    machine.write("stick.img", "content");
    let image = machine.root.path().join("stick.img");
    let confirmed = machine.look(&image).unwrap().confirm("stick.img").unwrap();
    machine.write("other.img", "content");
    fs::rename(machine.root.path().join("other.img"), &image).unwrap();
    assert!(matches!(OpenMedium::open(&confirmed), Err(Refusal::Changed { .. })));
    let confirmed = machine.look(&image).unwrap().confirm("stick.img").unwrap();
    fs::rename(&image, machine.root.path().join("aside.img")).unwrap();
    symlink(machine.root.path().join("aside.img"), &image).unwrap();
    assert!(matches!(OpenMedium::open(&confirmed), Err(Refusal::Open { .. })));
}

#[test]
fn the_usual_file_system_follows_the_size() {
    let usual = |mebibytes: u64| FileSystem::usual(mebibytes << 20, 32 << 30);
    let expected = [FileSystem::Exfat, FileSystem::Fat32, FileSystem::Fat32, FileSystem::Exfat];
    assert_eq!([63, 64, 32 << 10, (32 << 10) + 1].map(usual), expected);
}

/// What `hdparm -I` prints of a drive's security, in parts.
fn hdparm_says(lines: &[&str]) -> String {
    format!("/dev/sda:\n\nATA device\nSecurity: \n\tMaster password revision code = 65534\n\t{}\n", lines.join("\n\t"))
}

#[test]
fn an_ata_drive_is_erased_only_at_a_port_of_its_own_and_when_its_security_is_open() {
    let machine = Machine::new();
    let Some(node) = machine.disk("pci0/ata3/host2", "sdb", 16) else { return println!("skipped: no right to make device nodes") };
    let Some(bridged) = machine.disk("pci0/usb2/host3", "sdc", 32) else { return };
    let tools = Tools { folders: vec![machine.root.path().join("bin")] };
    let plan = |node: &Path| native_plan(&machine.look(node).unwrap(), &machine.system, &tools);
    assert_eq!(plan(&node), [Step::Unused(Method::AtaErase, "hdparm is not installed")]);
    assert_eq!(plan(&bridged), []);
    let open = ["\tsupported", "not\tenabled", "not\tlocked", "not\tfrozen", "\tsupported: enhanced erase"];
    let orders = |steps: Vec<Step>| match steps.as_slice() {
        [Step::Programs(method, commands, _)] => {
            (*method, commands.iter().map(|command| command[3].to_string_lossy().into_owned()).collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    };
    install(&machine, "hdparm", &hdparm_says(&open));
    assert_eq!(
        orders(plan(&node)),
        (Method::AtaEnhancedErase, vec!["--security-set-pass".to_owned(), "--security-erase-enhanced".to_owned()])
    );
    install(&machine, "hdparm", &hdparm_says(&open[..4]));
    assert_eq!(orders(plan(&node)).0, Method::AtaErase);
    for frozen in [["\tsupported", "not\tenabled", "not\tlocked", "\tfrozen"], ["\tsupported", "\tenabled", "not\tlocked", "not\tfrozen"]] {
        install(&machine, "hdparm", &hdparm_says(&frozen));
        assert!(matches!(plan(&node)[..], [Step::Unused(Method::AtaErase, _)]));
    }
    install(&machine, "hdparm", "/dev/sda:\nATA device\n");
    assert_eq!(plan(&node), []);
}

/// A program that prints this.
fn install(machine: &Machine, name: &str, says: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    machine.write(&format!("bin/{name}.txt"), says);
    let program = machine.root.path().join("bin").join(name);
    fs::write(&program, format!("#!/bin/sh\nexec cat {}.txt\n", program.display())).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_nvme_disk_is_formatted_only_when_it_is_alone_at_its_controller() {
    let machine = Machine::new();
    let Some(node) = machine.disk("pci0/nvme/nvme0", "nvme0n1", 48) else { return println!("skipped: no right to make device nodes") };
    let tools = Tools { folders: vec![machine.root.path().join("bin")] };
    let plan = || native_plan(&machine.look(&node).unwrap(), &machine.system, &tools);
    assert_eq!(plan(), [Step::Unused(Method::NvmeFormat, "nvme is not installed")]);
    install(&machine, "nvme", "");
    assert!(
        matches!(&plan()[..], [Step::Programs(Method::NvmeFormat, commands, None)] if commands[0][1..4] == ["format", "--ses=1", "--force"])
    );
    machine.disk("pci0/nvme/nvme0", "nvme0n2", 49);
    assert_eq!(plan(), [Step::Unused(Method::NvmeFormat, "the controller has more than one namespace")]);
}

#[test]
fn cards_and_what_discards_are_asked_through_the_kernel() {
    let machine = Machine::new();
    let Some(card) = machine.disk("mmc0/mmc0:1", "mmcblk0", 64) else { return println!("skipped: no right to make device nodes") };
    machine.write("sys/devices/mmc0/mmc0:1/block/mmcblk0/queue/discard_max_bytes", "4096\n");
    let steps = native_plan(&machine.look(&card).unwrap(), &machine.system, &Tools::default());
    assert_eq!(steps, [Step::Kernel(Method::SecureDiscard), Step::Kernel(Method::Discard)]);
    // A file offers neither; asked nevertheless, that is an answer and no fault.
    let file = tempfile::tempfile().unwrap();
    let answers = wipe::native_run(&steps, std::os::fd::AsFd::as_fd(&file), 4_096);
    assert!(answers.iter().all(|result| result.answer != Answer::ReportedDone), "{answers:?}");
}

#[test]
fn a_failed_ata_erase_leaves_no_password_or_says_so() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    let Some(node) = machine.disk("pci0/ata3/host2", "sdb", 16) else { return println!("skipped: no right to make device nodes") };
    let tools = Tools { folders: vec![machine.root.path().join("bin")] };
    install(&machine, "hdparm", &hdparm_says(&["\tsupported", "not\tenabled", "not\tlocked", "not\tfrozen"]));
    let steps = native_plan(&machine.look(&node).unwrap(), &machine.system, &tools);
    let program = machine.root.path().join("bin/hdparm");
    for (fails, said, asked) in [
        ("--security-erase", "taken off again", "--security-set-pass --security-erase --security-disable "),
        ("--security-erase|--security-disable", "may still be set", "--security-set-pass --security-erase --security-disable "),
        ("--security-set-pass", "", "--security-set-pass "),
    ] {
        let log = machine.root.path().join("asked");
        fs::write(&log, "").unwrap();
        let script = format!("#!/bin/sh\nprintf '%s ' \"$3\" >> {}\ncase \"$3\" in {fails}) exit 5;; esac\n", log.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let file = tempfile::tempfile().unwrap();
        let answers = wipe::native_run(&steps, std::os::fd::AsFd::as_fd(&file), 4_096);
        assert_eq!((answers[0].answer, answers[0].detail.contains(said)), (Answer::Failed, true), "{answers:?}");
        assert_eq!(answers[0].detail.contains("password"), !said.is_empty());
        assert_eq!(fs::read_to_string(&log).unwrap(), asked);
    }
}

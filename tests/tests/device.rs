//! A block device as the source: judged and on record before it is read, read-only before it is opened, the same afterwards.
//! Loop devices stand for sticks; the policy of these tests admits them.

use ::device::{AttachError, Mountd};
use anyhow::{Context as _, Result, ensure};
use e2e::loops::{self, LoopDevice};
use e2e::released::check_release;
use e2e::{Clamd, Ended, Scratch, command, expected, program, run, sha256_of};
use model::report::Outcome;
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Stdio;
use testkit::tree::fat_subset;
use testkit::{Partition, Sample, write_fat32_image};
use wire::MountRefusal;

/// Exit status of a device that the policy refuses.
const REFUSED: i32 = 4;
const LOOPS: &str = "[device]\nallow_virtual = true\n";
const KERNEL: &str = "[device]\nallow_virtual = true\n[mount]\nbackend = \"kernel\"\n";

fn skipped() -> bool {
    if let Some(why) = loops::missing() {
        println!("skipped: {why}");
    }
    loops::missing().is_some()
}

fn process(scratch: &Scratch, device: &LoopDevice, policy: &str, clamd: &str) -> Result<Ended> {
    run(&mut scratch.process_under(&device.node(), clamd, policy)?)
}

/// An ext4 image with a folder in it.
fn ext4_image(scratch: &Scratch) -> Result<PathBuf> {
    let (tree, image) = (scratch.path("tree"), scratch.path("ext4.img"));
    fs::create_dir_all(tree.join("Ordner"))?;
    fs::write(tree.join("Ordner/Notiz.txt"), "Der Ausflug an den See fällt aus.\n")?;
    // Somebody else's, and for nobody else to read.
    fs::write(tree.join("privat.txt"), "Nur für mich.\n")?;
    fs::set_permissions(tree.join("privat.txt"), fs::Permissions::from_mode(0o600))?;
    File::create(&image)?.set_len(16 << 20)?;
    let made = run(command("mkfs.ext4").arg("-q").arg("-d").arg(&tree).arg(&image))?;
    ensure!(made.status == 0, "{made:?}");
    Ok(image)
}

/// Writing to the device fails, by whatever call.
fn check_write_refused(device: &LoopDevice) -> Result<()> {
    let written = File::options().write(true).open(device.node()).and_then(|mut file| {
        file.write_all(&[0xFF; 4096])?;
        file.sync_all()
    });
    ensure!(written.is_err(), "the device took a write");
    ensure!(device.is_read_only()?, "the kernel does not call it read-only");
    Ok(())
}

fn records(scratch: &Scratch) -> Result<Vec<Value>> {
    let shown = scratch.schleuse(&["audit", "show", "--json"])?;
    ensure!(shown.status == 0, "{shown:?}");
    // An array, or one object a line.
    match serde_json::from_str(&shown.stdout) {
        Ok(Value::Array(records)) => Ok(records),
        _ => shown.stdout.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect(),
    }
}

fn events(records: &[Value]) -> Vec<&str> {
    records.iter().filter_map(|record| record["event"].as_str()).collect()
}

#[test]
fn a_device_ends_as_its_image_would_and_is_never_written() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let (clamd, scratch, samples) = (Clamd::start()?, Scratch::new()?, e2e::small_medium()?);
    let samples: Vec<Sample> = fat_subset(&samples).into_iter().map(|(_, sample)| sample.clone()).collect();
    let image = scratch.path("stick.img");
    write_fat32_image(&image, &samples, Partition::Mbr)?;
    let before = sha256_of(&image)?;
    let device = LoopDevice::attach(&image, 0)?;
    ensure!(!device.is_read_only()?, "it was read-only before the session");
    let ended = process(&scratch, &device, LOOPS, &clamd.address())?;
    assert_eq!(ended.status, 10, "{ended:?}");
    check_write_refused(&device)?;
    let report = scratch.report()?;
    check_release(&scratch, &report)?;
    let (report, gaps) = expected::without_gaps(report);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let differences = expected::differences(&samples, &report);
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    assert_eq!(report.medium.kind, "device");
    let said = report.medium.device.as_ref().context("nothing about the device")?;
    assert_eq!((said.name.as_str(), said.judgement.as_str()), (device.name().as_str(), "admitted"));
    assert_eq!(said.size_bytes, fs::metadata(&image)?.len());
    // What is recorded about the medium comes before anything that was read of it.
    let records = records(&scratch)?;
    let events = events(&records);
    let at = |name: &str| events.iter().position(|event| *event == name).with_context(|| format!("no {name} in {events:?}"));
    assert!(at("medium-attached")? < at("item-released")?.min(at("item-withheld")?), "{events:?}");
    drop(device);
    assert_eq!(sha256_of(&image)?, before);
    Ok(())
}

#[test]
fn a_device_the_policy_does_not_admit_is_refused_on_record_and_not_touched() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let (scratch, clamd) = (Scratch::new()?, "unix:/nowhere/clamd.sock");
    let device = LoopDevice::attach(&ext4_image(&scratch)?, 0)?;
    let ended = process(&scratch, &device, "", clamd)?;
    assert_eq!(ended.status, REFUSED, "{ended:?}");
    assert!(ended.stderr.contains("virtual devices are not read here"), "{ended:?}");
    assert!(!device.is_read_only()?, "it was attached");
    let records = records(&scratch)?;
    let events = events(&records);
    assert!(events.contains(&"medium-refused") && !events.contains(&"session-opened"), "{events:?}");
    Ok(())
}

#[test]
fn the_kernel_reads_ext4_for_a_confined_walk_and_the_image_stays_the_same() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let image = ext4_image(&scratch)?;
    let before = sha256_of(&image)?;
    let device = LoopDevice::attach(&image, 0)?;
    let ended = process(&scratch, &device, KERNEL, &clamd.address())?;
    assert_eq!(ended.status, 0, "{ended:?}");
    check_write_refused(&device)?;
    let report = scratch.report()?;
    check_release(&scratch, &report)?;
    let volumes: Vec<_> = report.medium.volumes.iter().map(|v| (v.scheme.as_str(), v.number, v.file_system.as_str())).collect();
    assert_eq!(volumes, [("kernel", 0, "ext4")]);
    let released = report.items.iter().filter(|item| item.disposition == Outcome::Released);
    assert_eq!(released.map(|item| item.path.as_str()).collect::<Vec<_>>(), ["privat.txt", "Ordner/Notiz.txt"]);
    drop(device);
    assert_eq!(sha256_of(&image)?, before);
    Ok(())
}

/// First mebibyte and mebibytes of each partition.
const PARTITIONS: [(u32, u32); 3] = [(1, 16), (17, 4), (21, 16)];

/// A disk whose first and third partition are ext4, and whose second is nothing.
fn three_partitions(scratch: &Scratch) -> Result<PathBuf> {
    const MEBIBYTE: usize = 1 << 20;
    let volume = fs::read(ext4_image(scratch)?)?;
    let mut disk = vec![0; MEBIBYTE];
    for (number, (start, length)) in PARTITIONS.into_iter().enumerate() {
        // Master boot record: type, first sector and sectors of each entry, from byte 446.
        let entry = disk.get_mut(446 + number * 16..462 + number * 16).context("entry")?;
        entry[4] = 0x83;
        entry[8..12].copy_from_slice(&(start * 2_048_u32).to_le_bytes());
        entry[12..].copy_from_slice(&(length * 2_048_u32).to_le_bytes());
    }
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk.extend_from_slice(&volume);
    disk.resize(disk.len() + 4 * MEBIBYTE, 0);
    disk.extend_from_slice(&volume);
    let image = scratch.path("disk.img");
    fs::write(&image, disk)?;
    Ok(image)
}

#[test]
fn every_partition_the_kernel_sees_is_a_folder_or_an_unreadable_line() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let (clamd, scratch) = (Clamd::start()?, Scratch::new()?);
    let device = LoopDevice::attach(&three_partitions(&scratch)?, 0)?;
    if !device.has_partition(1) {
        // A kernel that reads no partition tables can be told.
        for (number, (start, length)) in (1..).zip(PARTITIONS) {
            device.add_partition(number, start * 2_048, length * 2_048)?;
        }
    }
    let ended = process(&scratch, &device, KERNEL, &clamd.address())?;
    assert_eq!(ended.status, 10, "{ended:?}");
    let report = scratch.report()?;
    check_release(&scratch, &report)?;
    let volumes: Vec<_> = report.medium.volumes.iter().map(|v| (v.number, v.offset_bytes >> 20, v.file_system.as_str())).collect();
    assert_eq!(volumes, [(1, 1, "ext4"), (2, 17, "unknown"), (3, 21, "ext4")]);
    let of = |outcome| {
        let items = report.items.iter().filter(move |item| item.disposition == outcome);
        items.map(|item| item.path.as_str()).collect::<Vec<_>>()
    };
    let released = of(Outcome::Released);
    for path in ["partition 1/privat.txt", "partition 1/Ordner/Notiz.txt", "partition 3/privat.txt", "partition 3/Ordner/Notiz.txt"] {
        assert!(released.contains(&path), "{released:?}");
    }
    assert_eq!((released.len(), of(Outcome::Unreadable)), (4, vec!["partition 2"]));
    Ok(())
}

fn mountd() -> Result<Mountd> {
    Ok(Mountd::start(&program("schleuse-mountd")?, true, 60)?)
}

fn refusal<T>(answer: Result<T, AttachError>) -> Option<MountRefusal> {
    match answer {
        Err(AttachError::Refused { refusal, .. }) => Some(refusal),
        Ok(_) | Err(_) => None,
    }
}

#[test]
fn what_mountd_hands_out_cannot_be_written_and_stands_in_no_mount_table() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let device = LoopDevice::attach(&ext4_image(&scratch)?, 0)?;
    let mountd = mountd()?;
    let table = fs::read_to_string("/proc/self/mountinfo")?;
    let root = mountd.mount(&device.name(), "ext4")?;
    assert_eq!(fs::read_to_string("/proc/self/mountinfo")?, table);
    check_write_refused(&device)?;
    let flags = rustix::fs::fstatvfs(&root)?.f_flag;
    use rustix::fs::StatVfsMountFlags as Flag;
    assert!(flags.contains(Flag::RDONLY | Flag::NOSUID | Flag::NODEV | Flag::NOEXEC), "{flags:?}");
    let beneath = |name: &str, flags| rustix::fs::openat(&root, name, flags, rustix::fs::Mode::RUSR);
    use rustix::fs::OFlags;
    assert_eq!(beneath("new", OFlags::WRONLY | OFlags::CREATE).unwrap_err(), rustix::io::Errno::ROFS);
    let mut text = String::new();
    File::from(beneath("Ordner/Notiz.txt", OFlags::RDONLY)?).read_to_string(&mut text)?;
    assert!(text.starts_with("Der Ausflug"));
    // Mounted, it is nobody else's: not the disk, and not another time for writing.
    assert_eq!(refusal(mountd.attach(&device.name())), Some(MountRefusal::Busy));
    drop(root);
    let (disk, size_bytes) = mountd.attach(&device.name())?;
    assert_eq!(size_bytes, 16 << 20);
    assert!(rustix::io::write(&disk, b"x").is_err());
    assert_eq!(refusal(mountd.attach(&device.name())), Some(MountRefusal::Busy));
    Ok(())
}

#[test]
fn mountd_takes_names_of_media_only_and_known_file_systems_only() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let device = LoopDevice::attach(&ext4_image(&scratch)?, 0)?;
    let asked = mountd()?;
    for name in ["", "../sda", "/dev/sda", "loop1\0", "a b"] {
        assert_eq!(refusal(asked.attach(name)), Some(MountRefusal::Name), "{name:?}");
    }
    assert_eq!(refusal(asked.attach("nosuchdisk")), Some(MountRefusal::Absent));
    for name in fs::read_dir("/sys/class/block")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        if name.starts_with("vd") || name.starts_with("nvme") {
            assert_eq!(refusal(asked.attach(&name)), Some(MountRefusal::NotRemovable), "{name}");
        }
    }
    for file_system in ["proc", "tmpfs", "overlay", "fuse", "btrfs", ""] {
        assert_eq!(refusal(asked.mount(&device.name(), file_system)), Some(MountRefusal::FileSystem), "{file_system}");
    }
    assert!(matches!(refusal(asked.mount(&device.name(), "xfs")), Some(MountRefusal::Mount(_) | MountRefusal::FileSystem)));
    // Without the switch that these tests give, loop devices are no media either.
    let strict = Mountd::start(&program("schleuse-mountd")?, false, 60)?;
    assert_eq!(refusal(strict.attach(&device.name())), Some(MountRefusal::NotRemovable));
    Ok(())
}

#[test]
fn a_mountd_that_is_silent_is_not_waited_for() -> Result<()> {
    let scratch = Scratch::new()?;
    let socket = scratch.path("silent.sock");
    // Connections are taken by the kernel; nobody reads them.
    let _listener = UnixListener::bind(&socket)?;
    let answer = Mountd::at(&socket, 1).attach("loop0");
    assert!(matches!(answer, Err(AttachError::Silent { seconds: 1, .. })), "{answer:?}");
    Ok(())
}

#[test]
fn mountd_serves_the_user_it_was_told_and_nobody_else() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let scratch = Scratch::new()?;
    let device = LoopDevice::attach(&ext4_image(&scratch)?, 0)?;
    for (user, served) in [("nobody", false), ("0", true)] {
        let socket = scratch.path(&format!("{user}.sock"));
        let listener = OwnedFd::from(UnixListener::bind(&socket)?);
        // The command holds a copy of the socket, so it must go: a socket nobody listens on any more has to say so.
        let mut listening =
            command(program("schleuse-mountd")?).args(["--allow-virtual", "--user", user]).stdin(Stdio::from(listener)).spawn()?;
        let answer = Mountd::at(&socket, 60).attach(&device.name());
        let again = Mountd::at(&socket, 60).attach(&device.name());
        listening.kill()?;
        listening.wait()?;
        if served {
            let (disk, _) = answer?;
            assert_eq!(refusal(again), Some(MountRefusal::Busy));
            drop(disk);
        } else {
            assert!(matches!(answer, Err(AttachError::Wire(_))), "{answer:?}");
            assert!(!device.is_read_only()?);
        }
    }
    Ok(())
}

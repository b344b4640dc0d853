//! Devices for the line: facts, judgement and attach put together.

use crate::settings::{self, ConfigurationError};
use device::{AttachError, DeviceFacts, Judgement, Mountd, Refusal};
use model::Policy;
use model::device::{DeviceRecord, MountBackend, MountPolicy};
use pipeline::{Attached, AttachedVolume, DeviceSource, Station};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wire::MountRefusal;

/// Where the kernel shows its devices.
pub const SYSFS: &str = "/sys";

/// The device policy says no: exit status 4.
#[derive(Debug, thiserror::Error)]
#[error("the device {name} is {judgement}{switched_off}")]
pub struct DeviceRefused {
    name: String,
    judgement: Judgement,
    switched_off: String,
}

/// The facts about the block device behind `source`; `None` when it is no block device.
pub fn named(source: &Path) -> anyhow::Result<Option<DeviceFacts>> {
    let wrong = |error: String| ConfigurationError(format!("the source {} cannot be used: {error}", source.display()));
    let meta = std::fs::metadata(source).map_err(|error| wrong(error.to_string()))?;
    if !meta.file_type().is_block_device() {
        return Ok(None);
    }
    let (major, minor) = (rustix::fs::major(meta.rdev()), rustix::fs::minor(meta.rdev()));
    let facts = device::name_of_node(Path::new(SYSFS), major, minor).and_then(|name| device::facts(Path::new(SYSFS), &name));
    let facts = facts.map_err(|error| wrong(error.to_string()))?;
    if facts.size_bytes == 0 {
        return Err(wrong("there is no medium in it".into()).into());
    }
    Ok(Some(facts))
}

/// The `schleuse-mountd` to ask: at a socket, or one of this process's own.
pub fn mountd(socket: Option<&Path>, policy: &Policy) -> anyhow::Result<Arc<Mountd>> {
    let mountd = match socket {
        Some(path) => Mountd::at(path, policy.session.read_stall_seconds),
        None if rustix::process::geteuid().is_root() => {
            Mountd::start(&settings::mountd_program()?, policy.device.allow_virtual, policy.session.read_stall_seconds)?
        }
        None => return Err(AttachError::NoMountd.into()),
    };
    Ok(Arc::new(mountd))
}

/// Has a device judged: admitted it becomes a source. Refused it is on record, and switched off when it is more than storage.
///
/// # Errors
/// [`DeviceRefused`], or the station's.
pub async fn admit(station: &Station, policy: &Policy, facts: DeviceFacts, mountd: &Arc<Mountd>) -> anyhow::Result<Arc<dyn DeviceSource>> {
    let judgement = device::judge(&facts, &policy.device);
    let record = facts.record(&judgement.to_string());
    match judgement {
        Judgement::Admitted => Ok(Arc::new(Admitted { facts, record, mountd: Arc::clone(mountd), mount: policy.mount.clone() })),
        Judgement::Refused(refusal) => {
            let switched_off = switch_off(&facts, &refusal);
            station.refuse_device(&record, switched_off.as_ref().map_or_else(|| None, |done| Some(done.is_ok()))).await?;
            let switched_off = match switched_off {
                Some(Ok(())) => "; it is switched off".into(),
                Some(Err(error)) => format!("; {error}"),
                None => String::new(),
            };
            Err(DeviceRefused { name: facts.name, judgement: Judgement::Refused(refusal), switched_off }.into())
        }
    }
}

/// `None` when there is nothing to switch off.
fn switch_off(facts: &DeviceFacts, refusal: &Refusal) -> Option<Result<(), device::AuthoriseError>> {
    if !refusal.keeps_unauthorised() || is_in_use(facts) {
        return None;
    }
    match device::deauthorise(facts) {
        Ok(true) => Some(Ok(())),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    }
}

/// Whether the station itself runs from it: one of its volumes is mounted or swapped to. What cannot be found out counts.
fn is_in_use(facts: &DeviceFacts) -> bool {
    let read = |path: &str| std::fs::read_to_string(path);
    let (Ok(mounts), Ok(swaps)) = (read("/proc/self/mountinfo"), read("/proc/swaps")) else { return true };
    let mut names = facts.partitions.iter().map(|part| part.name.as_str()).chain([facts.name.as_str()]);
    names.any(|name| {
        let Ok(number) = read(&format!("{SYSFS}/class/block/{name}/dev")) else { return true };
        let mounted = mounts.lines().filter_map(|line| line.split(' ').nth(2)).any(|mounted| mounted == number.trim());
        let node = format!("/dev/{name}");
        mounted || swaps.lines().filter_map(|line| line.split_whitespace().next()).any(|swap| swap == node)
    })
}

#[derive(Debug)]
struct Admitted {
    facts: DeviceFacts,
    record: DeviceRecord,
    mountd: Arc<Mountd>,
    mount: MountPolicy,
}

impl DeviceSource for Admitted {
    fn record(&self) -> DeviceRecord {
        self.record.clone()
    }

    fn attach(&self) -> Result<Attached, String> {
        self.unchanged()?;
        match self.mount.backend {
            MountBackend::Userspace => {
                let (disk, size_bytes) = self.mountd.attach(&self.facts.name).map_err(|error| error.to_string())?;
                // Between judgement and opening another medium may have taken the name; from here on the descriptor is it.
                self.unchanged()?;
                if size_bytes != self.facts.size_bytes {
                    return Err("it changed its size after it was judged".into());
                }
                Ok(Attached::Disk(disk))
            }
            MountBackend::Kernel => Ok(Attached::Volumes(self.volumes()?)),
        }
    }

    fn is_gone(&self) -> bool {
        self.unchanged().is_err()
    }
}

impl Admitted {
    /// Whether the medium is still the one that was judged and recorded.
    fn unchanged(&self) -> Result<DeviceFacts, String> {
        let now = device::facts(Path::new(SYSFS), &self.facts.name).map_err(|error| error.to_string())?;
        // The kernel may have found partitions meanwhile.
        let same = DeviceFacts { partitions: Vec::new(), ..now.clone() } == DeviceFacts { partitions: Vec::new(), ..self.facts.clone() };
        if same { Ok(now) } else { Err("it was exchanged after it was judged".into()) }
    }

    fn volumes(&self) -> Result<Vec<AttachedVolume>, String> {
        let facts = self.unchanged()?;
        let whole = (facts.name.clone(), 0, 0, facts.size_bytes);
        let parts = facts.partitions.iter().map(|part| (part.name.clone(), part.number, part.offset_bytes, part.size_bytes));
        let parts: Vec<_> = if facts.partitions.is_empty() { vec![whole] } else { parts.collect() };
        let mut volumes = Vec::new();
        for (name, number, offset_bytes, size_bytes) in parts {
            let root = self.root_of(&name)?;
            volumes.push(AttachedVolume { number, offset_bytes, size_bytes, root });
        }
        self.unchanged()?;
        Ok(volumes)
    }

    fn root_of(&self, name: &str) -> Result<Option<(String, OwnedFd)>, String> {
        for file_system in &self.mount.file_systems {
            match self.mountd.mount(name, file_system) {
                Ok(root) => return Ok(Some((file_system.clone(), root))),
                // Another file system, or none this kernel knows.
                Err(AttachError::Refused { refusal: MountRefusal::Mount(_) | MountRefusal::FileSystem, .. }) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(None)
    }
}

/// The node of a disk.
pub fn node(facts: &DeviceFacts) -> PathBuf {
    Path::new("/dev").join(&facts.name)
}

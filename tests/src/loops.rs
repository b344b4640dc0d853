//! Loop devices: an image shown as a disk, under a number of the test's own, gone with it.
//!
//! **Invariant:** the numbers below 1,000 belong to the machine and to other tests; none of them is touched. A device is removed
//! with its read-only switch, which would otherwise stay for the next image.

use crate::{command, run};
use anyhow::{Context as _, Result, ensure};
use std::path::{Path, PathBuf};

/// `LOOP_CTL_REMOVE` (`linux/loop.h`); perl is essential on Debian, and losetup learnt it late.
const REMOVE: &str = "open(my $c, '+<', '/dev/loop-control') or exit 1; ioctl($c, 0x4C81, int($ARGV[0])) or exit 1;";

/// Why loop devices cannot be made here; `None` when they can.
pub fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("loop devices take root");
    }
    (!Path::new("/dev/loop-control").exists()).then_some("this kernel has no loop devices")
}

fn number_of(which: u32) -> u32 {
    // BOUND: twenty bits of minor numbers, eight of them for each of 100,000 processes.
    1_000 + std::process::id() % 100_000 * 8 + which % 8
}

/// An image attached as `/dev/loopN`.
#[derive(Debug)]
pub struct LoopDevice {
    number: u32,
    attached: bool,
}

impl LoopDevice {
    /// Attaches `image`, writable, with its partitions. `which` tells the devices of one test apart (0 to 7).
    ///
    /// # Errors
    /// When `losetup` refuses.
    pub fn attach(image: &Path, which: u32) -> Result<Self> {
        let device = Self { number: number_of(which), attached: true };
        let ended = run(command("losetup").arg("--partscan").arg(device.node()).arg(image))?;
        ensure!(ended.status == 0, "{ended:?}");
        Ok(device)
    }

    /// The name the device will have, before it is attached.
    pub fn name_of(which: u32) -> String {
        format!("loop{}", number_of(which))
    }

    /// The kernel's name.
    pub fn name(&self) -> String {
        format!("loop{}", self.number)
    }

    /// Its node.
    pub fn node(&self) -> PathBuf {
        Path::new("/dev").join(self.name())
    }

    /// Whether the kernel refuses to write to it.
    ///
    /// # Errors
    /// When it is gone.
    pub fn is_read_only(&self) -> Result<bool> {
        let path = format!("/sys/block/{}/ro", self.name());
        Ok(std::fs::read_to_string(&path).with_context(|| path)?.trim() == "1")
    }

    /// Whether the kernel knows a partition of it.
    pub fn has_partition(&self, number: u32) -> bool {
        let name = self.name();
        Path::new(&format!("/sys/block/{name}/{name}p{number}")).exists()
    }

    /// Tells the kernel of a partition, in sectors of 512 bytes.
    ///
    /// # Errors
    /// When `addpart` refuses.
    pub fn add_partition(&self, number: u32, start: u32, length: u32) -> Result<()> {
        let numbers = [number, start, length].map(|number| number.to_string());
        let ended = run(command("addpart").arg(self.node()).args(numbers))?;
        ensure!(ended.status == 0, "{ended:?}");
        Ok(())
    }

    /// Takes the image out; while somebody has it open, that happens when he closes it.
    ///
    /// # Errors
    /// When `losetup` refuses.
    pub fn detach(&mut self) -> Result<()> {
        self.attached = false;
        let ended = run(command("losetup").arg("--detach").arg(self.node()))?;
        ensure!(ended.status == 0, "{ended:?}");
        Ok(())
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        if self.attached {
            let _ = self.detach();
        }
        // The last one who had it open may be closing it: udev looks at what changed.
        for _ in 0..50 {
            match run(command("perl").args(["-e", REMOVE, &self.number.to_string()])) {
                Ok(ended) if ended.status != 0 && self.node().exists() => {
                    let _ = run(command("udevadm").args(["settle", "--timeout=1"]));
                }
                _ => return,
            }
        }
    }
}

//! Control groups: the kernel's own account of what a worker and everything it starts use together.
//!
//! Resource limits count per process and per address space; a control group counts memory and processes of the whole tree,
//! and says when it was the memory that ended it. Where none can be had, the resource limits stand alone, and the session's
//! record says so.
//!
//! **Invariant**: a group only ever takes away; what the limits of [`crate::Limits`] forbid stays forbidden without it. No
//! process is moved but the workers and, below a delegated group, this process itself.

use crate::Limits;
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Beginning of the names of our groups; the process that made one follows.
const PREFIX: &str = "schleuse-";
/// The group below a delegated one that this process itself goes to (a group with controllers has no processes of its own:
/// the kernel's "no internal processes" rule, `cgroups(7)`).
const OWN_LEAF: &str = "supervisor";

/// Which account of resources is in force on this machine for this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceControl {
    /// cgroup version 2, below a group that is this process's to divide (systemd: `Delegate=memory pids`).
    V2(PathBuf),
    /// cgroup version 1: the directories of the memory and of the pids controller.
    V1 {
        /// Of the memory controller.
        memory: PathBuf,
        /// Of the pids controller.
        pids: PathBuf,
    },
    /// None can be had; `setrlimit(2)` alone.
    ResourceLimits,
}

impl fmt::Display for ResourceControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2(_) => "cgroup v2 (memory, pids) and resource limits",
            Self::V1 { .. } => "cgroup v1 (memory, pids) and resource limits",
            Self::ResourceLimits => "resource limits",
        })
    }
}

impl ResourceControl {
    /// What is in force; found out once per process, and leftovers of processes that are gone are removed then.
    pub fn in_force() -> &'static Self {
        static FOUND: OnceLock<ResourceControl> = OnceLock::new();
        FOUND.get_or_init(|| {
            let found = Self::find(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
            for directory in found.parents() {
                remove_leftovers(directory);
            }
            found
        })
    }

    fn find(mounts: &str, membership: &str) -> Self {
        let v2 = own_group(mounts, membership, None).filter(|group| delegated(group));
        if let Some(group) = v2 {
            return Self::V2(group);
        }
        let v1 = |controller| own_group(mounts, membership, Some(controller)).filter(|group| usable(group));
        match (v1("memory"), v1("pids")) {
            (Some(memory), Some(pids)) => Self::V1 { memory, pids },
            _ => Self::ResourceLimits,
        }
    }

    fn parents(&self) -> Vec<&Path> {
        match self {
            Self::V2(group) => vec![group],
            Self::V1 { memory, pids } => vec![memory, pids],
            Self::ResourceLimits => Vec::new(),
        }
    }

    /// A group of its own for the process `pid`; `None` where there are none.
    pub(crate) fn group(&self, pid: u32, limits: &Limits) -> io::Result<Option<Group>> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("{PREFIX}{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        // The stub, and the short-lived process that writes a tree worker's user map.
        let processes = (u64::from(limits.processes) + 2).to_string();
        let memory_bytes = limits.memory_bytes.to_string();
        let mut group = Group { directories: Vec::new() };
        match self {
            Self::V2(parent) => {
                let directory = group.make(parent, &name)?;
                fs::write(directory.join("memory.max"), memory_bytes)?;
                // Absent where swap is not accounted for; then there is none to use, or the machine counts it as memory.
                let _ = fs::write(directory.join("memory.swap.max"), "0");
                fs::write(directory.join("pids.max"), processes)?;
            }
            Self::V1 { memory, pids } => {
                let directory = group.make(memory, &name)?;
                fs::write(directory.join("memory.limit_in_bytes"), &memory_bytes)?;
                let _ = fs::write(directory.join("memory.memsw.limit_in_bytes"), &memory_bytes);
                fs::write(group.make(pids, &name)?.join("pids.max"), processes)?;
            }
            Self::ResourceLimits => return Ok(None),
        }
        for directory in &group.directories {
            fs::write(directory.join("cgroup.procs"), pid.to_string())?;
        }
        Ok(Some(group))
    }
}

/// The group of one worker; removed when dropped, or as soon after as its last process has gone.
#[derive(Debug)]
pub(crate) struct Group {
    directories: Vec<PathBuf>,
}

/// Groups whose processes were still going when they were dropped.
static LINGERING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

impl Group {
    fn make(&mut self, parent: &Path, name: &str) -> io::Result<PathBuf> {
        let directory = parent.join(name);
        fs::create_dir(&directory)?;
        self.directories.push(directory.clone());
        Ok(directory)
    }

    /// Whether the kernel ended a process of the group for want of memory.
    pub(crate) fn out_of_memory(&self) -> bool {
        let counts = |file: &str| {
            let text = self.directories.first().map(|directory| read(directory.join(file))).unwrap_or_default();
            text.lines().filter_map(|line| line.strip_prefix("oom_kill ")).any(|count| count != "0")
        };
        counts("memory.events") || counts("memory.oom_control")
    }

    /// Kills every process of the group (version 2; elsewhere the pid namespace alone does it).
    pub(crate) fn kill(&self) {
        for directory in &self.directories {
            // Absent in version 1. The worker is killed by its stub as well.
            let _ = fs::write(directory.join("cgroup.kill"), "1");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let mut lingering = LINGERING.lock().unwrap_or_else(PoisonError::into_inner);
        lingering.append(&mut self.directories);
        // A group with processes cannot be removed; it is tried again with the next.
        lingering.retain(|directory| fs::remove_dir(directory).is_err() && directory.exists());
    }
}

/// The directory of the group this process is in, of a version 1 controller or of version 2.
fn own_group(mounts: &str, membership: &str, controller: Option<&str>) -> Option<PathBuf> {
    let group = membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let ours = controller.map_or(controllers.is_empty(), |wanted| controllers.split(',').any(|one| one == wanted));
        ours.then_some(path)
    })?;
    // "36 35 98:0 /root /mount/point options … - type source superoptions" (proc(5)).
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, mount_point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let (file_system, super_options) = (kind.next()?, kind.nth(1)?);
        let ours = match controller {
            None => file_system == "cgroup2",
            Some(wanted) => file_system == "cgroup" && super_options.split(',').any(|option| option == wanted),
        };
        let inside = Path::new(group).strip_prefix(root).ok()?;
        ours.then(|| Path::new(mount_point).join(inside))
    })
}

/// Makes a version 2 group able to hold groups with limits, when it is ours to divide and has both controllers.
fn delegated(group: &Path) -> bool {
    let has = |file: &str| {
        let text = read(group.join(file));
        ["memory", "pids"].iter().all(|wanted| text.split_whitespace().any(|one| one == *wanted))
    };
    if !has("cgroup.controllers") {
        return false;
    }
    if !has("cgroup.subtree_control") {
        let leaf = group.join(OWN_LEAF);
        let moved = fs::create_dir(&leaf).is_ok() && fs::write(leaf.join("cgroup.procs"), "0").is_ok();
        if !moved || fs::write(group.join("cgroup.subtree_control"), "+memory +pids").is_err() {
            // Other processes live here, or it is not ours: back to where we were.
            let _ = fs::write(group.join("cgroup.procs"), "0");
            let _ = fs::remove_dir(leaf);
            return false;
        }
    }
    usable(group)
}

/// Whether a group can be made here, tried for real.
fn usable(group: &Path) -> bool {
    let trial = group.join(format!("{PREFIX}{}-trial", std::process::id()));
    fs::create_dir(&trial).is_ok() && fs::remove_dir(&trial).is_ok()
}

/// Removes empty groups of supervisors that are gone.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            // One that still has a process dies with it; the next start tries again.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "25 20 0:22 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n\
                          26 25 0:23 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                          27 25 0:24 /unit /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
                          28 25 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

    #[test]
    fn the_own_group_is_found_in_either_version() {
        let membership = "4:memory:/jobs/a\n8:pids:/unit/b\n0::/c\n";
        let found = |controller| own_group(HYBRID, membership, controller);
        assert_eq!(found(Some("memory")).unwrap(), Path::new("/sys/fs/cgroup/memory/jobs/a"));
        assert_eq!(found(Some("pids")).unwrap(), Path::new("/sys/fs/cgroup/pids/b"));
        assert_eq!(found(None).unwrap(), Path::new("/sys/fs/cgroup/unified/c"));
        assert_eq!(found(Some("cpu")), None);
    }

    #[test]
    fn without_groups_the_resource_limits_stand_alone() {
        assert_eq!(ResourceControl::find("", ""), ResourceControl::ResourceLimits);
        assert_eq!(
            ResourceControl::find(HYBRID, "4:memory:/nowhere\n8:pids:/unit/nowhere\n0::/nowhere\n"),
            ResourceControl::ResourceLimits
        );
    }

    /// A directory that looks like a version 2 group: the files are ordinary ones, so what is written can be read.
    #[test]
    fn a_delegated_group_is_divided_and_one_that_is_not_left_alone() {
        let group = tempfile::tempdir().unwrap();
        assert!(!delegated(group.path()), "it has no controllers");
        fs::write(group.path().join("cgroup.controllers"), "cpu memory pids\n").unwrap();
        assert!(delegated(group.path()));
        assert_eq!(read(group.path().join("cgroup.subtree_control")), "+memory +pids");
        assert_eq!(read(group.path().join("supervisor/cgroup.procs")), "0");

        let control = ResourceControl::V2(group.path().to_owned());
        let limits = Limits { cpu_seconds: 1, memory_bytes: 4096, file_bytes: 0, processes: 3 };
        let made = control.group(77, &limits).unwrap().unwrap();
        let [directory] = made.directories.as_slice() else { panic!("{made:?}") };
        for (file, expected) in [("memory.max", "4096"), ("memory.swap.max", "0"), ("pids.max", "5"), ("cgroup.procs", "77")] {
            assert_eq!(read(directory.join(file)), expected, "{file}");
        }
        assert!(!made.out_of_memory());
        fs::write(directory.join("memory.events"), "max 3\noom 1\noom_kill 1\n").unwrap();
        assert!(made.out_of_memory());
    }
}

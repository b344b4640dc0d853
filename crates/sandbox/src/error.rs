//! What can be missing or fail; every text is one plain sentence that says how to mend it.

use std::{io, path::PathBuf};

/// Confinement could not be set up, or a worker could not be started or waited for. There is no weaker fallback.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The worker's arguments are not `ROLE CPU MEMORY FILE PROCESSES`.
    #[error("The worker was started with arguments it does not understand; it is started by schleuse, not by hand.")]
    Arguments,
    /// A tree worker needs a directory descriptor, and only a tree worker may have one.
    #[error("A directory descriptor belongs to the tree role and to no other; hand one over there and only there.")]
    RootDescriptor,
    /// The sockets or pipes between supervisor and worker could not be made.
    #[error("No channel to a worker could be made ({0}); raise the limit of open files (ulimit -n).")]
    Channel(#[source] io::Error),
    /// The worker program could not be executed.
    #[error("The worker program {} could not be started ({source}); install it there and make it executable.", path.display())]
    Start {
        /// The program that was to be started.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The worker's control group could not be made, or the worker not be put into it.
    #[error(
        "A control group for a worker could not be made ({0}); look for leftovers named schleuse-* and for limits in the parent group."
    )]
    ControlGroup(#[source] io::Error),
    /// The worker reported that a layer is missing; the sentence is the worker's own.
    #[error("{0}")]
    Refused(String),
    /// The worker ended or was silent before it reported that it is confined.
    #[error("The worker ended ({0:?}) before it was confined; check that the program is the schleuse-worker of this version.")]
    NotConfined(Option<crate::Exit>),
    /// Waiting for a process failed.
    #[error("A worker could not be waited for ({0}); another part of this program must not collect its children.")]
    Wait(#[source] io::Error),
    /// Confinement was asked for a second time.
    #[error("A process can be confined once only; the worker program calls confine in one place.")]
    Twice,
    /// The inherited descriptors above 2 could not be closed.
    #[error("Inherited descriptors could not be closed ({0}); a kernel of version 5.9 or newer is needed.")]
    CloseDescriptors(#[source] io::Error),
    /// Giving up root failed.
    #[error("Root rights could not be given up ({0}); start schleuse as an ordinary user, or with CAP_SETUID and CAP_SETGID.")]
    DropUser(#[source] io::Error),
    /// No namespaces for this user.
    #[error(
        "Namespaces could not be made ({0}); allow user namespaces (sysctl user.max_user_namespaces above 0, \
         kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0 or the shipped AppArmor profile)."
    )]
    Namespaces(#[source] io::Error),
    /// The identity map of the user namespace was refused.
    #[error("The user map of the namespace could not be written ({0}); /proc must be mounted and writable for its owner.")]
    UserMap(#[source] io::Error),
    /// The confined process could not be forked off the stub.
    #[error("The confined process could not be started ({0}); raise the limit of processes (ulimit -u).")]
    Fork(#[source] io::Error),
    /// The confined process could not be tied to its stub.
    #[error("A worker could not be tied to its supervisor ({0}); a kernel of version 5.4 or newer is needed.")]
    Tie(#[source] io::Error),
    /// The new root directory could not be built.
    #[error("The worker's own root could not be set up at {} ({source}); mounting inside user namespaces must be allowed.", path.display())]
    Root {
        /// The directory or file that was being mounted or made.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory a tree worker is to read cannot be entered.
    #[error("The directory to be read could not be entered ({0}); it must be a directory this user may read and search.")]
    Tree(#[source] io::Error),
    /// A program or directory the office role needs is not installed.
    #[error("{} is missing; install the LibreOffice packages named in the manual.", .0.display())]
    OfficeMissing(PathBuf),
    /// A resource limit was refused.
    #[error("The {limit} limit could not be set ({source}); the limits of the service (ulimit, systemd) must not be below the policy's.")]
    Limit {
        /// Which limit.
        limit: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Capabilities or `no_new_privs` could not be given up.
    #[error("Privileges could not be given up for good ({0}); a kernel of version 4.3 or newer is needed.")]
    Privileges(#[source] io::Error),
    /// Landlock is absent or too old.
    #[error(
        "Landlock is not fully available ({0}); a kernel of version 5.19 or newer with landlock in its lsm= list is needed \
         (Debian 12 and later have it)."
    )]
    Landlock(String),
    /// The seccomp filter could not be built or installed.
    #[error("The system-call filter could not be installed ({0}); a kernel with CONFIG_SECCOMP_FILTER on x86-64 is needed.")]
    Seccomp(String),
    /// A profile file of this crate does not parse.
    #[error("Line {line} of the {profile} profile is not understood; the program was built wrongly, install it again.")]
    Profile {
        /// The profile's name.
        profile: &'static str,
        /// One-based line number.
        line: usize,
    },
    /// Only the office role may start a program.
    #[error("Only the render-office role may start a program; ask for that role.")]
    WrongRole,
    /// The worker could not tell the supervisor that it is confined.
    #[error("The supervisor could not be told that the worker is confined ({0}); it has probably ended.")]
    Report(#[source] io::Error),
}

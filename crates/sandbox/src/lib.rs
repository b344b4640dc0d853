//! Confinement of the processes that parse foreign bytes; both ends of it.
//!
//! The supervisor calls [`spawn`]; the freshly exec'd worker calls [`confine`] before anything else. `spawn` answers
//! only after the worker has reported that every layer is in place, so not one foreign byte can reach a worker that is
//! not confined. The layers, in the order in which they close: empty environment and closed descriptors; an
//! unprivileged user in namespaces of its own (user, mount, pid, net, ipc, uts, cgroup); a root directory with nothing
//! in it; resource limits; no capabilities and `no_new_privs`; Landlock, fully enforced; a seccomp allow-list per role
//! (`profiles/*.profile`).
//!
//! **Invariant**: there is no way to leave a layer out: no switch, environment variable, cargo feature or debug build.
//! What the machine does not offer is an error whose text says in one sentence what is missing and how to mend it.
//! A [`Confined`] exists only where all layers hold, and it is the only way to the job's descriptors.
//!
//! The supervisor keeps `std::process::Command` on its fast path (no code between fork and exec), whatever its own size;
//! the namespaces are made by the small new process itself. A worker therefore is two processes: the *stub*, which
//! the supervisor knows and which only waits, and the confined process, which is pid 1 of its own pid namespace and
//! dies with the stub, as the stub ends when the supervisor's end of the job socket closes.

mod attempts;
pub mod block;
mod companion;
mod confine;
mod control;
mod error;
mod landlocked;
mod limits;
mod memory;
mod namespaces;
mod office;
mod privileges;
mod probe;
mod profile;
mod role;
mod root;
mod spawn;
mod stub;
mod sys;

pub use attempts::Attempt;
pub use companion::{Companion, confine_mountd, start_mountd};
pub use confine::{Confined, arguments, confine, confine_with};
pub use control::ResourceControl;
pub use error::SandboxError;
pub use limits::Limits;
pub use memory::BoundedMemory;
pub use privileges::forbid_dumps;
pub use probe::{Outcome, ProbeResult, probe};
pub use role::{Role, UnknownRole};
pub use spawn::{Exit, Worker, spawn};
pub use sys::discard;

//! One test for each forbidden attempt: a worker of every role makes it, confined as for real work, and must fail as the
//! role's profile says.

use anyhow::{Context as _, Result, ensure};
use e2e::program;
use sandbox::{Attempt, Limits, Outcome, Role, probe};

/// Calls that the profiles of all roles refuse with an error number, because runtimes and libraries try them in all
/// innocence; everything else ends the parsing roles at once.
const REFUSED: &[&str] = &[
    "read-file",
    "read-shadow",
    "read-memory-device",
    "read-own-proc",
    "read-others-proc",
    "write-own-memory-file",
    "read-sys",
    "list-root",
    "create-file",
    "reopen-input",
    "ask-for-file",
    "ask-for-file-statx",
    "guess-descriptor",
    "guess-writable-descriptor",
    "fork",
    "type-into-terminal",
    "drive-console",
];
/// What ends even the office worker, whose suite tries a great deal in all innocence: what only an attack does.
const ENDS_OFFICE: &[&str] = &[
    "add-key",
    "bpf",
    "change-mount",
    "change-root",
    "compare-kernel-pointers",
    "clone-mount",
    "enter-namespace",
    "fork-old-call",
    "io-uring",
    "key-ring",
    "load-kernel",
    "load-module",
    "load-module-file",
    "mount",
    "move-mount",
    "new-user-namespace",
    "new-mount-namespace",
    "new-net-namespace",
    "new-root",
    "open-by-handle",
    "open-file-system",
    "performance-counter",
    "read-others-memory",
    "write-others-memory",
    "remove-module",
    "request-key",
    "restart-machine",
    "take-others-descriptor",
    "trace",
    "trace-other",
    "unmount",
    "user-fault",
];
/// What a tree worker may ask for below its root, and does not find there.
const NOT_IN_THE_TREE: &[&str] = &["read-file-openat2"];
/// What ends a tree worker: it opens files all day, but none for writing.
const ENDS_TREE: &[&str] = &["create-file", "reopen-input", "write-own-memory-file"];

/// The roles' limits, as small as the roles can live with.
fn limits(role: Role) -> Limits {
    let office = role == Role::RenderOffice;
    Limits { cpu_seconds: 10, memory_bytes: 1 << 30, file_bytes: 0, processes: if office { 16 } else { 1 } }
}

fn denied(name: &str) -> Result<()> {
    let attempt: Attempt = name.parse()?;
    let worker = program("schleuse-worker")?;
    let mut tried = 0;
    for role in Role::ALL {
        let Some(result) = probe(&worker, role, &limits(role), [attempt])?.pop() else { continue };
        tried += 1;
        ensure!(result.outcome.held(), "{role:?}: {:?}", result.outcome);
        let ends = match role {
            Role::RenderOffice => ENDS_OFFICE.contains(&name),
            Role::Tree => ENDS_TREE.contains(&name) || !REFUSED.contains(&name) && !NOT_IN_THE_TREE.contains(&name),
            Role::Read | Role::Inspect | Role::Render | Role::Verify => !REFUSED.contains(&name),
        };
        ensure!((result.outcome == Outcome::Killed) == ends, "{role:?}: {:?}, but expected to end it: {ends}", result.outcome);
    }
    ensure!(tried >= 4, "only {tried} roles tried it");
    Ok(())
}

macro_rules! attempts {
    ($($test:ident = $name:literal,)+) => {
        $(
            #[test]
            fn $test() -> Result<()> {
                denied($name)
            }
        )+

        #[test]
        fn every_attempt_has_its_test() -> Result<()> {
            let tested = [$($name),+];
            for attempt in Attempt::all() {
                tested.iter().find(|name| **name == attempt.as_str()).with_context(|| format!("no test for {attempt:?}"))?;
            }
            ensure!(tested.len() == Attempt::all().count() && tested.len() >= 60, "{}", tested.len());
            Ok(())
        }
    };
}

attempts! {
    // files
    read_file = "read-file",
    read_file_openat2 = "read-file-openat2",
    read_file_old_call = "read-file-old-call",
    read_shadow = "read-shadow",
    read_memory_device = "read-memory-device",
    read_own_proc = "read-own-proc",
    read_others_proc = "read-others-proc",
    write_own_memory_file = "write-own-memory-file",
    read_sys = "read-sys",
    list_root = "list-root",
    create_file = "create-file",
    reopen_input = "reopen-input",
    ask_for_file = "ask-for-file",
    ask_for_file_statx = "ask-for-file-statx",
    may_i_read = "may-i-read",
    where_am_i = "where-am-i",
    make_directory = "make-directory",
    make_link = "make-link",
    make_hard_link = "make-hard-link",
    make_device = "make-device",
    remove_file = "remove-file",
    rename_file = "rename-file",
    truncate_file = "truncate-file",
    change_mode = "change-mode",
    change_owner = "change-owner",
    set_attribute = "set-attribute",
    open_by_handle = "open-by-handle",
    watch_files = "watch-files",
    watch_all_files = "watch-all-files",
    guess_descriptor = "guess-descriptor",
    guess_writable_descriptor = "guess-writable-descriptor",
    // network
    tcp_socket = "tcp-socket",
    tcp6_socket = "tcp6-socket",
    udp_socket = "udp-socket",
    udp6_socket = "udp6-socket",
    raw_socket = "raw-socket",
    packet_socket = "packet-socket",
    netlink_socket = "netlink-socket",
    unix_datagram_socket = "unix-datagram-socket",
    unix_packet_socket = "unix-packet-socket",
    unix_socket = "unix-socket",
    socket_pair = "socket-pair",
    vsock_socket = "vsock-socket",
    kernel_crypto_socket = "kernel-crypto-socket",
    bluetooth_socket = "bluetooth-socket",
    can_socket = "can-socket",
    key_socket = "key-socket",
    xdp_socket = "xdp-socket",
    tipc_socket = "tipc-socket",
    abstract_socket = "abstract-socket",
    // processes and signals
    fork = "fork",
    fork_old_call = "fork-old-call",
    fork_clone3 = "fork-clone3",
    execute = "execute",
    execute_at = "execute-at",
    execute_descriptor = "execute-descriptor",
    trace = "trace",
    trace_other = "trace-other",
    read_others_memory = "read-others-memory",
    write_others_memory = "write-others-memory",
    take_others_descriptor = "take-others-descriptor",
    compare_kernel_pointers = "compare-kernel-pointers",
    signal_itself_by_kill = "signal-itself-by-kill",
    signal_supervisor = "signal-supervisor",
    signal_thread = "signal-thread",
    signal_thread_of_group = "signal-thread-of-group",
    signal_by_descriptor = "signal-by-descriptor",
    signal_with_value = "signal-with-value",
    change_priority = "change-priority",
    change_scheduler = "change-scheduler",
    set_limit = "set-limit",
    raise_limit = "raise-limit",
    type_into_terminal = "type-into-terminal",
    drive_console = "drive-console",
    hang_up_terminal = "hang-up-terminal",
    old_abi_call = "old-abi-call",
    // privileges, namespaces, mounts
    set_user = "set-user",
    become_root = "become-root",
    set_group = "set-group",
    set_groups = "set-groups",
    set_capabilities = "set-capabilities",
    become_dumpable = "become-dumpable",
    raise_ambient_capability = "raise-ambient-capability",
    allow_a_tracer = "allow-a-tracer",
    survive_parent = "survive-parent",
    change_personality = "change-personality",
    add_filter = "add-filter",
    enter_namespace = "enter-namespace",
    new_user_namespace = "new-user-namespace",
    new_mount_namespace = "new-mount-namespace",
    new_net_namespace = "new-net-namespace",
    mount = "mount",
    unmount = "unmount",
    new_root = "new-root",
    change_root = "change-root",
    open_file_system = "open-file-system",
    clone_mount = "clone-mount",
    move_mount = "move-mount",
    change_mount = "change-mount",
    set_host_name = "set-host-name",
    set_clock = "set-clock",
    // memory
    writable_executable_memory = "writable-executable-memory",
    executable_memory = "executable-memory",
    executable_later = "executable-later",
    writable_executable_later = "writable-executable-later",
    executable_later_by_key = "executable-later-by-key",
    memory_file = "memory-file",
    secret_memory = "secret-memory",
    shared_memory = "shared-memory",
    message_queue = "message-queue",
    wait_descriptor = "wait-descriptor",
    lock_memory = "lock-memory",
    // the kernel
    io_uring = "io-uring",
    bpf = "bpf",
    user_fault = "user-fault",
    performance_counter = "performance-counter",
    key_ring = "key-ring",
    add_key = "add-key",
    request_key = "request-key",
    load_module = "load-module",
    load_module_file = "load-module-file",
    remove_module = "remove-module",
    load_kernel = "load-kernel",
    restart_machine = "restart-machine",
    swap_on = "swap-on",
    kernel_log = "kernel-log",
    accounting = "accounting",
    input_output_ports = "input-output-ports",
    quota = "quota",
    segment_table = "segment-table",
}

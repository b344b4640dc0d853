# LibreOffice and the worker that starts it. Found by tracing conversions of doc, docx, xls, xlsx, ppt, pptx, odt, ods,
# odp, rtf, csv and html. It is a large program that asks for many things it can do without, so an unnamed call is
# refused rather than deadly; what only an attack does is named and kills.
default errno EPERM                 # LibreOffice goes on without what it is refused

# files: Landlock and the jail's root say which
access                              # LibreOffice: configuration, fonts
chdir                               # std: the working directory of soffice
chmod                               # LibreOffice: its own temporary files
close                               # everyone
dup2                                # std: standard streams
faccessat2                          # LibreOffice: is it writable?
fadvise64                           # fontconfig
fcntl                               # everyone; file locks
fdatasync                           # LibreOffice: configuration
fstatfs                             # LibreOffice: kind of file system
fsync                               # LibreOffice: configuration
ftruncate                           # LibreOffice: output
getcwd                              # LibreOffice: relative names
getdents64                          # fontconfig, LibreOffice: directories
lseek                               # everyone
mkdir                               # LibreOffice: profile, temporary directories
newfstatat                          # everyone
openat                              # everyone
pipe2                               # std: the error channel of a start; LibreOffice
pread64                             # everyone
pwrite64                            # LibreOffice: output
read                                # everyone
readlink                            # LibreOffice: where am I?
rename                              # LibreOffice: configuration
rmdir                               # LibreOffice: temporary directories
statfs                              # fontconfig
statx                               # std
unlink                              # LibreOffice: temporary files
write                               # everyone
writev                              # everyone

# memory: not writable and executable in one mapping, and none becomes executable later, but for one thing: LibreOffice's
# component model (bridges, VtableFactory) writes call stubs at run time. Its other way, a file mapped twice, would need
# a work directory without noexec; so it gets the small mapping.
brk                                 # malloc
madvise                             # malloc
mmap when 2 & 0x2 == 0 and 3 & 0x20 == 0 # libraries (executable), fonts; files only, no anonymous memory
mmap when 2 & 0x4 == 0              # malloc, stacks
mprotect when 2 & 0x4 == 0          # the loader's read-only relocations, malloc, stacks
mprotect when 2 & 0x7 == 0x7 and 1 & 0xffffffffffff0000 == 0 # call stubs: less than 64 KiB at a time
mremap                              # malloc
munmap                              # everyone

# processes and threads, in the jail's own pid namespace; no namespaces (mask: every CLONE_NEW* flag)
clone when 0 & 0x7e020080 == 0      # threads of LibreOffice; the start of soffice.bin
clone3 = errno ENOSYS               # its flags cannot be checked; glibc falls back to clone
execve                              # soffice.bin; Landlock lets nothing outside its directory start
exit                                # threads
exit_group                          # everyone
futex                               # locks
kill when 0 & 0xffffffff == 0xffffffff # the worker ends what is left of soffice
pidfd_open                          # the worker waits for soffice with a time-out
restart_syscall                     # the kernel's own
rseq                                # glibc: threads
sched_getaffinity                   # number of processors
sched_yield                         # locks
set_robust_list                     # glibc: threads
set_tid_address                     # glibc: start
tgkill                              # abort
wait4                               # the worker collects soffice

# signals
rt_sigaction                        # handlers
rt_sigprocmask                      # threads
rt_sigreturn                        # handlers
sigaltstack                         # std, LibreOffice

# waiting and channels
eventfd2                            # LibreOffice's main loop
poll                                # everyone
ppoll                               # everyone
recvmsg                             # job socket
sendmsg                             # job socket
sendto                              # job socket
shutdown                            # job socket
socket when 0 & 0xffffffff == 1 and 1 & 0xf == 1 # AF_UNIX, SOCK_STREAM: soffice ends without its single-instance pipe in /tmp
bind                                # the same; the net namespace and the jail's root have nobody else to talk to
listen                              # the same
accept                              # the same
connect                             # the same

# time, identity, the machine
arch_prctl when 0 & 0xffffffff == 0x1002 # ARCH_SET_FS: the loader
clock_gettime                       # time
clock_nanosleep                     # LibreOffice's timers
geteuid                             # identity
getpid                              # identity
getrandom                           # random numbers
gettid                              # threads
gettimeofday                        # time
getuid                              # identity
nanosleep                           # LibreOffice's timers
prctl when 0 & 0xffffffff == 15     # PR_SET_NAME: thread names
prctl when 0 & 0xffffffff == 16     # PR_GET_NAME: thread names
prlimit64 when 2 & 0xffffffffffffffff == 0 # getrlimit
sysinfo                             # size of memory
uname                               # LibreOffice

# what only an attack does
add_key = kill                      # kernel keys
bpf = kill                          # kernel programs
chroot = kill                       # way out
delete_module = kill                # kernel code
finit_module = kill                 # kernel code
fork = kill                         # glibc uses clone
fsmount = kill                      # mounts
fsopen = kill                       # mounts
init_module = kill                  # kernel code
io_uring_enter = kill               # calls past this filter
io_uring_register = kill            # calls past this filter
io_uring_setup = kill               # calls past this filter
kcmp = kill                         # kernel addresses
kexec_file_load = kill              # kernel code
kexec_load = kill                   # kernel code
keyctl = kill                       # kernel keys
mount = kill                        # mounts
mount_setattr = kill                # mounts
move_mount = kill                   # mounts
name_to_handle_at = kill            # files past the root
open_by_handle_at = kill            # files past the root
open_tree = kill                    # mounts
perf_event_open = kill              # kernel attack surface
pidfd_getfd = kill                  # others' descriptors
pivot_root = kill                   # way out
process_vm_readv = kill             # others' memory
process_vm_writev = kill            # others' memory
ptrace = kill                       # others' memory
reboot = kill                       # the machine
request_key = kill                  # kernel keys
setns = kill                        # way out
umount2 = kill                      # mounts
unshare = kill                      # way out
userfaultfd = kill                  # kernel exploits
vfork = kill                        # glibc uses clone

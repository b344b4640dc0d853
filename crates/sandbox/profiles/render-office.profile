# LibreOffice and the worker that starts it. Found by tracing conversions of doc, docx, xls, xlsx, ppt, pptx, odt, ods,
# odp, rtf, csv and html. It is a large program that asks for many things it can do without, so an unnamed call is
# refused rather than deadly; what only an attack does is named and kills.
default errno EPERM                 # LibreOffice goes on without what it is refused

# files: Landlock and the jail's root say which
access                              # LibreOffice: configuration, fonts
chdir                               # std: the working directory of soffice
chmod                               # LibreOffice: its own temporary files
close                               # everyone
creat                               # LibreOffice: old libraries
dup                                 # std: standard streams
dup2                                # std: standard streams
dup3                                # std: standard streams
faccessat                           # glibc
faccessat2                          # LibreOffice: is it writable?
fadvise64                           # fontconfig
fallocate                           # LibreOffice: output
fchmod                              # LibreOffice: output
fcntl                               # everyone; file locks
fdatasync                           # LibreOffice: configuration
flock                               # LibreOffice: profile lock
fstat                               # everyone
fstatfs                             # LibreOffice: kind of file system
fsync                               # LibreOffice: configuration
ftruncate                           # LibreOffice: output
getcwd                              # LibreOffice: relative names
getdents64                          # fontconfig, LibreOffice: directories
link                                # fontconfig: its lock
lseek                               # everyone
lstat                               # LibreOffice
mkdir                               # LibreOffice: profile, temporary directories
mkdirat                             # the same
newfstatat                          # everyone
open                                # old libraries
openat                              # everyone
pipe                                # old libraries
pipe2                               # std: the error channel of a start; LibreOffice
pread64                             # everyone
preadv                              # std
pwrite64                            # LibreOffice: output
pwritev                             # std
read                                # everyone
readlink                            # LibreOffice: where am I?
readlinkat                          # the same
readv                               # std
rename                              # LibreOffice: configuration
renameat                            # the same
renameat2                           # the same
rmdir                               # LibreOffice: temporary directories
stat                                # LibreOffice
statfs                              # fontconfig
statx                               # std
umask                               # LibreOffice: temporary files
unlink                              # LibreOffice: temporary files
unlinkat                            # the same
utimensat                           # fontconfig
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
msync                               # LibreOffice: mapped files
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
setpgid                             # osl: processes it starts
setsid                              # the same
tgkill                              # abort
wait4                               # the worker collects soffice
waitid                              # the same

# signals
rt_sigaction                        # handlers
rt_sigpending                       # LibreOffice
rt_sigprocmask                      # threads
rt_sigreturn                        # handlers
rt_sigsuspend                       # LibreOffice
rt_sigtimedwait                     # LibreOffice
sigaltstack                         # std, LibreOffice

# waiting and channels
epoll_create1                       # LibreOffice
epoll_ctl                           # LibreOffice
epoll_wait                          # LibreOffice
eventfd2                            # LibreOffice's main loop
poll                                # everyone
ppoll                               # everyone
pselect6                            # LibreOffice
select                              # LibreOffice
recvfrom                            # job socket
recvmsg                             # job socket
sendmsg                             # job socket
sendto                              # job socket
shutdown                            # job socket
socket when 0 & 0xffffffff == 1 and 1 & 0xf == 1 # AF_UNIX, SOCK_STREAM: soffice ends without its single-instance pipe in /tmp
bind                                # the same; the net namespace and the jail's root have nobody else to talk to
listen                              # the same
accept                              # the same
accept4                             # the same
connect                             # the same

# time, identity, the machine
arch_prctl when 0 & 0xffffffff == 0x1002 # ARCH_SET_FS: the loader
clock_getres                        # time
clock_gettime                       # time
clock_nanosleep                     # LibreOffice's timers
getegid                             # identity
geteuid                             # identity
getgid                              # identity
getgroups                           # identity
getpgrp                             # identity
getpid                              # identity
getppid                             # identity
getrandom                           # random numbers
getrusage                           # LibreOffice
gettid                              # threads
gettimeofday                        # time
getuid                              # identity
nanosleep                           # LibreOffice's timers
prctl when 0 & 0xffffffff == 15     # PR_SET_NAME: thread names
prctl when 0 & 0xffffffff == 16     # PR_GET_NAME: thread names
prlimit64 when 2 & 0xffffffffffffffff == 0 # getrlimit
sysinfo                             # size of memory
time                                # time
timer_create                        # LibreOffice's timers
timer_delete                        # LibreOffice's timers
timer_settime                       # LibreOffice's timers
times                               # LibreOffice
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

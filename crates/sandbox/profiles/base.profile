# What every role that parses foreign bytes may do: use memory it has, read and answer on descriptors it has, end.
default kill                        # a call nobody here makes is an attack or a defect; both end the worker

# descriptors it was handed
read                                # input, job socket
pread64                             # input, at an offset
write                               # answers
lseek                               # input
fstat                               # input: size and kind
close                               # input
recvmsg                             # job socket: requests with descriptors
sendmsg                             # job socket: answers to requests
sendto                              # job socket: std's UnixStream::write
ppoll                               # job socket and answers
fcntl when 1 & 0xffffffff == 1      # F_GETFD: std asserts in debug builds that a descriptor is open
fcntl when 1 & 0xffffffff == 3      # F_GETFL: is the input read-only?
fcntl when 1 & 0xffffffff == 1030   # F_DUPFD_CLOEXEC: File::try_clone
fcntl when 1 & 0xffffffff == 1034   # F_GET_SEALS: is the memfd sealed?
statx when 2 & 0x1000 == 0x1000     # File::metadata (AT_EMPTY_PATH); there is no path to ask about
newfstatat when 3 & 0x1000 == 0x1000 # glibc's fstat (AT_EMPTY_PATH)

# memory; never executable: everything that runs was mapped before
brk                                 # malloc
mmap when 2 & 0x4 == 0              # malloc, input; without PROT_EXEC
mprotect when 2 & 0x4 == 0          # malloc's arenas; without PROT_EXEC
mremap                              # realloc of large blocks
munmap                              # free
madvise                             # malloc gives memory back

# time, random numbers, the machine's size
clock_gettime                       # where the vDSO cannot answer
getrandom                           # HashMap keys
sysinfo                             # glibc's qsort asks how much memory there is
sched_yield                         # spinning locks
getpid                              # abort
gettid                              # abort
prlimit64 when 2 & 0xffffffffffffffff == 0 # getrlimit: stack bounds; setting is not allowed

# signals of its own, and its end
futex                               # locks
rt_sigaction                        # std's stack overflow handler restores the default
rt_sigprocmask                      # abort
rt_sigreturn                        # return from a handler
sigaltstack                         # std's stack overflow handler
tgkill when 2 & 0xffffffff == 6     # abort
restart_syscall                     # the kernel's own, after a stop
exit                                # end
exit_group                          # end

# what runtimes and libraries try, and do without
openat = errno EACCES               # std: cgroup limits for available_parallelism; glibc: message catalogues
newfstatat when 3 & 0x1000 == 0 = errno EACCES # with a path
statx when 2 & 0x1000 == 0 = errno EACCES # with a path
ioctl = errno ENOTTY                # isatty
clone = errno EAGAIN                # no threads, no processes: the work goes on in one

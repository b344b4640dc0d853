# The outer process of a worker: waits, kills, ends.
default kill                        # it reads nothing but a number, so nothing can make it do more
ppoll                               # the end of the confined process, the hang-up of the supervisor, a forbidden call
ioctl when 1 & 0xffffffff == 0xc0502100 # SECCOMP_IOCTL_NOTIF_RECV: which call it was
write when 0 & 0xffffffff == 0      # job socket: tells the supervisor that number
pidfd_send_signal                   # kills the confined process
wait4                               # collects it
rt_sigaction                        # the default effect for the signal it ends by
rt_sigreturn                        # std's handlers
sigaltstack                         # std's handlers
close                               # the descriptor it watched
fcntl when 1 & 0xffffffff == 1      # F_GETFD: std asserts in debug builds that a descriptor is open
getpid                              # sends that signal to itself
kill                                # the same
munmap                              # frees the filter's memory
mmap when 2 & 0x4 == 0              # malloc
brk                                 # malloc
madvise                             # malloc
exit_group                          # ends

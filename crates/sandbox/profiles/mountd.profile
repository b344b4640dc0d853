# schleuse-mountd: sets a block device read-only, mounts it detached, hands a descriptor back.
include base                        # what every program needs
openat when 2 & 0x400643 == 0       # sysfs, device nodes; read-only: none of O_WRONLY O_RDWR O_CREAT O_TRUNC O_APPEND O_TMPFILE
open when 1 & 0x400643 == 0         # the same, as rustix calls it
ioctl when 1 & 0xffffffff == 0x125d # BLKROSET
ioctl when 1 & 0xffffffff == 0x125e # BLKROGET
newfstatat                          # kind and number of a device node; what lies in sysfs
statx                               # the same
readlink                            # canonical paths in sysfs
readlinkat                          # the same
getdents64                          # partitions in sysfs
getcwd                              # canonical paths
accept4                             # the next supervisor
getsockopt                          # who it is (SO_PEERCRED); whether the socket listens
setsockopt                          # how long it may be silent
fsopen                              # mounting, detached
fsconfig                            # mounting
fsmount                             # mounting

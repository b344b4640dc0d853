# The reader of a directory tree below one descriptor; Landlock says that it is below.
include base                        # as every role
openat when 2 & 0x400643 == 0       # entries, read-only: none of O_WRONLY O_RDWR O_CREAT O_TRUNC O_APPEND O_TMPFILE
openat2                             # entries, with RESOLVE_BENEATH; Landlock allows reading only
getdents64                          # entries of a directory
statx                               # kind, size, times of an entry

# The reader of partitions and file systems in images and devices.
include base                        # nothing of its own

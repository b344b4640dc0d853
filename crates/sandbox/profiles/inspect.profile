# The inspector: formats, archives, active content, YARA rules.
include base                        # nothing of its own

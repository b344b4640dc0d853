# The renderer: pages and images to pixels and text.
include base                        # nothing of its own

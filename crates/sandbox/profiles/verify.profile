# The verifier of finished artefacts.
include base                        # nothing of its own

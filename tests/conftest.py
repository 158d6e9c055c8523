"""What holds for every test."""

import os
import signal

from hypothesis import settings

# No test asserts a time: on a busy machine every example would fail.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# A shell starts what it puts into the background with Ctrl-C ignored, and children inherit that:
# tests that press it would wait for nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Each test has a home of its own, and each home would have its answer gauge made first, in seconds.
os.environ.setdefault("ASSAY_GAUGE", "false")

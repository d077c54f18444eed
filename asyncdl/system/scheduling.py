"""Whether a thread waited for something, or the processor was given to others."""

from __future__ import annotations

import sys

if sys.platform == "linux":
    from resource import RUSAGE_THREAD, getrusage

    def times_waited() -> int | None:
        """Return how often this thread has waited so far; ``None`` where that is not known.

        A microsecond. Source: ``getrusage(2)``, ``ru_nvcsw``.
        """
        return getrusage(RUSAGE_THREAD).ru_nvcsw

else:

    def times_waited() -> int | None:
        """Return ``None``: it is not known here."""
        return None

"""Whether a thread waited for something, or the processor was given to others."""

from __future__ import annotations

try:
    from resource import RUSAGE_THREAD, getrusage
except ImportError:  # Windows has no such module, and macOS does not count by threads
    _counts = False
else:
    _counts = True


def times_waited() -> int | None:
    """Return how often this thread has waited so far; ``None`` where that is not known.

    A microsecond. Source: ``getrusage(2)``, ``ru_nvcsw``.
    """
    return getrusage(RUSAGE_THREAD).ru_nvcsw if _counts else None

"""How many bytes of a body are collected for one write. Pure."""

from __future__ import annotations

from asyncdl.transfer.limits import KIB

LEAST_BYTES = 256 * KIB
"""Of a body that is slow, or has just begun."""
COLLECTING_S = 0.05
"""What a body brings in this time is worth a write."""


def worth_a_write(received_bytes: int, elapsed_s: float, most_bytes: int) -> int:
    """Return how many bytes of a body are worth one write, and so a buffer of this size.

    A larger buffer saves time only where writes follow one another quickly: on a line that brings
    a few megabytes a second sixteen buffers of a megabyte would be memory for nothing.

    Args:
        received_bytes: Of the body so far.
        elapsed_s: Since its first byte was waited for.
        most_bytes: For one write, 1 or more.
    Returns: :data:`LEAST_BYTES` or a power of two times as many, and no more than ``most_bytes``.
        Steps keep the buffer from being made anew for every change of the rate.
    """
    size_bytes = LEAST_BYTES
    while size_bytes < most_bytes and received_bytes * COLLECTING_S > 2 * size_bytes * elapsed_s:
        size_bytes *= 2
    return min(size_bytes, most_bytes)

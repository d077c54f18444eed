"""Limits of the engine: connections, rates, sizes, retries and timeouts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from msgspec import Struct

from asyncdl.errors import SizeMismatch, TransferError, wrong_type
from asyncdl.net.retry import Backoff
from asyncdl.transfer.argument_checks import check_number, whole

TOO_LARGE = "too-large"
"""Reason of a ``TransferError`` for a file that is longer than allowed, or has no end."""


class SizeLimits(Struct, frozen=True):
    """The expected length of a file, and the maximum."""

    size_bytes: int | None = None
    """Exact, if known."""
    max_bytes: int | None = None
    """``None`` allows any."""

    def check_total(self, total: int | None, url: str) -> None:
        """Check the length that a host announces; ``None`` if it announces none.

        Raises: SizeMismatch, if another one is expected; TransferError with reason
            ``too-large``.
        """
        if total is not None and self.size_bytes not in (None, total):
            raise SizeMismatch(url, expected=self.size_bytes or 0, got=total)
        self.check_so_far(total or 0, url)

    def check_end(self, count: int, url: str) -> None:
        """Check the length of a body that was not announced, at its end.

        Raises: SizeMismatch.
        """
        if self.size_bytes not in (None, count):
            raise SizeMismatch(url, expected=self.size_bytes or 0, got=count)

    def check_so_far(self, count: int, url: str) -> None:
        """Check the bytes so far of a body whose length was not announced.

        Raises: as :meth:`check_total`, if there are too many already.
        """
        if self.size_bytes is not None and count > self.size_bytes:
            raise SizeMismatch(url, expected=self.size_bytes, got=count)
        if self.max_bytes is not None and count > self.max_bytes:
            raise TransferError(url, f"more than {self.max_bytes} bytes", reason=TOO_LARGE)


Workers: TypeAlias = int | Literal["auto"]
"""Files at once: a number, or as many as the budget of connections allows."""


def files_at_once(workers: Workers, connections: int) -> int:
    """Return the number of files that may be under way together.

    Each file needs one connection, so with ``"auto"`` there is a file for each of them. Further
    connections of a large file come from the same budget, as far as no file waits for one.

    Args:
        workers: The user's number, or ``"auto"``.
        connections: The budget, 1 or more.
    """
    return connections if workers == "auto" else workers


KIB = 1024
MIB = 1024 * KIB

_BUFFERED_BYTES = 16 * MIB
_MIN_WRITE_BYTES = 256 * KIB

_MINIMUM = {
    "connections": 1,
    "per_host": 1,
    "connections_per_file": 1,
    "split_from_bytes": 0,
    "smallest_piece_bytes": 1,
    "requests_per_file": 1,
    "refetches": 0,
    "refreshes": 0,
    "max_redirects": 0,
    "keep_free_bytes": 0,
    "read_buffer_bytes": 1,
    "flush_bytes": 1,
    "preallocate_from_bytes": 0,
    "checkpoint_bytes": 1,
    "disk_threads": 1,
}
"""Integers, and the minimum of each."""
_FROM_ZERO = (
    "first_look_s",
    "split_after_s",
    "slowest_bytes_s",
    "max_wait_s",
    "max_retry_after_s",
    "flush_interval_s",
    "checkpoint_s",
)
_ABOVE_ZERO = ("connect_timeout_s", "header_timeout_s", "stall_timeout_s")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one :class:`~asyncdl.transfer.Downloader`, shared by all its files.

    Raises: ValueError or TypeError, at once, for a value that is not allowed.
    """

    connections: int = 16
    """Connections to all hosts together, 1 or more."""
    per_host: int = 16
    """Connections to one host at most; fewer while that host shows strain."""
    connections_per_file: int = 16
    """Connections for one large file at most, as far as no other file needs them."""
    split_from_bytes: int = 4 * MIB
    """Smaller files are always fetched over one connection."""
    first_look_s: float = 0.15
    """How long a file uses only its first connection, to measure the rate: many hosts send a
    first burst at full speed and then slow down."""
    split_after_s: float = 2.0
    """What one connection fetches within this time is not split further."""
    smallest_piece_bytes: int = 64 * KIB
    """No split makes a segment smaller than this; 1 or more."""
    connect_timeout_s: float = 30.0
    """For name resolution, connection and TLS handshake."""
    header_timeout_s: float = 60.0
    """From the established connection to the response headers."""
    stall_timeout_s: float = 60.0
    """Without a byte of the body. Waiting for the local disk or our own rate limit does not
    count."""
    slowest_bytes_s: float = 128.0
    """A body slower than this over ``stall_timeout_s`` counts as stalled; 0 allows any rate."""
    backoff: Backoff = field(default_factory=Backoff)
    """Attempts in a row that bring nothing new, and the waits between them."""
    requests_per_file: int = 1000
    """Requests for one file at most, however much each of them brings; 1 or more."""
    refetches: int = 1
    """How often a whole file that fails its verification is fetched again."""
    refreshes: int = 2
    """How often a file's refused URL is replaced by a fresh one."""
    max_wait_s: float = 0.0
    """How long to wait for a host that is down; its files wait and none of them fails. With 0
    each file makes its usual attempts, and the host is given up after as many pauses."""
    max_redirects: int = 5
    """In a row, for one request."""
    max_retry_after_s: float = 900.0
    """If a host asks for a longer pause, the file fails."""
    max_rate_bytes_s: float | None = None
    """For all files together; ``None`` is unlimited."""
    max_size_bytes: int | None = None
    """No file may be larger; ``None`` allows any size."""
    keep_free_bytes: int = 256 * MIB
    """Left free on the disk by a body of unknown length, which may have no end."""
    durable: bool = False
    """Whether a file is on stable storage before it gets its final name."""
    read_buffer_bytes: int = 256 * KIB
    """Receive buffer of a connection, which may hold up to twice this."""
    flush_bytes: int = MIB
    """Buffered per connection for one write, at most; see :attr:`write_bytes`."""
    flush_interval_s: float = 0.5
    """Bytes stay in the write buffer no longer than this."""
    preallocate_from_bytes: int = 16 * MIB
    """Larger files are preallocated before several connections fill them."""
    checkpoint_bytes: int = 64 * MIB
    """The state file is written after this many bytes; a crash costs no more."""
    checkpoint_s: float = 10.0
    """It is also written after this many seconds, as long as bytes come, so that on a slow
    line a crash costs no more; 0 writes it after every write."""
    disk_threads: int = 4
    """Threads for file system calls, besides those that verify finished files."""

    def __post_init__(self) -> None:
        for name, minimum in _MINIMUM.items():
            whole(f"Limits.{name}", getattr(self, name), minimum)
        for name in _FROM_ZERO:
            check_number(f"Limits.{name}", getattr(self, name))
        for name in _ABOVE_ZERO:
            check_number(f"Limits.{name}", getattr(self, name), may_be_zero=False)
        if self.max_rate_bytes_s is not None:
            check_number("Limits.max_rate_bytes_s", self.max_rate_bytes_s, may_be_zero=False)
        if self.max_size_bytes is not None:
            whole("Limits.max_size_bytes", self.max_size_bytes, 0)
        if not isinstance(self.backoff, Backoff):
            raise wrong_type("Limits.backoff", self.backoff, "a Backoff")

    @property
    def write_bytes(self) -> int:
        """Buffered per connection for one write at most: less with many connections.

        Up to 64 of them hold 16 MiB together; with more, each holds 256 KiB. Slow bodies
        hold less (:func:`~asyncdl.transfer.write_size.worth_a_write`).
        """
        return min(self.flush_bytes, max(_MIN_WRITE_BYTES, _BUFFERED_BYTES // self.connections))

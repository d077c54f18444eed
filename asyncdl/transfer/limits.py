"""How much the engine may take, how long a file may be, and how long the engine waits."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct

from asyncdl.errors import SizeMismatch, TransferError, wrong_type
from asyncdl.net.retry import Backoff
from asyncdl.transfer.argument_checks import check_number, whole

TOO_LARGE = "too-large"
"""Reason of a ``TransferError`` for a file that is longer than allowed, or has no end."""


class SizeLimits(Struct, frozen=True):
    """What its caller expects of a file's length, and what is allowed at most."""

    size_bytes: int | None = None
    """Exact, if known."""
    max_bytes: int | None = None
    """``None`` allows any."""

    def check_total(self, total: int | None, url: str) -> None:
        """Check the length that a host announces; ``None`` is no announcement.

        Raises: SizeMismatch, if another one is expected; TransferError with
            reason ``too-large``.
        """
        if total is not None and self.size_bytes not in (None, total):
            raise SizeMismatch(url, expected=self.size_bytes or 0, got=total)
        self.check_so_far(total or 0, url)

    def check_end(self, count: int, url: str) -> None:
        """Check the length of a body that did not announce it, once it has ended.

        Raises: SizeMismatch.
        """
        if self.size_bytes not in (None, count):
            raise SizeMismatch(url, expected=self.size_bytes or 0, got=count)

    def check_so_far(self, count: int, url: str) -> None:
        """Check the bytes so far of a body that does not announce its end.

        Raises: as :meth:`check_total`, if there are too many already.
        """
        if self.size_bytes is not None and count > self.size_bytes:
            raise SizeMismatch(url, expected=self.size_bytes, got=count)
        if self.max_bytes is not None and count > self.max_bytes:
            raise TransferError(url, f"more than {self.max_bytes} bytes", reason=TOO_LARGE)


KIB = 1024
MIB = 1024 * KIB

_COLLECTED_BYTES = 8 * MIB
_LEAST_WRITE_BYTES = 256 * KIB

_LEAST = {
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
"""Whole numbers, and the least that each may be."""
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
    """Connections in all, 1 or more."""
    per_host: int = 16
    """Connections to one host at most; fewer while that host shows strain."""
    connections_per_file: int = 4
    """A large file is split over so many at most, out of those no other file wants."""
    split_from_bytes: int = 4 * MIB
    """Smaller files are fetched over one connection in any case."""
    first_look_s: float = 0.15
    """So long a file is alone with its first connection, whose rate then says something
    about the host: many send a first burst at full speed and slow down."""
    split_after_s: float = 2.0
    """What one connection fetches within this time is not split further."""
    smallest_piece_bytes: int = 64 * KIB
    """No split makes a piece smaller than this; 1 or more."""
    connect_timeout_s: float = 30.0
    """For the name, the connection and the TLS handshake."""
    header_timeout_s: float = 60.0
    """From a connection that stands to the head of the answer."""
    stall_timeout_s: float = 60.0
    """Without a byte of the body; waiting for our own disk or rate does not count."""
    slowest_bytes_s: float = 128.0
    """A body that is slower than this over ``stall_timeout_s`` counts as stalled; 0 takes any."""
    backoff: Backoff = field(default_factory=Backoff)
    """Tries in a row that bring nothing new, and the waits between them."""
    requests_per_file: int = 1000
    """Requests for one file at most, however much each one brings; 1 or more."""
    refetches: int = 1
    """How often a whole file that fails its proof is fetched again."""
    refreshes: int = 2
    """How often a file's refused URL is replaced by a fresh one."""
    max_wait_s: float = 0.0
    """How long a host that is down is waited for; its files wait and none of them fails. 0
    makes the usual tries for each file, and gives the host up after as many rests."""
    max_redirects: int = 5
    """In a row, for one request."""
    max_retry_after_s: float = 900.0
    """A host that asks for a longer rest is not waited for: the file fails."""
    max_rate_bytes_s: float | None = None
    """Over all files together; ``None`` is unlimited."""
    max_size_bytes: int | None = None
    """No file may be larger; ``None`` takes any size."""
    keep_free_bytes: int = 256 * MIB
    """Left on the disk by a body whose length nobody says: it may have no end."""
    durable: bool = False
    """Whether a file is on stable storage before it gets its final name."""
    read_buffer_bytes: int = 256 * KIB
    """Received per connection and not yet looked at: up to twice this."""
    flush_bytes: int = MIB
    """Collected per connection for one write, at most; see :attr:`write_bytes`."""
    flush_interval_s: float = 0.5
    """Bytes wait no longer than this for others to be written with them."""
    preallocate_from_bytes: int = 16 * MIB
    """Larger files get their room on the disk before several connections fill them."""
    checkpoint_bytes: int = 64 * MIB
    """Between two notes of what is on disk; a crash costs at most this much."""
    checkpoint_s: float = 10.0
    """Between two notes as well, as long as bytes come: on a slow line a crash costs no more
    than these seconds; 0 notes every write."""
    disk_threads: int = 4
    """Threads for the file system, beside those that prove finished files."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            whole(f"Limits.{name}", getattr(self, name), least)
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
        """Collected per connection for one write: less with many connections.

        Up to 32 of them hold 8 MiB together; with more each holds 256 KiB.
        """
        return min(self.flush_bytes, max(_LEAST_WRITE_BYTES, _COLLECTED_BYTES // self.connections))

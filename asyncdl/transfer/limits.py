"""How much the engine may take, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from asyncdl.retry import Backoff

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one :class:`~asyncdl.transfer.Downloader`, shared by all its files."""

    connections: int = 16
    """Connections in all, 1 or more."""
    per_host: int = 16
    """Connections to one host at most; fewer while that host shows strain."""
    connect_timeout_s: float = 30.0
    """For the name, the connection and the TLS handshake."""
    header_timeout_s: float = 60.0
    """From a connection that stands to the head of the answer."""
    stall_timeout_s: float = 60.0
    """Without a byte of the body; waiting for our own disk or rate does not count."""
    backoff: Backoff = field(default_factory=Backoff)
    """Tries in a row that bring nothing new, and the waits between them."""
    requests_per_file: int = 1000
    """Requests for one file at most, however much each one brings; 1 or more."""
    refetches: int = 1
    """How often a whole file that fails its proof is fetched again."""
    refreshes: int = 2
    """How often a file's refused URL is replaced by a fresh one."""
    max_redirects: int = 5
    max_retry_after_s: float = 900.0
    """A host that asks for a longer rest is not waited for: the file fails."""
    max_rate_bytes_s: float | None = None
    """Over all files together; ``None`` is unlimited."""
    max_size_bytes: int | None = None
    """No file may be larger; ``None`` takes any size."""
    durable: bool = False
    """Whether a file is on stable storage before it gets its final name."""
    read_buffer_bytes: int = 256 * KIB
    """Received per connection and not yet looked at: up to twice this."""
    flush_bytes: int = MIB
    """Collected per connection for one write."""
    flush_interval_s: float = 0.5
    """Bytes wait no longer than this for others to be written with them."""
    checkpoint_bytes: int = 64 * MIB
    """Between two notes of what is on disk; a crash costs at most this much."""
    disk_threads: int = 4
    """Threads for the file system, beside those that prove finished files."""

"""How long a file may be. Pure."""

from __future__ import annotations

from msgspec import Struct

from asyncdl.errors import SizeMismatch, TransferError

TOO_LARGE = "too-large"
"""Reason of a ``TransferError`` for a file that is longer than allowed, or has no end."""


class Bounds(Struct, frozen=True):
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

"""When a file is tried again, and when it is given up. Pure."""

from __future__ import annotations

from copy import copy

from msgspec import Struct

from asyncdl.errors import (
    AsyncdlError,
    ChecksumMismatch,
    HttpStatusError,
    WrongContent,
)
from asyncdl.transfer.error_pages import LOGIN_PAGE
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.verification.structure import BROKEN_FILE, ERROR_PAGE

MOST_CROWDED = 4
"""Then the host has a sixteenth of the connections, and is not to blame."""


class Attempts(Struct):
    """What has been tried for one file so far.

    A try that brings bytes that were never there before starts the count of
    failures anew, so an awful link finishes in the end; a host that lets us
    fetch the same bytes over and over does not keep us. The number of requests
    is bounded in every case.
    """

    limits: Limits
    requests: int = 0
    refreshes: int = 0
    refetches: int = 0
    crowded: int = 0
    """Refusals that were taken for one connection too many."""
    failed: int = 0
    """In a row, without progress in between; an outage of the host counts at most once."""
    farthest: int = 0
    """The most bytes that were ever on disk."""
    is_in_doubt: bool = False
    """Whether it was asked for again after a refusal, and not given yet."""

    @property
    def is_worn_out(self) -> bool:
        """Whether no further request may be made."""
        return self.requests >= self.limits.requests_per_file

    def may_refresh(self, error: AsyncdlError) -> bool:
        """Tell whether a fresh URL is worth asking for."""
        if isinstance(error, HttpStatusError) and error.status == 404 and self.refreshes:
            return False  # a fresh URL leads to it, and it is not there
        return self.refreshes < self.limits.refreshes and is_url_refused(error)

    def may_ask_once_more(self, error: AsyncdlError, *, can_refresh: bool) -> bool:
        """Tell whether a refusal may be about the number of connections, not about the URL.

        The first doubt goes to the connections and the second to the URL; what a fresh
        URL meets is about the connections again.
        """
        if not isinstance(error, HttpStatusError) or not error.is_crowded:
            return False
        is_open = self.crowded == 0 or self.refreshes > 0 or not can_refresh
        return is_open and self.crowded < MOST_CROWDED and not self.is_worn_out

    def would_end(self, error: AsyncdlError, have: int) -> bool:
        """Tell whether a failed try, taken for the file's own, was the last."""
        return error.retryable and not copy(self).may_go_on(error, have)

    def may_go_on(self, error: AsyncdlError, have: int, *, is_outage: bool = False) -> bool:
        """Count a failed try, and tell whether another may follow.

        Args:
            error: How it failed.
            have: Bytes on disk now.
            is_outage: Whether the host is down for everybody, and waited for.
        """
        if is_bad_file(error):
            self.refetches += 1
        if have > self.farthest:
            self.failed = 1
        elif is_outage:
            self.failed = max(self.failed, 1)
        else:
            self.failed += 1
        self.farthest = max(self.farthest, have)
        return (
            error.retryable
            and not self.is_worn_out
            and self.refetches <= self.limits.refetches
            and (error.retry_after_s or 0.0) <= self.limits.max_retry_after_s
            and self.limits.backoff.allows(self.failed)
        )

    def wait_s(self, error: AsyncdlError) -> float:
        """Return how long to wait before the next try, in seconds."""
        return self.limits.backoff.delay_s(self.failed, retry_after_s=error.retry_after_s)


def is_url_refused(error: AsyncdlError) -> bool:
    """Tell whether the URL itself was refused, as one with an old signature is."""
    if isinstance(error, HttpStatusError):
        return error.url_refused
    return isinstance(error, WrongContent) and error.reason in (ERROR_PAGE, LOGIN_PAGE)


def is_bad_file(error: AsyncdlError) -> bool:
    """Tell whether all bytes came and are wrong, so that none of them is worth keeping."""
    if isinstance(error, WrongContent):
        return error.reason == BROKEN_FILE
    return isinstance(error, ChecksumMismatch)

"""Whether a host is down for everybody, or only some files of it are bad. Pure.

A host is down when, for a while, nothing of use comes from it for anybody. What that means,
and why: docs/decisions/008-outages.md. The present is always an argument, in seconds on a
clock that never jumps.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from enum import Enum

import msgspec
from msgspec import Struct

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled, TransferError
from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.transfer.error_pages import is_page, names_outage
from asyncdl.transfer.request_headers import Headers

QUIET_S = 1.0
"""So long nothing of use has come before several failing files raise a suspicion."""
UNEXPLAINED_S = 90.0
"""So long a host that never gave anything is waited for, when it says nothing of an outage."""
SAMPLES = 2
"""Files that came, kept to compare with: one alone may have turned bad itself."""

_GATEWAY = frozenset({502, 503, 504, *range(520, 525)})
"""What gateways say when the host behind them is down."""


class Evidence(Enum):
    """What one failed request says about its host."""

    NONE = "nothing: the failure is final, or on our side"
    THERE = "it has made up its mind about this file"
    UNEXPLAINED = "something came, neither the file nor a word about an outage"
    EXPLAINED = "something that hosts do when they are down, and with single files as well"
    SILENT = "not one byte came"
    UNREACHABLE = "there was no connection; no file can be to blame for that"


class SampleFile(Struct, eq=False):
    """One wanted file, as its host knows it; compared by identity."""

    url: str
    headers: Headers = {}
    inmost: Callable[[], Zone] = lambda: ANYWHERE
    """How far inward its URL may lead."""
    failed_in: int = -1
    """Epoch of its last failure that may be an outage."""

    def __repr__(self) -> str:
        return "Sample()"


class HostHealth(Struct):
    """What all files of one host know together of its health.

    Whatever is of use to anybody begins a new epoch: failures of earlier ones were the
    files' own. Within an epoch, a file that came earlier is asked for again to tell
    the two apart, which is somebody else's work (:meth:`wants_comparison`).
    """

    max_wait_s: float
    """How long an outage is waited for; 0 never waits for one, and takes a host for down only if
    it is silent or has given nothing to anybody."""
    samples: deque[SampleFile] = msgspec.field(default_factory=lambda: deque(maxlen=SAMPLES))
    """Files that have given something of use, the latest last."""
    is_down: bool = False
    is_confirmed: bool = False
    """Whether files that came before do not come any more."""
    epoch: int = 0
    _useful_at_s: float = -math.inf
    _compared_at_s: float = -math.inf
    _failing: list[SampleFile | None] = msgspec.field(default_factory=list)
    """The first two that failed in this epoch."""
    _unexplained_since_s: float | None = None

    def note_use(self, file: SampleFile | None, now_s: float) -> None:
        """Note that something of use came: bytes of a file, or that it is complete."""
        if file is not None and file not in self.samples:
            self.samples.append(file)
        self._useful_at_s = now_s
        if self._failing or self.is_down:
            self._begin_epoch()

    def _begin_epoch(self) -> None:
        self.epoch += 1
        self.is_down = self.is_confirmed = False
        self._failing.clear()
        self._unexplained_since_s = None

    def note_refusal(self) -> None:
        """Note a decision about one file: the host is back.

        Not so where files that came before have been seen to fail: what stands in
        front of a host may refuse one and fail for all others.
        """
        if not self.is_confirmed:
            self.is_down = False

    def fail(self, file: SampleFile | None, evidence: Evidence, now_s: float) -> bool:
        """Note a request that brought nothing; return whether the host counts as down."""
        if file is not None:
            file.failed_in = self.epoch
        if file not in self._failing and len(self._failing) < 2:
            self._failing.append(file)
        if evidence is not Evidence.UNEXPLAINED:
            self._unexplained_since_s = None
        elif self._unexplained_since_s is None:
            self._unexplained_since_s = now_s
        if evidence is Evidence.UNREACHABLE:
            self.is_down = True
        elif not self.max_wait_s:
            is_dead = evidence is Evidence.EXPLAINED and not self.samples and len(self._failing) > 1
            return evidence is Evidence.SILENT or is_dead
        elif not self.samples:
            self._judge_unseen(evidence, now_s)
        return self.is_down

    def _judge_unseen(self, evidence: Evidence, now_s: float) -> None:
        """Judge a host that has never given anything: there is nothing to compare with."""
        is_shared = len(self._failing) > 1
        match evidence:
            case Evidence.SILENT:
                self.is_down = True
            case Evidence.EXPLAINED:
                self.is_down |= is_shared
            case _:
                since_s = self._unexplained_since_s
                is_over = since_s is not None and now_s - since_s >= UNEXPLAINED_S
                self.is_down = not is_over and (self.is_down or is_shared)

    def wants_comparison(
        self, file: SampleFile, failed_at_s: float, now_s: float, *, is_last: bool
    ) -> bool:
        """Tell whether it is time to ask for a file that came before.

        Args:
            file: Has failed, and asks.
            failed_at_s: When.
            now_s: The present.
            is_last: Whether it has no other try, or none without bothering others.
        """
        if not self.max_wait_s or not self.samples or file.failed_in != self.epoch:
            return False
        if self._compared_at_s >= failed_at_s:
            return False
        is_suspect = len(self._failing) > 1 and now_s - self._useful_at_s >= QUIET_S
        return is_last or is_suspect or self.is_down

    def note_comparison(self, *, gives: bool, now_s: float) -> None:
        """Note whether a file that came before still comes."""
        self._compared_at_s = now_s
        if gives:
            self.note_use(None, now_s)
        else:
            self.is_down = self.is_confirmed = True


def evidence_of(error: AsyncdlError, *, is_about_host: bool = True) -> Evidence:
    """Return what an error says about a host.

    Args:
        error: What ended a request that brought no bytes.
        is_about_host: False if the host has only led to the one that failed.
    """
    if isinstance(error, HttpStatusError):
        return _evidence_of_status(error.status, is_retryable=error.retryable)
    if is_page(error):
        return Evidence.EXPLAINED if names_outage(error) else Evidence.UNEXPLAINED
    if isinstance(error, Stalled):
        return Evidence.EXPLAINED
    if isinstance(error, NetworkError):
        return _evidence_of_break(error, is_about_host=is_about_host)
    return Evidence.THERE if isinstance(error, TransferError) else Evidence.NONE


def _evidence_of_status(status: int, *, is_retryable: bool) -> Evidence:
    if status in _GATEWAY:
        return Evidence.EXPLAINED
    return Evidence.UNEXPLAINED if status >= 500 and is_retryable else Evidence.THERE


def _evidence_of_break(error: NetworkError, *, is_about_host: bool) -> Evidence:
    if not error.retryable:
        return Evidence.NONE
    if error.phase == "garbled":
        return Evidence.UNEXPLAINED
    if error.phase == "body" or not is_about_host:
        return Evidence.EXPLAINED
    return Evidence.UNREACHABLE if error.phase == "connect" else Evidence.SILENT

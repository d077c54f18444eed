"""Whether a host is down for everyone, or only some of its files are bad. Pure.

A host is down when, for a while, no request gets anything useful from it. What that means, and
why: docs/decisions/008-outages.md. The present is always an argument, in seconds on a monotonic
clock.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import msgspec
from msgspec import Struct

from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.transfer.failures import Evidence
from asyncdl.transfer.request_headers import Headers

QUIET_S = 1.0
"""Several failing files raise a suspicion once nothing useful has come for this long."""
UNEXPLAINED_S = 90.0
"""How long to wait for a host that never gave anything and says nothing about an outage."""
SAMPLES = 2
"""Files that were served, kept to compare with. A single one may have turned bad itself."""


class SampleFile(Struct, eq=False):
    """One requested file, as its host knows it. Compared by identity."""

    url: str
    headers: Headers = {}
    max_zone: Callable[[], Zone] = lambda: ANYWHERE
    """How far inward its URL may lead."""
    failed_epoch: int = -1
    """Epoch of its last failure that may be an outage."""

    def __repr__(self) -> str:
        return "SampleFile()"


class HostHealth(Struct):
    """What all files of one host together show about its health.

    Each useful response starts a new epoch: earlier failures were those of single files. Within
    an epoch, a file that was served before is requested again to tell the two apart. The request
    is made elsewhere; :meth:`needs_comparison` says when.
    """

    max_wait_s: float
    """How long to wait for a host that is down. 0 never waits, and counts a host as down only if
    it is silent or has not served any file."""
    samples: deque[SampleFile] = msgspec.field(default_factory=lambda: deque(maxlen=SAMPLES))
    """Files for which something useful came, the latest last."""
    is_down: bool = False
    is_confirmed: bool = False
    """Whether files that were served before are not served any more."""
    epoch: int = 0
    _useful_at_s: float = -math.inf
    _compared_at_s: float = -math.inf
    _failing: list[SampleFile | None] = msgspec.field(default_factory=list)
    """The first two files that failed in this epoch."""
    _unexplained_since_s: float | None = None

    def note_success(self, file: SampleFile | None, now_s: float) -> None:
        """Record that something useful came: bytes of a file, or that it is complete."""
        if file is not None and file not in self.samples:
            self.samples.append(file)
        self._useful_at_s = now_s
        if self._failing or self.is_down:
            self._start_epoch()

    def _start_epoch(self) -> None:
        self.epoch += 1
        self.is_down = self.is_confirmed = False
        self._failing.clear()
        self._unexplained_since_s = None

    def note_refusal(self) -> None:
        """Record a decision about one file: the host is back.

        It is not if files that were served before have been seen to fail: a proxy in front of
        the host may refuse one file and fail for all others.
        """
        if not self.is_confirmed:
            self.is_down = False

    def note_failure(self, file: SampleFile | None, evidence: Evidence, now_s: float) -> bool:
        """Record a request that brought nothing; return whether the host counts as down."""
        if file is not None:
            file.failed_epoch = self.epoch
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
            self._assess_unproven(evidence, now_s)
        return self.is_down

    def _assess_unproven(self, evidence: Evidence, now_s: float) -> None:
        """Assess a host that has never served anything: there is nothing to compare with."""
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

    def needs_comparison(
        self, file: SampleFile, failed_at_s: float, now_s: float, *, is_last: bool
    ) -> bool:
        """Return whether a file that was served before should be requested again.

        Args:
            file: The file that failed.
            failed_at_s: When it failed.
            now_s: The present.
            is_last: Whether it has no other attempt, or none without a fresh URL.
        """
        if not self.max_wait_s or not self.samples or file.failed_epoch != self.epoch:
            return False
        if self._compared_at_s >= failed_at_s:
            return False
        is_suspect = len(self._failing) > 1 and now_s - self._useful_at_s >= QUIET_S
        return is_last or is_suspect or self.is_down

    def note_comparison(self, *, is_served: bool, now_s: float) -> None:
        """Record whether a file that was served before still is."""
        self._compared_at_s = now_s
        if is_served:
            self.note_success(None, now_s)
        else:
            self.is_down = self.is_confirmed = True

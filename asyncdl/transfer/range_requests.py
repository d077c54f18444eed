"""How the missing bytes of a file are requested, from the best way to the plainest. Pure.

With ``Range`` and ``If-Range``, with ``Range`` alone, without. Each step down is taken once, so
requesting comes to an end; when a step is due, is decided in
:mod:`asyncdl.transfer.range_responses`.

Some hosts respond 400, 403, 404, 405, 416 or 500 to a request with ``Range`` and send the file
without one. So a file that is refused is requested once without ``Range`` before it is given up.
Whether that helped is remembered for the host and the first part of the path: on a host whose
ranges work, a missing file is not requested twice.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from asyncdl.errors import HttpStatusError
from asyncdl.transfer.range_responses import RequestAgain, ResumePoint
from asyncdl.transfer.responses import RangeRequest
from asyncdl.transfer.wire_url import Origin, read_target

MAX_WAYS = 6
"""Ways of requesting within one attempt; the ladder has fewer steps."""
PERMANENT = frozenset({400, 403, 404, 405, 406, 409, 411, 413, 415, 416, 417, 422, 501, 505})
"""Statuses that do not pass, and that hosts give to a ``Range`` alone."""
TRANSIENT = frozenset({500, 502, 503, 504})
"""Statuses that may pass: the last attempt goes without ``Range``."""
MAX_USELESS = 3
"""Where leaving out ``Range`` was useless this often, it is not tried again."""


class _RangeSupport(Enum):
    YES = "honours ranges"
    NO = "refuses ranges, and sends whole files"


_Scope: TypeAlias = tuple[Origin, str]
"""A host, and the first segment of a path: what one program serves."""


class HostRangeSupport(Struct):
    """Which hosts honour ranges, as far as this run has seen."""

    _known: dict[_Scope, _RangeSupport] = {}
    _useless: dict[_Scope, int] = {}

    def refuses(self, url: str) -> bool:
        """Return whether ranges are refused there while whole files are sent."""
        return self._known.get(_scope_of(url)) is _RangeSupport.NO

    def may_refuse(self, url: str) -> bool:
        """Return whether a refusal may be about the ``Range``, as far as is known."""
        scope = _scope_of(url)
        return scope not in self._known and self._useless.get(scope, 0) < MAX_USELESS

    def note_honoured(self, url: str) -> None:
        """Record that a request with ``Range`` brought data."""
        self._known.setdefault(_scope_of(url), _RangeSupport.YES)

    def note_refused(self, url: str) -> None:
        """Record that only the request without ``Range`` brought data."""
        self._known[_scope_of(url)] = _RangeSupport.NO

    def note_useless(self, url: str) -> None:
        """Record that leaving out the ``Range`` did not help."""
        scope = _scope_of(url)
        self._useless[scope] = self._useless.get(scope, 0) + 1


def _scope_of(url: str) -> _Scope:
    target = read_target(url)
    first, slash, _ = target.path.partition("?")[0].lstrip("/").partition("/")
    return target.origin, first if slash else ""


class RequestLadder:
    """How the missing bytes of one file are requested at present.

    Args:
        range_support: Which hosts honour ranges, shared by all files.
        can_renew: Whether a refused URL may be replaced by a fresh one.
    """

    def __init__(self, range_support: HostRangeSupport, *, can_renew: bool) -> None:
        self.is_ranged = True
        self._is_conditional = True
        self._is_last_way = False
        """Whether the ``Range`` was left out because the host refused it with a status."""
        self._range_support = range_support
        self._can_renew = can_renew

    def next_request(self, url: str, resume_point: ResumePoint) -> RangeRequest:
        """Return the request for the first bytes that are missing."""
        self.is_ranged = self.is_ranged and not self._range_support.refuses(url)
        if not self.is_ranged:
            return RangeRequest(is_ranged=False)
        is_conditional = not resume_point.is_empty and self._is_conditional
        if_range = resume_point.validator.if_range if is_conditional else None
        return RangeRequest(resume_point.have_bytes, resume_point.gap_stop, if_range=if_range)

    def step_down(self, decision: RequestAgain, status: int) -> None:
        """Request in the way that a decision names, from now on."""
        # A 416 may be about any range, not about this one.
        self._is_last_way |= status == 416
        self.is_ranged = self.is_ranged and decision.is_ranged
        self._is_conditional = self._is_conditional and decision.is_conditional

    def omit_range(self) -> None:
        """Request the whole file only, from now on."""
        self.is_ranged = False

    def note_data(self, url: str, range_request: RangeRequest, resume_point: ResumePoint) -> bool:
        """Record that a request brought data, so that other files know about ranges.

        Returns: Whether this was the last way, and it helped.
        """
        if range_request.is_ranged:
            self._range_support.note_honoured(url)
            return False
        was_last_way, self._is_last_way = self._is_last_way, False
        if was_last_way and range_request.start == 0 and resume_point.is_empty:
            self._range_support.note_refused(url)
        return was_last_way

    def try_without_range(
        self, url: str, error: HttpStatusError, resume_point: ResumePoint, *, is_last_attempt: bool
    ) -> bool:
        """Leave out the ``Range`` once, if the host may refuse it and send the whole file.

        Args:
            url: Where the file was requested.
            error: How the host refused.
            resume_point: What is known about the file.
            is_last_attempt: Whether exactly one more attempt is left.
        Returns: Whether to request again.
        """
        if self._is_last_way:
            # It did not help. What is on disk may still be continued, if attempts are left.
            self._range_support.note_useless(url)
            self._is_last_way, self.is_ranged = False, True
            return False
        is_open = self.is_ranged and self._may_be_about_range(
            url, error, resume_point, is_last_attempt
        )
        if is_open:
            self.is_ranged, self._is_last_way = False, True
        return is_open

    def _may_be_about_range(
        self, url: str, error: HttpStatusError, resume_point: ResumePoint, is_last_attempt: bool
    ) -> bool:
        if resume_point.is_empty and not self._range_support.may_refuse(url):
            return False
        if error.status in PERMANENT:
            # If a service names URLs, or the host has honoured ranges, then the URL has expired
            # or the file is gone. That an earlier run left bytes says neither; they are kept if
            # this does not help.
            is_about_url = self._can_renew or not self._range_support.may_refuse(url)
            return not (error.url_refused and is_about_url)
        # What a busy host says is no reason to fetch again what is here.
        is_worth_it = resume_point.is_empty or error.status == 500
        return is_last_attempt and error.status in TRANSIENT and is_worth_it

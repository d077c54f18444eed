"""The ladder of ways to ask for the rest of a file, from the best to the plainest. Pure.

With ``Range`` and ``If-Range``, with ``Range`` alone, without. Each step down is taken once,
so asking comes to an end; see :mod:`asyncdl.transfer.range_responses`.

Which hosts refuse every request with a ``Range``, as far as this run has seen. Pure.

Some hosts answer 400, 403, 404, 405, 416 or 500 to a request with ``Range`` and give the
file to one without. So a file that is refused is asked for once without ``Range`` before
it is given up. Whether that was of use is remembered for the kind of path: a host whose
ranges work is not asked twice for each file that is not there.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import urlsplit

from msgspec import Struct

from asyncdl.errors import HttpStatusError
from asyncdl.transfer.range_responses import AskAgain, Known
from asyncdl.transfer.responses import Ask

MOST_ASKS = 6
"""Ways of asking within one try; the ladder has fewer steps."""


class RequestLadder:
    """How far down the ladder the host of one file has brought us.

    Args:
        habits: What hosts do with ranges, shared by all files.
        can_renew: Whether a refused URL may be replaced by a fresh one.
    """

    def __init__(self, habits: HostRangeSupport, *, can_renew: bool) -> None:
        self.is_ranged = True
        self._is_conditional = True
        self._is_last_way = False
        """Whether the ``Range`` was left out because the host refused it with a status."""
        self._habits = habits
        self._can_renew = can_renew

    def next_ask(self, url: str, known: Known) -> Ask:
        """Return the request for the first bytes that are missing."""
        self.is_ranged = self.is_ranged and not self._habits.refuses(url)
        if not self.is_ranged:
            return Ask(is_ranged=False)
        is_conditional = not known.is_empty and self._is_conditional
        if_range = known.validator.if_range if is_conditional else None
        return Ask(known.have, known.gap_stop, if_range=if_range)

    def step_down(self, verdict: AskAgain, status: int) -> None:
        """Ask in the way that a verdict names, from now on."""
        # A 416 is not about this range, perhaps, but about any.
        self._is_last_way |= status == 416
        self.is_ranged = self.is_ranged and verdict.is_ranged
        self._is_conditional = self._is_conditional and verdict.is_conditional

    def leave_out_range(self) -> None:
        """Ask for the whole file only, from now on."""
        self.is_ranged = False

    def note_data(self, url: str, ask: Ask, known: Known) -> bool:
        """Note that a request brought data, so that other files learn whether ranges are taken.

        Returns: Whether this was the last way, and of use.
        """
        if ask.is_ranged:
            self._habits.note_taken(url)
            return False
        was_last_way, self._is_last_way = self._is_last_way, False
        if was_last_way and ask.start == 0 and known.is_empty:
            self._habits.note_refused(url)
        return was_last_way

    def takes_last_way(
        self, url: str, error: HttpStatusError, known: Known, *, is_last_try: bool
    ) -> bool:
        """Leave out the ``Range`` once, where a host may refuse it and give the whole file.

        Args:
            url: Where the file was asked for.
            error: How the host refused.
            known: What is known of the file.
            is_last_try: Whether one more try is left, and only one.
        """
        if self._is_last_way:
            # It was of no use. What is on disk may still be continued, if there are tries left.
            self._habits.note_in_vain(url)
            self._is_last_way, self.is_ranged = False, True
            return False
        if not self.is_ranged or not self._may_be_about_range(url, error, known, is_last_try):
            return False
        self.is_ranged, self._is_last_way = False, True
        return True

    def _may_be_about_range(
        self, url: str, error: HttpStatusError, known: Known, is_last_try: bool
    ) -> bool:
        if known.is_empty and not self._habits.may_be_refused(url):
            return False
        if error.status in AT_ONCE:
            # Of what a service names, and of a host that has given ranges, a URL has expired or
            # the file is gone. What an earlier run left says neither; it is kept if this is in
            # vain.
            is_about_url = self._can_renew or not self._habits.may_be_refused(url)
            return not (error.url_refused and is_about_url)
        # What a busy host says is no reason to fetch anew what is here.
        return is_last_try and error.status in AT_LAST and (known.is_empty or error.status == 500)


AT_ONCE = frozenset({400, 403, 404, 405, 406, 409, 411, 413, 415, 416, 417, 422, 501, 505})
"""Statuses that stay as they are, and that hosts give to a ``Range`` alone."""
AT_LAST = frozenset({500, 502, 503, 504})
"""Those that may pass: the last try goes without ``Range``."""
MOST_IN_VAIN = 3
"""A kind of path whose files are refused in either way so often is not asked twice again."""


class _Habit(Enum):
    TAKES = "takes"
    REFUSES = "refuses"


class HostRangeSupport(Struct):
    """What hosts do with ranges, by kind of path."""

    _seen: dict[tuple[str, str], _Habit] = {}
    _in_vain: dict[tuple[str, str], int] = {}

    def refuses(self, url: str) -> bool:
        """Tell whether ranges are refused there while whole files are given."""
        return self._seen.get(_kind_of(url)) is _Habit.REFUSES

    def may_be_refused(self, url: str) -> bool:
        """Tell whether a refusal may be about the ``Range``, for all that is known."""
        kind = _kind_of(url)
        return kind not in self._seen and self._in_vain.get(kind, 0) < MOST_IN_VAIN

    def note_taken(self, url: str) -> None:
        """Note that a request with ``Range`` was answered with data."""
        self._seen.setdefault(_kind_of(url), _Habit.TAKES)

    def note_refused(self, url: str) -> None:
        """Note that only the request without ``Range`` was answered with data."""
        self._seen[_kind_of(url)] = _Habit.REFUSES

    def note_in_vain(self, url: str) -> None:
        """Note that leaving out the ``Range`` was of no use."""
        kind = _kind_of(url)
        self._in_vain[kind] = self._in_vain.get(kind, 0) + 1


def _kind_of(url: str) -> tuple[str, str]:
    """Return the host of a URL and the first segment of its path: what one program serves."""
    parts = urlsplit(url)
    first, slash, _ = parts.path.lstrip("/").partition("/")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", first if slash else ""

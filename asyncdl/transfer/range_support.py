"""Which hosts refuse every request with a ``Range``, as far as this run has seen. Pure.

Some hosts answer 400, 403, 404, 405, 416 or 500 to a request with ``Range`` and give the
file to one without. So a file that is refused is asked for once without ``Range`` before
it is given up. Whether that was of use is remembered for the kind of path: a host whose
ranges work is not asked twice for each file that is not there.
"""

from __future__ import annotations

from enum import Enum
from urllib.parse import urlsplit

from msgspec import Struct

AT_ONCE = frozenset({400, 403, 404, 405, 406, 409, 411, 413, 415, 416, 417, 422, 501, 505})
"""Statuses that stay as they are, and that hosts give to a ``Range`` alone."""
AT_LAST = frozenset({500, 502, 503, 504})
"""Those that may pass: the last try goes without ``Range``."""
MOST_IN_VAIN = 3
"""A kind of path whose files are refused in either way so often is not asked twice again."""


class _Habit(Enum):
    TAKES = "takes"
    REFUSES = "refuses"


class RangeHabits(Struct):
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

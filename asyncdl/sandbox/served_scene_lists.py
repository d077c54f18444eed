"""The account's scene lists on the service."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable

from asyncdl.sandbox.refusal import invalid

_DURATION = re.compile(
    r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?"
)
_SECONDS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3600, 60, 1)
"""Seconds of each part of a duration; months and years approximately."""
MAX_ITEMS = 50_000
"""Maximum number of items in one list."""


class ServedSceneLists:
    """Scene lists by name; each has entity ids by dataset, in the order they were added."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._lists: dict[str, dict[str, dict[str, None]]] = {}
        self._ends_s: dict[str, float] = {}
        self._now = now

    def __contains__(self, list_id: object) -> bool:
        return list_id in self._alive()

    def __len__(self) -> int:
        return len(self._alive())

    @property
    def names(self) -> list[str]:
        """Names of all lists."""
        return list(self._alive())

    def _alive(self) -> dict[str, dict[str, dict[str, None]]]:
        """Delete lists that have expired; return the others."""
        for list_id in [one for one, end_s in self._ends_s.items() if end_s <= self._now()]:
            del self._ends_s[list_id]
            self._lists.pop(list_id, None)
        return self._lists

    def expire_in(self, list_id: str, seconds: float) -> None:
        """Let a list expire in some seconds."""
        self._ends_s[list_id] = self._now() + seconds

    def timeout(self, list_id: str) -> int | None:
        """Return the seconds until a list expires; ``None`` if it does not."""
        end_s = self._ends_s.get(list_id)
        return None if end_s is None else max(0, round(end_s - self._now()))

    def add(self, list_id: str, dataset: str, entity_ids: Iterable[str]) -> int:
        """Add to a list, creating it if necessary; return the number of new items.

        Raises: Refusal, if the list would grow too long.
        """
        new = dict.fromkeys(entity_ids)
        members = self._alive().setdefault(list_id, {}).setdefault(dataset, {})
        before = len(members)
        if before + len(new.keys() - members.keys()) > MAX_ITEMS:
            raise invalid(f"A scene list holds {MAX_ITEMS} items at most")
        members.update(new)
        return len(members) - before

    def entries(self, list_id: str, dataset: str | None = None) -> list[tuple[str, str]]:
        """Return (dataset, entity id) of all items, or of one dataset's; empty if unknown."""
        return [
            (name, entity_id)
            for name, members in self._alive().get(list_id, {}).items()
            if dataset in (None, name)
            for entity_id in members
        ]

    def remove(self, list_id: str, dataset: str | None, entity_ids: Iterable[str]) -> None:
        """Remove some items, a dataset's part, or (without a dataset) the whole list."""
        unwanted = list(entity_ids)
        parts = self._alive().get(list_id, {})
        if dataset is None:
            self._lists.pop(list_id, None)
            self._ends_s.pop(list_id, None)
        elif not unwanted:
            parts.pop(dataset, None)
        else:
            for entity_id in unwanted:
                parts.get(dataset, {}).pop(entity_id, None)


def read_duration(text: str) -> int:
    """Return the seconds of an ISO 8601 duration such as ``P1M`` or ``PT30M``.

    Raises: Refusal, if it is not a duration.
    """
    found = _DURATION.fullmatch(text)
    parts = found.groups() if found else ()
    if not any(parts):
        raise invalid("The parameter timeToLive must be an ISO 8601 duration")
    return sum(int(part or 0) * length for part, length in zip(parts, _SECONDS, strict=True))

"""Scenes that share a display id: which of them had it first, and which are kept apart. Pure.

Of Landsat no two scenes do. Of film and pictures from planes some do, as their display
ids are names that people gave. The first one stays where all others go, in whatever run
the second one turns up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Namesakes:
    """Remembers which scene had a display id first.

    Args:
        first: Entity ids by display id, as earlier runs have it.
    """

    def __init__(self, first: Mapping[str, str] | None = None) -> None:
        self._first = dict(first or {})

    def take(self, scenes: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Take in a batch; return those of its scenes that did not have their display id first.

        Args:
            scenes: Display and entity ids; each pair as often as it likes.
        """
        named = {(display, entity) for display, entity in scenes if display and entity}
        for display, entity in sorted(named):  # the same whatever order the service lists them in
            self._first.setdefault(display, entity)
        return frozenset(pair for pair in named if self._first[pair[0]] != pair[1])

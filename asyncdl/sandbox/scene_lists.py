"""The scene lists that the account keeps on the service."""

from __future__ import annotations

from collections.abc import Iterable

from asyncdl.sandbox.refusal import invalid

MAX_ITEMS = 50_000
"""So many items fit into one list."""


class SceneLists:
    """Lists by name; each holds entity ids by dataset, in the order they were added."""

    def __init__(self) -> None:
        self._lists: dict[str, dict[str, dict[str, None]]] = {}

    def __contains__(self, list_id: object) -> bool:
        return list_id in self._lists

    def __len__(self) -> int:
        return len(self._lists)

    @property
    def names(self) -> list[str]:
        """Names of all lists."""
        return list(self._lists)

    def add(self, list_id: str, dataset: str, entity_ids: Iterable[str]) -> int:
        """Add to a list, which is made if need be; return how many were not in it yet.

        Raises: Refusal, if the list would grow too long.
        """
        new = dict.fromkeys(entity_ids)
        members = self._lists.setdefault(list_id, {}).setdefault(dataset, {})
        before = len(members)
        if before + len(new.keys() - members.keys()) > MAX_ITEMS:
            raise invalid(f"A scene list holds {MAX_ITEMS} items at most")
        members.update(new)
        return len(members) - before

    def entries(self, list_id: str, dataset: str | None = None) -> list[tuple[str, str]]:
        """Return (dataset, entity id) of all items, or of one dataset's; empty if unknown."""
        return [
            (name, entity_id)
            for name, members in self._lists.get(list_id, {}).items()
            if dataset in (None, name)
            for entity_id in members
        ]

    def remove(self, list_id: str, dataset: str | None, entity_ids: Iterable[str]) -> None:
        """Remove some items, a dataset's part, or (without a dataset) the whole list."""
        unwanted = list(entity_ids)
        parts = self._lists.get(list_id, {})
        if dataset is None:
            self._lists.pop(list_id, None)
        elif not unwanted:
            parts.pop(dataset, None)
        else:
            for entity_id in unwanted:
                parts.get(dataset, {}).pop(entity_id, None)

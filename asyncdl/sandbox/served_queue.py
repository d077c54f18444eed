"""The account's download queue: what was requested, and its state.

No clock and no network: states change only when a method is called.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

_FIRST_DOWNLOAD_ID = 784_781_600
"""Near the numbers the real service has reached."""
EARLIER_LABEL = "an-earlier-job"
"""Label of the downloads that the fault ``duplicates`` adds."""


class ServedState(StrEnum):
    """State of a download in the queue."""

    READY = "Available"
    PREPARING = "Queued"
    FAILED = "Failed"
    VANISHED = "Vanished"
    """No endpoint lists it any more."""


@dataclass(slots=True)
class Item:
    """One requested download. Small, as there may be very many."""

    download_id: int
    scene: int
    """Number of the scene in the catalogue."""
    file: int
    """Index of the file, or -1 for the bundle."""
    product: str
    """``productId`` it was requested with."""
    label: str
    state: ServedState = ServedState.READY
    polls: int = 0
    """Number of polls until it is ready; -1 is never."""
    by_dds: bool = False
    """Whether the older host delivers it."""
    is_proxied: bool = False
    """Whether another site delivers it, so that only the client knows when it is complete."""
    is_complete: bool = False
    """Whether the client has reported that it was fetched."""
    entered_s: float = field(default_factory=time.time)
    """When it was requested, seconds since 1970."""
    is_handed_out: bool = False
    """Whether ``download-retrieve`` has listed it as available once."""
    is_attempted: bool = False
    """Whether its URL was opened at least once."""
    is_fetched: bool = False
    """Whether it was sent to its end at least once."""

    @property
    def key(self) -> tuple[int, int, str]:
        """Identifies the download when it is requested again."""
        return self.scene, self.file, self.product

    @property
    def status(self) -> tuple[str, str]:
        """``statusCode`` and ``statusText``."""
        if self.state is not ServedState.READY:
            return self.state.value[0], self.state.value
        if self.is_complete:
            return "C", "Complete"
        if self.is_new:
            return "A", "Available"
        # D only means that its URL was returned once.
        return ("P", "Proxied") if self.is_proxied else ("D", "Downloading")

    @property
    def is_new(self) -> bool:
        """Whether ``download-retrieve`` has not listed it and its URL was not opened so far.

        A URL in the reply to ``download-request`` does not count: the next poll of the queue
        still lists the item as available.
        """
        return not self.is_handed_out and not self.is_attempted

    @property
    def is_listed(self) -> bool:
        """Whether ``download-retrieve`` lists it with a URL: ready, and not reported as fetched."""
        return self.state is ServedState.READY and not self.is_complete

    @property
    def is_done_with(self) -> bool:
        """Whether it was fetched, or reported as fetched."""
        return self.is_fetched or self.is_complete

    @property
    def is_active(self) -> bool:
        """Whether ``download-search`` lists it with ``activeOnly``."""
        return self.state in (ServedState.READY, ServedState.PREPARING) and self.status[0] not in (
            "C",
            "P",
        )

    @property
    def is_unreported(self) -> bool:
        """Whether it was fetched and the client has not reported it yet."""
        return self.is_proxied and self.is_fetched and not self.is_complete


class ServedQueue:
    """All downloads that the account has requested and not removed."""

    def __init__(self) -> None:
        self._by_id: dict[int, Item] = {}
        self._by_key: dict[tuple[int, int, str], list[Item]] = {}
        self._next_id = _FIRST_DOWNLOAD_ID
        self._recent: deque[tuple[float, int]] = deque()

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._by_id.values())

    def get(self, download_id: int) -> Item | None:
        """Return the download of an id."""
        return self._by_id.get(download_id)

    def find(self, scene: int, file: int, product: str) -> Sequence[Item]:
        """Return the downloads requested for the same file and product, oldest first."""
        return self._by_key.get((scene, file, product), ())

    def add(self, scene: int, file: int, product: str, label: str) -> Item:
        """Add a new download; it is ready unless its state is changed."""
        self._next_id += 1
        item = Item(self._next_id, scene, file, product, label)
        self._by_id[item.download_id] = item
        self._by_key.setdefault(item.key, []).append(item)
        return item

    def remove(self, item: Item) -> None:
        """Remove a download."""
        del self._by_id[item.download_id]
        entries = self._by_key[item.key]
        entries.remove(item)
        if not entries:
            del self._by_key[item.key]

    def labelled(self, label: str | None) -> list[Item]:
        """Return the downloads with a label, or all."""
        return [item for item in self if label is None or item.label == label]

    def poll(self, items: list[Item]) -> None:
        """Advance the preparation of some downloads by one step."""
        for item in items:
            if item.state is ServedState.PREPARING and item.polls > 0:
                item.polls -= 1
                if item.polls == 0:
                    item.state = ServedState.READY

    @property
    def preparing(self) -> int:
        """Number of downloads in preparation."""
        return sum(1 for item in self if item.state is ServedState.PREPARING)

    @property
    def unattempted(self) -> int:
        """Number of downloads that are ready and were never opened."""
        return sum(1 for item in self if item.state is ServedState.READY and not item.is_attempted)

    def count_recent(self, now: float, window_s: float) -> int:
        """Return how many were added during the last ``window_s`` seconds."""
        while self._recent and self._recent[0][0] <= now - window_s:
            self._recent.popleft()
        return sum(count for _, count in self._recent)

    def record_recent(self, now: float, count: int) -> None:
        """Count ``count`` new downloads against the window."""
        if count:
            self._recent.append((now, count))

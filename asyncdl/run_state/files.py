"""How many files are wanted, which the service is still preparing, and how they ended."""

from __future__ import annotations

from collections.abc import Iterable

from asyncdl.events import FileFinished, FilesPreparing, FileState, FilesWanted

THERE = (FileState.DOWNLOADED, FileState.SKIPPED)
MISSING = (FileState.FAILED, FileState.UNRESOLVED)


def key_of(event: FileFinished) -> str:
    """Return the name by which the transfer events know a file."""
    return event.key or event.file


class FileCounts:
    """Numbers of files by their ending, and their sizes.

    Args:
        kinds: Product kinds, in the order in which they are shown.
    """

    def __init__(self, kinds: Iterable[str] = ()) -> None:
        self.wanted = 0
        """Known to be wanted so far; a file with two destinations counts twice."""
        self.wanted_bytes = 0
        """Of those whose size is known or estimated."""
        self.finished = 0
        """Files that have reached their final state."""
        self.there_bytes = 0
        """Sizes of the files that are there."""
        self.states = _none()
        self.by_kind = {kind: _none() for kind in kinds}
        self._estimates: dict[str, int] = {}
        """What counts as wanted for files whose size is not known yet, by key."""

    def want(self, event: FilesWanted, now_s: float) -> None:
        """Count files that are wanted."""
        self.wanted += event.count
        self.wanted_bytes += event.size_bytes or 0
        self._estimates |= event.estimates

    def finish(self, event: FileFinished) -> None:
        """Count the ending of a file."""
        self.finished += 1
        self.states[event.state] += 1
        kind = self.by_kind.get(event.kind)
        if kind is None:
            kind = self.by_kind[event.kind] = _none()
        kind[event.state] += 1
        if event.state in THERE:
            self.learn_size(key_of(event), event.size_bytes)
            self.there_bytes += event.size_bytes or 0

    def learn_size(self, key: str, size_bytes: int | None) -> None:
        """Put a file's size in the place of its estimate."""
        if size_bytes is not None and key in self._estimates:
            self.wanted_bytes += size_bytes - self._estimates.pop(key)

    @property
    def total(self) -> int:
        """Wanted files, or the finished ones where they were not announced."""
        return max(self.wanted, self.finished)

    @property
    def missing(self) -> int:
        """Files that failed or were never offered."""
        return sum(self.states[state] for state in MISSING)


def _none() -> dict[FileState, int]:
    return dict.fromkeys(FileState, 0)


class Preparation:
    """Files that the service has to make before they can be fetched."""

    def __init__(self) -> None:
        self.count = 0
        """In preparation now."""
        self.oldest = ""
        """The file that has been in preparation longest; empty where only its id is known."""
        self.since_s = 0.0
        """When that was requested."""
        self.next_poll_s = 0.0
        """When the service's queue is polled next."""
        self.prepared = 0
        """Files that left preparation in this run."""
        self._busy_s = 0.0
        """For how long something was in preparation, up to the last event."""
        self._last_s = 0.0

    def note(self, event: FilesPreparing, now_s: float) -> None:
        """Note what is in preparation now."""
        if self.count:
            self._busy_s += now_s - self._last_s
        self._last_s = now_s
        self.prepared += max(0, self.count - event.count)
        self.count, self.oldest = event.count, event.oldest
        self.since_s = now_s - event.longest_s
        self.next_poll_s = now_s + event.next_look_s

    def remaining_s(self, now_s: float) -> float | None:
        """Return how long the remaining files take at the pace so far.

        Returns: Seconds, 0 when nothing is in preparation; ``None`` as long as nothing has been
            prepared.
        """
        if not self.count:
            return 0.0
        if not self.prepared:
            return None
        waited_s = now_s - self._last_s
        per_file_s = self._busy_s / self.prepared
        return max(0.0, self.count * per_file_s - waited_s)

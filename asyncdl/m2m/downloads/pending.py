"""The files that the service still prepares, each until it has its one ending.

No I/O: replies go in, endings come out.

What the service is known to do, and what is done about it (API notes §5.4 to §5.6):

- Items move from ``available`` to ``requested`` once handed out: both count.
- Items asked for earlier stand under the label of that time: each label is polled.
- Items that fail vanish from both lists: ``download-search`` knows what became
  of them, and one new request under the same label brings a lost one back.
- An item may never be ready: the deadline ends it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from asyncdl.events import FileState
from asyncdl.m2m.downloads.matching import FileIndex, Matched, match_reply
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import DownloadEntry, DownloadRequestReply, DownloadRetrieveReply

MISSED_POLLS = 3
"""An id that this many polls in a row do not mention is looked for with ``download-search``."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that can be fetched now."""

    wanted: WantedFile
    download_id: int
    label: str
    """The label it stands under, which may be that of an earlier request."""
    url: str = field(repr=False)
    eula_code: str = ""
    """The licence agreement it comes under; empty for none."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A file that the service will not give, or not in time."""

    wanted: WantedFile
    state: FileState
    """``FAILED`` when the service said so, ``UNRESOLVED`` when it said nothing in time."""
    reason: str
    detail: str
    remedy: str


Resolution: TypeAlias = Ready | GivenUp


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one ``download-request`` left open."""

    label: str
    items: Mapping[int, WantedFile]
    """Files in preparation by download id; they stand under ``label``."""
    duplicates: Mapping[int, str] = field(default_factory=dict)
    """Ids of unknown files, each with the label it stands under."""
    candidates: tuple[WantedFile, ...] = ()
    """Files that were asked for and not mentioned; ``duplicates`` are among them."""
    is_due: bool = False
    """Whether it may be ready by now, since it was asked for long ago."""


@dataclass(slots=True)
class _Pending:
    wanted: WantedFile
    label: str
    since: float
    status: str = "preparing"
    missed: int = 0
    """Polls in a row that did not mention it."""
    is_lost: bool = False
    """Whether it has to be asked for again."""
    was_lost: bool = False
    """Whether it was asked for again before; a second time would not help."""


class _Unknown:
    """Ids of which only the label is known, and the files they may stand for."""

    def __init__(
        self, labels: Mapping[int, str], candidates: Sequence[WantedFile], since: float
    ) -> None:
        self.labels = dict(labels)
        self.since = since
        self.missed = 0
        self._unclear: Counter[int] = Counter()
        self._index = FileIndex(candidates)
        self._left = {_key(wanted): wanted for wanted in candidates}

    def __len__(self) -> int:
        return len(self._left)

    @property
    def left(self) -> list[WantedFile]:
        """The files for which no id is known yet."""
        return list(self._left.values())

    def may_be_told_later(self, download_id: int) -> bool:
        """Note that an entry named no file of these, and tell whether to look at it again."""
        self._unclear[download_id] += 1
        return self._unclear[download_id] < MISSED_POLLS

    def take(self, entry: DownloadEntry) -> WantedFile | None:
        """Return the file that an entry is about and take it out, if it is one of these."""
        wanted = self._index.match_entry(entry)
        return self._left.pop(_key(wanted), None) if wanted else None


def _key(wanted: WantedFile) -> tuple[str, str]:
    return wanted.entity_id, wanted.product_id


class PendingBook:
    """Everything that has no ending yet. No I/O: replies in, endings out.

    Every file that is added comes out exactly once, whatever the replies say:
    at the latest when :meth:`expire` is called after its deadline.

    Args:
        deadline_s: Seconds from :meth:`add` after which :meth:`expire` gives a file up.
        clock: Monotonic seconds.
    """

    def __init__(self, *, deadline_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._deadline_s = deadline_s
        self._clock = clock
        self._pending: dict[int, _Pending] = {}
        self._unknown: list[_Unknown] = []

    def __len__(self) -> int:
        """Return the number of files without an ending."""
        return len(self._pending) + sum(map(len, self._unknown))

    @property
    def has_duplicates(self) -> bool:
        """Whether ids are open of which only the label is known."""
        return bool(self._unknown)

    def oldest(self) -> tuple[str, float]:
        """Return which file is open for longest, and for how many seconds.

        The name is empty where only the id is known, and when nothing is open.
        """
        starts = [(group.since, "") for group in self._unknown]
        starts += [(pending.since, pending.wanted.file_name) for pending in self._pending.values()]
        since, name = min(starts, default=(self._clock(), ""))
        return name, self._clock() - since

    def add(self, waiting: Waiting) -> None:
        """Take in what a request left open."""
        now = self._clock()
        candidates = list(waiting.candidates)
        for download_id, wanted in waiting.items.items():
            if download_id in self._pending:
                # The id is another file's, so nothing tells this one's.
                candidates.append(wanted)
            else:
                self._pending[download_id] = _Pending(wanted, waiting.label, now)
        if candidates:
            self._unknown.append(_Unknown(waiting.duplicates, candidates, now))

    def labels(self) -> list[str]:
        """Return every label that something open stands under, each once."""
        labels = dict.fromkeys(pending.label for pending in self._pending.values())
        for group in self._unknown:
            labels.update(dict.fromkeys(group.labels.values()))
        return list(labels)

    def until_deadline_s(self) -> float:
        """Return the seconds until the next file has to be given up; 0 when one is due."""
        starts = [pending.since for pending in self._pending.values()]
        starts += [group.since for group in self._unknown]
        if not starts:
            return self._deadline_s
        return max(0.0, min(starts) + self._deadline_s - self._clock())

    def postpone(self, seconds: float) -> None:
        """Put off all deadlines."""
        for pending in self._pending.values():
            pending.since += seconds
        for group in self._unknown:
            group.since += seconds

    def _is_late(self, since: float) -> bool:
        # Calculated like ``until_deadline_s``, so that both agree to the last bit.
        return since + self._deadline_s <= self._clock()

    # -- replies in, endings out ----------------------------------------------

    def absorb(self, label: str, reply: DownloadRetrieveReply) -> list[Resolution]:
        """Take in a ``download-retrieve`` reply; return what it settles."""
        resolved: list[Resolution] = []
        seen: set[int] = set()
        for entry in reply.entries:
            seen.add(entry.download_id)
            resolved += self._absorb_entry(entry)
        for download_id, pending in self._pending.items():
            if pending.label == label:
                pending.missed = 0 if download_id in seen else pending.missed + 1
        for group in self._unknown:
            if label in group.labels.values():
                group.missed += 1
        return resolved + self._close_groups()

    def has_lost(self, label: str, reply: DownloadRetrieveReply) -> bool:
        """Tell whether something under ``label`` went unmentioned for good reason to ask why."""
        # A queue that is not empty may still hold what is missing, for a while.
        patience = MISSED_POLLS if reply.queue_size else 1
        return any(
            pending.label == label and pending.missed >= patience
            for pending in self._pending.values()
        ) or any(
            label in group.labels.values() and group.missed >= patience for group in self._unknown
        )

    def absorb_search(self, label: str, entries: Iterable[DownloadEntry]) -> list[Resolution]:
        """Take in a ``download-search`` reply: what became of the ids that vanished."""
        found = {entry.download_id: entry for entry in entries}
        for group in self._unknown:
            for download_id in [i for i, of in group.labels.items() if of == label]:
                self._identify(group, download_id, found.get(download_id))
        resolved = self._close_groups()
        missed = [i for i, p in self._pending.items() if p.label == label and p.missed]
        for download_id in missed:
            resolved += self._settle_missed(download_id, found.get(download_id))
        return resolved

    def lost_under(self, label: str) -> list[WantedFile]:
        """Return the files under ``label`` that have to be asked for again."""
        return [pending.wanted for _, pending in self._lost(label)]

    def absorb_request(
        self, label: str, asked: Sequence[WantedFile], reply: DownloadRequestReply
    ) -> list[Resolution]:
        """Take in the reply to a request for what was lost under ``label``."""
        lost = dict(self._lost(label))
        again = {_key(pending.wanted): pending for pending in lost.values()}
        for download_id in lost:
            del self._pending[download_id]
        matched = match_reply(asked, reply)
        unnamed = self._wait_again(lost, matched)
        resolved: list[Resolution] = [
            Ready(found.file, found.download_id, label, found.url, found.eula_code)
            for found in matched.available
        ]
        gone = [wanted for wanted in matched.unaccounted if _key(wanted) not in unnamed]
        for preparing in matched.preparing:
            if preparing.download_id in self._pending:
                gone.append(preparing.file)
            else:
                self._wait_on(preparing.download_id, again[_key(preparing.file)])
        resolved += [
            _failed(refused.file, "refused", refused.message) for refused in matched.failed
        ]
        resolved += [
            _failed(wanted, "vanished", "the service no longer lists it and gives no new URL")
            for wanted in gone
        ]
        return resolved

    def _wait_again(self, lost: Mapping[int, _Pending], matched: Matched) -> set[tuple[str, str]]:
        """Wait on what was accepted under the id it had, though the reply does not name it."""
        open_keys = {_key(wanted) for wanted in matched.unaccounted}
        accepted = {i: lost[i] for i in matched.unmatched if i in lost}
        waiting = {i: p for i, p in accepted.items() if _key(p.wanted) in open_keys}
        for download_id, pending in waiting.items():
            self._wait_on(download_id, pending)
        return {_key(pending.wanted) for pending in waiting.values()}

    def _wait_on(self, download_id: int, pending: _Pending) -> None:
        pending.missed, pending.is_lost, pending.was_lost = 0, False, True
        self._pending[download_id] = pending

    def expire(self) -> list[Resolution]:
        """Give up what is past its deadline."""
        late = [i for i, pending in self._pending.items() if self._is_late(pending.since)]
        resolved = [self._unresolved(p.wanted, p.status) for p in map(self._pending.pop, late)]
        for group in self._unknown:
            if self._is_late(group.since):
                resolved += [self._unresolved(w, "asked for earlier") for w in group.left]
        self._unknown = [group for group in self._unknown if not self._is_late(group.since)]
        return resolved

    # -- single entries -------------------------------------------------------

    def _absorb_entry(self, entry: DownloadEntry) -> list[Resolution]:
        for group in self._unknown:
            if entry.download_id in group.labels:
                self._identify(group, entry.download_id, entry)
        pending = self._pending.get(entry.download_id)
        if pending is None:
            return []
        pending.status = _status_of(entry, pending)
        if entry.is_ready and entry.url:
            del self._pending[entry.download_id]
            code = entry.eula_code or ""
            return [Ready(pending.wanted, entry.download_id, pending.label, entry.url, code)]
        return self._fail(entry.download_id) if entry.is_final else []

    def _identify(self, group: _Unknown, download_id: int, entry: DownloadEntry | None) -> None:
        """Find out which candidate an id stands for; then it is pending like any other."""
        wanted = group.take(entry) if entry and download_id not in self._pending else None
        if wanted is None and entry and group.may_be_told_later(download_id):
            return
        label = group.labels.pop(download_id)
        if wanted is not None:
            self._pending[download_id] = _Pending(wanted, label, group.since, missed=1)

    def _close_groups(self) -> list[Resolution]:
        """End the groups whose ids are all known: what is left was not accepted."""
        closed = [group for group in self._unknown if not group.labels]
        self._unknown = [group for group in self._unknown if group.labels and len(group)]
        return [
            _failed(wanted, "not-accepted", "the service did not accept the request for it")
            for group in closed
            for wanted in group.left
        ]

    def _settle_missed(self, download_id: int, entry: DownloadEntry | None) -> list[Resolution]:
        pending = self._pending[download_id]
        if entry is not None:
            pending.status = _status_of(entry, pending)
            if entry.is_waiting:
                return []
            if entry.is_final:
                return self._fail(download_id)
        if pending.was_lost:
            del self._pending[download_id]
            return [_failed(pending.wanted, "vanished", f"last state: {pending.status}")]
        # It was handed out, proxied or cleared: the same request under the same
        # label brings it back (API notes §5.4), once.
        pending.is_lost = True
        return []

    def _lost(self, label: str) -> list[tuple[int, _Pending]]:
        return [(i, p) for i, p in self._pending.items() if p.is_lost and p.label == label]

    def _fail(self, download_id: int) -> list[Resolution]:
        pending = self._pending.pop(download_id)
        detail = f"the service says {pending.status}"
        return [_failed(pending.wanted, "service-failed", detail)]

    def _unresolved(self, wanted: WantedFile, status: str) -> Resolution:
        return GivenUp(
            wanted,
            FileState.UNRESOLVED,
            "deadline",
            f"still not ready after {self._deadline_s:g} s; the service last said: {status}",
            "Run the same command again later: it asks for the same file under the same label.",
        )


def _status_of(entry: DownloadEntry, pending: _Pending) -> str:
    return entry.status_text or entry.status_code or pending.status


def _failed(wanted: WantedFile, reason: str, detail: str) -> GivenUp:
    return GivenUp(
        wanted,
        FileState.FAILED,
        reason,
        detail,
        "Run the same command again later; if it fails again, ask USGS (custserv@usgs.gov).",
    )

"""The files that the service still prepares, each until it is resolved. No I/O.

What the service is known to do, and what is done about it (API notes §5.4 to §5.6):

- Items move from ``available`` to ``requested`` once their URL was given: both count.
- Items that another job has in the queue are under that job's label: each label is polled.
- Items that fail disappear from both lists: ``download-search`` says what became of them.
- Items disappear for good when the job whose label they are under removes its order; jobs of
  one account do not know of each other. A new request under the job's own label gives a new
  id, or that of a third job. This may happen repeatedly, so it ends only when the service
  gives an id that it has listed nowhere, or after :data:`MAX_REREQUESTS` requests.
- An item that was fetched and reported as complete, perhaps by another job that shared this
  one's order, is in no poll any more, and its label gives the old id forever. The response to
  a repeated request has its URL, without a name in early ones; if it has none, the job's own
  entry has to be removed before the next request.
- An item may have moved to another label: if the same id is lost twice, the whole queue of
  the account is searched for it.
- An item may never be ready: the deadline ends the wait.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from asyncdl.events import FileState
from asyncdl.m2m.downloads.matching import (
    AvailableFile,
    FileIndex,
    Matched,
    PreparingFile,
    UnmatchedLink,
    match_reply,
)
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import DownloadEntry, DownloadRequestReply, DownloadRetrieveReply

MISSED_POLLS = 3
"""An id that this many polls in a row do not mention is looked for with ``download-search``."""

MAX_REREQUESTS = 20
"""Limit of repeated requests for one file. Each of them needs another job of the account to remove
its order between two calls: of 50 jobs that wanted the same scenes, eight at a time, none repeated
a request more than five times."""

REMEDY = "Run the same command again later; if it fails again, ask USGS (custserv@usgs.gov)."
OTHERS_REMEDY = (
    "Run the same command again when other jobs of the account that want this file have ended."
)


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that can be fetched now."""

    wanted: WantedFile
    download_id: int
    label: str
    """The label it is under, which may be that of an earlier request."""
    url: str = field(repr=False)
    eula_code: str = ""
    """The licence agreement it comes under; empty for none."""


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """A file that the service does not deliver, or not in time."""

    wanted: WantedFile
    state: FileState
    """``FAILED`` if the service said so, ``UNRESOLVED`` if it said nothing in time."""
    reason: str
    detail: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Reissued:
    """A file that had disappeared and is prepared again, with another id; not resolved yet."""

    wanted: WantedFile
    download_id: int
    label: str


Resolution: TypeAlias = Ready | Undeliverable
DownloadUpdate: TypeAlias = Resolution | Reissued


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one ``download-request`` left unresolved."""

    label: str
    items: Mapping[int, WantedFile]
    """Files in preparation by download id; they are under ``label``."""
    duplicates: Mapping[int, str] = field(default_factory=dict)
    """Ids of unknown files, each with its label."""
    candidates: tuple[WantedFile, ...] = ()
    """Files that were requested and not mentioned; ``duplicates`` are ids of some of them."""
    is_due: bool = False
    """Whether it may be ready by now, since it was requested long ago."""
    links: Mapping[int, UnmatchedLink] = field(default_factory=dict)
    """URLs of some of the ``duplicates``, to be used once their files are known."""

    @property
    def labels(self) -> set[str]:
        """The labels of its files."""
        own = {self.label} if self.items else set()
        return own | set(self.duplicates.values())


def waiting_of(matched: Matched, label: str) -> Waiting:
    """Return what a response leaves unresolved: in preparation, or known by its id only.

    Files are candidates only if there are ids that may be theirs.
    """
    unknown = {**matched.duplicates, **dict.fromkeys(matched.unmatched, label)}
    items = {preparing.download_id: preparing.file for preparing in matched.preparing}
    candidates = matched.unaccounted if unknown else ()
    return Waiting(label, items, unknown, candidates, links=matched.links)


@dataclass(slots=True)
class _Pending:
    wanted: WantedFile
    label: str
    since: float
    status: str = "preparing"
    missed: int = 0
    """Polls in a row that did not mention it."""
    may_have_moved: bool = False
    """Whether it may be under another label than the one that is polled for it."""
    is_withheld: bool = False
    """Whether a search found it under its label, though polls do not list it."""
    link: UnmatchedLink | None = None
    """The URL that the request gave before the file was known."""


class _Unknown:
    """Ids of which only the label is known, and the files that they may be."""

    def __init__(
        self,
        labels: Mapping[int, str],
        candidates: Sequence[WantedFile],
        since: float,
        links: Mapping[int, UnmatchedLink],
    ) -> None:
        self.labels = dict(labels)
        self.since = since
        self.links = links
        self.missed = 0
        self.former_ids: set[int] = set()
        """Ids that were known, and that the service no longer lists."""
        self.may_have_moved = False
        """Whether these may be under other labels than those that are polled for them."""
        self._unclear: Counter[int] = Counter()
        self._index = FileIndex(candidates)
        self._left = {_key(wanted): wanted for wanted in candidates}

    def __len__(self) -> int:
        return len(self._left)

    @property
    def left(self) -> list[WantedFile]:
        """The files for which no id is known yet."""
        return list(self._left.values())

    def may_match_later(self, download_id: int) -> bool:
        """Note that an entry matched none of these files; return whether to try it again."""
        self._unclear[download_id] += 1
        return self._unclear[download_id] < MISSED_POLLS

    def take(self, entry: DownloadEntry) -> WantedFile | None:
        """Return and remove the file that an entry is about, if it is one of these."""
        wanted = self._index.match_entry(entry)
        return self._left.pop(_key(wanted), None) if wanted else None


@dataclass(frozen=True, slots=True)
class _Lost:
    """A file that has to be requested again."""

    wanted: WantedFile
    label: str
    """For the request; nearly always the job's own."""
    since: float
    due: float
    """When it may be requested."""
    former_ids: frozenset[int]
    """The last id that it had, or may have had."""


@dataclass(frozen=True, slots=True)
class _RequestHistory:
    """Earlier requests for one file."""

    rerequests: int = 0
    """How often it was requested again."""
    former_ids: frozenset[int] = frozenset()
    """Ids it had, or may have had."""
    unlisted: frozenset[int] = frozenset()
    """Those of them that a search of the whole queue did not find."""


def _key(wanted: WantedFile) -> tuple[str, str]:
    return wanted.entity_id, wanted.product_id


class PendingDownloads:
    """All files that are not resolved yet: responses go in, resolutions come out.

    Every file that is added is resolved exactly once, whatever the responses say:
    at the latest when :meth:`expire` is called after its deadline.

    Args:
        label: The job's own, under which lost files are requested again.
        deadline_s: Seconds from :meth:`add` after which :meth:`expire` resolves a file.
        interval_s: Seconds between two requests for the same lost file, at least.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        label: str,
        *,
        deadline_s: float,
        interval_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._label = label
        self._deadline_s = deadline_s
        self._interval_s = interval_s
        self._clock = clock
        self._pending: dict[int, _Pending] = {}
        self._unknown: list[_Unknown] = []
        self._lost: dict[tuple[str, str], _Lost] = {}
        self._history: dict[tuple[str, str], _RequestHistory] = {}
        self._spent: set[int] = set()

    def __len__(self) -> int:
        """Return the number of unresolved files."""
        return len(self._pending) + sum(map(len, self._unknown)) + len(self._lost)

    def _starts(self) -> list[tuple[float, str]]:
        starts = [(group.since, "") for group in self._unknown]
        starts += [(pending.since, pending.wanted.file_name) for pending in self._pending.values()]
        return starts + [(lost.since, lost.wanted.file_name) for lost in self._lost.values()]

    def oldest(self) -> tuple[str, float]:
        """Return the name of the file that has waited longest, and its wait in seconds.

        The name is empty if only the id is known, and when no file is pending.
        """
        since, name = min(self._starts(), default=(self._clock(), ""))
        return name, self._clock() - since

    def add(self, waiting: Waiting) -> None:
        """Add what a request left unresolved."""
        self._add(waiting, self._clock())

    def _add(self, waiting: Waiting, since: float) -> None:
        candidates = list(waiting.candidates)
        for download_id, wanted in waiting.items.items():
            if download_id in self._pending:
                # The id is another file's, so this one's is unknown.
                candidates.append(wanted)
            else:
                self._pending[download_id] = _Pending(wanted, waiting.label, since)
        if candidates:
            group = _Unknown(waiting.duplicates, candidates, since, waiting.links)
            self._unknown.append(group)

    def labels(self) -> list[str]:
        """Return the labels of all pending files, each once."""
        labels = dict.fromkeys(pending.label for pending in self._pending.values())
        for group in self._unknown:
            labels.update(dict.fromkeys(group.labels.values()))
        return list(labels)

    def until_deadline_s(self) -> float:
        """Return the seconds until the next deadline; 0 if one has passed."""
        starts = self._starts()
        if not starts:
            return self._deadline_s
        return max(0.0, min(starts)[0] + self._deadline_s - self._clock())

    def postpone(self, seconds: float) -> None:
        """Move all deadlines."""
        for pending in self._pending.values():
            pending.since += seconds
        for group in self._unknown:
            group.since += seconds
        for key, lost in self._lost.items():
            self._lost[key] = replace(lost, since=lost.since + seconds)

    def _is_late(self, since: float) -> bool:
        # The same calculation as ``until_deadline_s``, so that both agree exactly.
        return since + self._deadline_s <= self._clock()

    # -- responses in, resolutions out ----------------------------------------------

    def apply_poll(self, label: str, reply: DownloadRetrieveReply) -> list[Resolution]:
        """Apply a ``download-retrieve`` response; return what it resolves."""
        resolved: list[Resolution] = []
        seen: set[int] = set()
        for entry in reply.entries:
            seen.add(entry.download_id)
            resolved += self._apply_entry(entry)
        for download_id, pending in self._pending.items():
            if pending.label == label:
                pending.missed = 0 if download_id in seen else pending.missed + 1
        for group in self._unknown:
            if label in group.labels.values():
                group.missed += 1
        return resolved + self._close_groups()

    def has_lost(self, label: str, reply: DownloadRetrieveReply) -> bool:
        """Return whether files under ``label`` were missing long enough to search for them."""
        # In a queue that is not empty a file may be missing for a while.
        polls = MISSED_POLLS if reply.queue_size else 1
        return any(
            pending.label == label and pending.missed >= polls for pending in self._pending.values()
        ) or any(
            label in group.labels.values() and group.missed >= polls for group in self._unknown
        )

    def apply_search(self, label: str, entries: Iterable[DownloadEntry]) -> list[Resolution]:
        """Apply a ``download-search`` response: what became of ids that disappeared."""
        found = {entry.download_id: entry for entry in entries}
        for group in self._unknown:
            for download_id in [i for i, of in group.labels.items() if of == label]:
                self._identify(group, download_id, found.get(download_id))
        resolved = self._close_groups()
        missed = [i for i, p in self._pending.items() if p.label == label and p.missed]
        for download_id in missed:
            resolved += self._resolve_missed(download_id, found.get(download_id))
        return resolved

    @property
    def has_moved(self) -> bool:
        """Whether files may be under a label that is not known."""
        return any(pending.may_have_moved for pending in self._pending.values()) or any(
            group.may_have_moved for group in self._unknown
        )

    def apply_full_search(self, entries: Iterable[DownloadEntry]) -> list[Resolution]:
        """Apply a ``download-search`` response about all labels; resolves files that have moved."""
        found = {entry.download_id: entry for entry in entries}
        resolved: list[Resolution] = []
        for download_id in [i for i, pending in self._pending.items() if pending.may_have_moved]:
            resolved += self._resolve_moved(download_id, found.get(download_id))
        for group in [group for group in self._unknown if group.may_have_moved]:
            resolved += self._resolve_moved_group(group, found)
        return resolved

    def expire(self) -> list[Resolution]:
        """Resolve files that are past their deadline."""
        late = [i for i, pending in self._pending.items() if self._is_late(pending.since)]
        resolved = [self._unresolved(p.wanted, p.status) for p in map(self._pending.pop, late)]
        for group in self._unknown:
            if self._is_late(group.since):
                resolved += [self._unresolved(w, "requested earlier") for w in group.left]
        self._unknown = [group for group in self._unknown if not self._is_late(group.since)]
        expired = [key for key, lost in self._lost.items() if self._is_late(lost.since)]
        for lost in map(self._lost.pop, expired):
            resolved.append(self._unresolved(lost.wanted, "no longer listed"))
        return resolved

    # -- requesting again -----------------------------------------------------------

    def until_request_s(self) -> float:
        """Return the seconds until a lost file may be requested again; infinite for none."""
        due = min((lost.due for lost in self._lost.values()), default=float("inf"))
        return max(0.0, due - self._clock())

    def to_request(self) -> dict[str, list[WantedFile]]:
        """Return the files to be requested again now, by the label to use."""
        now = self._clock()
        files: dict[str, list[WantedFile]] = {}
        for lost in self._lost.values():
            if lost.due <= now:
                files.setdefault(lost.label, []).append(lost.wanted)
        return files

    def to_remove(self) -> list[int]:
        """Return the job's own entries to remove before :meth:`to_request` helps, each once."""
        spent, self._spent = sorted(self._spent), set()
        return spent

    def defer(self, requested: Iterable[WantedFile]) -> None:
        """Note that some files could not be requested now, for lack of quota."""
        due = self._clock() + self._interval_s
        for key in map(_key, requested):
            self._lost[key] = replace(self._lost[key], due=due)

    def apply_request(
        self, label: str, requested: Sequence[WantedFile], reply: DownloadRequestReply
    ) -> list[DownloadUpdate]:
        """Apply the response to a request for files of :meth:`to_request`."""
        lost = [self._lost.pop(_key(wanted)) for wanted in requested]
        since = min(each.since for each in lost)
        matched = _with_old_ids(match_reply(requested, reply), lost)
        waiting = waiting_of(matched, label)
        self._add(waiting, since)
        updates: list[DownloadUpdate] = [
            Ready(found.file, found.download_id, label, found.url, found.eula_code)
            for found in matched.available
        ]
        updates += [Reissued(file, number, label) for number, file in waiting.items.items()]
        updates += [_failed(refused.file, "refused", refused.message) for refused in matched.failed]
        if not waiting.candidates:
            detail = "the service no longer lists it and gives no new URL"
            updates += [_failed(wanted, "vanished", detail) for wanted in matched.unaccounted]
        return updates

    def _mark_lost(
        self,
        wanted: WantedFile,
        former_ids: Iterable[int],
        since: float,
        *,
        label: str = "",
        unlisted: Iterable[int] = (),
    ) -> list[Resolution]:
        """Have a file requested again, unless that was done often enough."""
        past = self._history_of(wanted)
        if past.rerequests >= MAX_REREQUESTS:
            detail = f"it was requested again {past.rerequests} times, and disappeared each time"
            return [_failed(wanted, "vanished", detail, OTHERS_REMEDY)]
        # The first time at once; later with pauses, as other jobs may want the same file.
        due = self._clock() + (self._interval_s if past.rerequests else 0.0)
        self._history[_key(wanted)] = _RequestHistory(
            past.rerequests + 1, past.former_ids.union(former_ids), past.unlisted.union(unlisted)
        )
        self._lost[_key(wanted)] = _Lost(
            wanted, label or self._label, since, due, frozenset(former_ids)
        )
        return []

    def _mark_lost_unlisted(
        self, wanted: WantedFile, ids: Iterable[int], since: float, detail: str
    ) -> list[Resolution]:
        """Resolve a file whose ids are listed nowhere, unless that is true for the first time."""
        if self._history_of(wanted).unlisted.issuperset(ids):
            return [_failed(wanted, "vanished", detail)]
        return self._mark_lost(wanted, ids, since, unlisted=ids)

    def _history_of(self, wanted: WantedFile) -> _RequestHistory:
        return self._history.get(_key(wanted), _RequestHistory())

    # -- single entries -------------------------------------------------------

    def _apply_entry(self, entry: DownloadEntry) -> list[Resolution]:
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
        """Find the candidate that an id belongs to; then it is pending like any other."""
        wanted = group.take(entry) if entry and download_id not in self._pending else None
        if wanted is None and entry and group.may_match_later(download_id):
            return
        label = group.labels.pop(download_id)
        if entry is None:
            group.former_ids.add(download_id)
        elif wanted is not None:
            link = group.links.get(download_id)
            self._pending[download_id] = _Pending(wanted, label, group.since, missed=1, link=link)

    def _close_groups(self) -> list[Resolution]:
        """Close the groups whose ids are all known or gone: the files left have none of them."""
        for group in self._unknown:
            is_closed = not group.labels and group.former_ids
            if is_closed and all(
                self._history_of(w).former_ids >= group.former_ids for w in group.left
            ):
                group.may_have_moved = True
        closed = [group for group in self._unknown if not (group.labels or group.may_have_moved)]
        open_ones = [group for group in self._unknown if group not in closed]
        self._unknown = [group for group in open_ones if len(group)]
        return [
            resolution
            for group in closed
            for wanted in group.left
            for resolution in self._resolve_left(group, wanted)
        ]

    def _resolve_left(self, group: _Unknown, wanted: WantedFile) -> list[Resolution]:
        if group.former_ids:
            return self._mark_lost(wanted, group.former_ids, group.since)
        return [_failed(wanted, "not-accepted", "the service did not accept the request for it")]

    def _resolve_moved_group(
        self, group: _Unknown, found: Mapping[int, DownloadEntry]
    ) -> list[Resolution]:
        group.may_have_moved, group.missed = False, 0
        for entry in [found[i] for i in group.former_ids if i in found and not found[i].is_final]:
            group.former_ids.discard(entry.download_id)
            group.labels[entry.download_id] = entry.label or self._label
        if group.labels:
            return []
        self._unknown.remove(group)
        detail = "the service gives the id of an earlier request, and does not list it anywhere"
        return [
            resolution
            for wanted in group.left
            for resolution in self._mark_lost_unlisted(
                wanted, group.former_ids, group.since, detail
            )
        ]

    def _resolve_missed(self, download_id: int, entry: DownloadEntry | None) -> list[Resolution]:
        pending = self._pending[download_id]
        if entry is not None:
            pending.status = _status_of(entry, pending)
            if entry.is_waiting:
                pending.missed = 0
                return []
            if entry.is_final:
                return self._fail(download_id)
            if pending.link is not None:
                return self._use_link(download_id, pending.link)
            if not (pending.is_withheld or entry.is_complete):
                # It may have become ready since the poll: the next one shows it.
                pending.is_withheld, pending.missed = True, 0
                return []
        pending.is_withheld = entry is not None
        if download_id in self._history_of(pending.wanted).former_ids:
            if entry is not None and entry.is_complete and pending.label == self._label:
                return self._mark_lost_spent(download_id)
            # It came back and disappeared again: it may have moved to another label.
            pending.may_have_moved = True
            return []
        # It was delivered, completed or removed: a new request brings it back.
        del self._pending[download_id]
        return self._mark_lost(pending.wanted, [download_id], pending.since)

    def _mark_lost_spent(self, download_id: int) -> list[Resolution]:
        """Have a file requested again whose own entry came back complete; that is removed first.

        As long as the entry exists, the job's label gives nothing else.
        """
        self._spent.add(download_id)
        pending = self._pending.pop(download_id)
        return self._mark_lost(pending.wanted, [download_id], pending.since)

    def _use_link(self, download_id: int, link: UnmatchedLink) -> list[Resolution]:
        pending = self._pending.pop(download_id)
        label, code = pending.label, link.eula_code
        return [Ready(pending.wanted, download_id, label, link.url, code)]

    def _resolve_moved(self, download_id: int, entry: DownloadEntry | None) -> list[Resolution]:
        pending = self._pending[download_id]
        pending.may_have_moved = False
        if entry is None:
            del self._pending[download_id]
            detail = f"last state: {pending.status}"
            return self._mark_lost_unlisted(pending.wanted, [download_id], pending.since, detail)
        if entry.is_final:
            return self._fail(download_id)
        if entry.label != pending.label or not pending.is_withheld:
            # It is listed; or it moved back and forth between the two searches.
            pending.label, pending.missed = entry.label or pending.label, 0
            return []
        # The same request under the same label brings it back (API notes §5.4).
        del self._pending[download_id]
        return self._mark_lost(pending.wanted, [download_id], pending.since, label=pending.label)

    def _fail(self, download_id: int) -> list[Resolution]:
        pending = self._pending.pop(download_id)
        detail = f"the service says {pending.status}"
        return [_failed(pending.wanted, "service-failed", detail)]

    def _unresolved(self, wanted: WantedFile, status: str) -> Resolution:
        return Undeliverable(
            wanted,
            FileState.UNRESOLVED,
            "deadline",
            f"still not ready after {self._deadline_s:g} s; last status of the service: {status}",
            "Run the same command again later: it requests the same file under the same label.",
        )


def _with_old_ids(matched: Matched, lost: Iterable[_Lost]) -> Matched:
    """Match accepted downloads by the ids that lost files had, as the response names no files."""
    open_ones, unmatched = set(matched.unaccounted), set(matched.unmatched)
    lost = list(lost)
    uses = Counter(number for each in lost for number in each.former_ids)
    old = {
        number: each.wanted
        for each in lost
        if each.wanted in open_ones and len(each.former_ids) == 1
        for number in each.former_ids & unmatched
        if uses[number] == 1
    }
    named, links = set(old.values()), matched.links
    available = [
        AvailableFile(old[number], number, link.url, link.eula_code)
        for number, link in links.items()
        if number in old
    ]
    preparing = [PreparingFile(file, number) for number, file in old.items() if number not in links]
    return replace(
        matched,
        available=(*matched.available, *available),
        preparing=(*matched.preparing, *preparing),
        unmatched=tuple(number for number in matched.unmatched if number not in old),
        unaccounted=tuple(wanted for wanted in matched.unaccounted if wanted not in named),
    )


def _status_of(entry: DownloadEntry, pending: _Pending) -> str:
    return entry.status_text or entry.status_code or pending.status


def _failed(wanted: WantedFile, reason: str, detail: str, remedy: str = REMEDY) -> Undeliverable:
    return Undeliverable(wanted, FileState.FAILED, reason, detail, remedy)

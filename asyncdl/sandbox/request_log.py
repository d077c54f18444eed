"""What the sandbox was asked, and what the real service would have frowned on."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = Any

_SECRETS = frozenset({"token", "password", "userToken", "applicationToken"})
_LONG = 20
"""Lists longer than this are logged as their length."""


@dataclass(frozen=True, slots=True)
class Call:
    """One API call."""

    endpoint: str
    payload: Json
    """Without secrets, and with long lists cut to their length."""
    error_code: str | None
    began_s: float = 0.0
    """When it came in, on a clock that never jumps, seconds."""
    ended_s: float = 0.0
    """When its reply was made."""


@dataclass(frozen=True, slots=True)
class LoggedFileRequest:
    """One request to the file host, as it ended."""

    method: str
    path: str
    """Without the query, which holds the signature."""
    range: str | None
    if_range: str | None
    status: int
    """0 if the connection was cut before any status."""
    sent_bytes: int


class RecentCounts(OrderedDict[str, int]):
    """Counts by name; only the latest names are kept, so that it cannot grow for ever."""

    def __init__(self, keep: int) -> None:
        super().__init__()
        self._keep = keep

    def __missing__(self, name: str) -> int:
        return 0

    def count(self, name: str) -> int:
        """Count one more and return how many it is now."""
        self[name] += 1
        if len(self) > self._keep:
            self.popitem(last=False)
        return self[name]


def _watch_nothing(moment: str) -> None:
    """Take note of nothing."""


class RequestLog:
    """The sandbox's memory of what was asked.

    Args:
        keep: How many calls, file requests and file names are remembered.
    """

    def __init__(self, keep: int) -> None:
        self.calls: Counter[str] = Counter()
        self.call_log: deque[Call] = deque(maxlen=keep)
        self.file_counts = RecentCounts(keep)
        self.file_log: deque[LoggedFileRequest] = deque(maxlen=keep)
        self.spoilt = RecentCounts(keep)
        """Answers with wrong bytes, by fault and file name."""
        self.file_requests = 0
        self.file_bytes = 0
        """Sent by the file hosts, in all."""
        self.violations: list[str] = []
        self.remarks: list[str] = []
        """What clients do and the service bears."""
        self.watch: Callable[[str], None] = _watch_nothing
        self._keep = keep

    def note_call(
        self, endpoint: str, payload: Json, error_code: str | None, began_s: float = 0.0
    ) -> None:
        """Remember one API call, which came in at ``began_s`` and ends now."""
        self.calls[endpoint] += 1
        call = Call(endpoint, _without_secrets(payload), error_code, began_s, time.monotonic())
        self.call_log.append(call)
        self.watch(f"{endpoint} answered")

    def note_file(self, request: LoggedFileRequest) -> None:
        """Remember one request to a file host."""
        self.file_requests += 1
        self.file_bytes += request.sent_bytes
        self.file_log.append(request)

    def blame(self, what: str) -> None:
        """Remember something the real service would frown on."""
        if len(self.violations) < self._keep:
            self.violations.append(what)

    def remark(self, what: str) -> None:
        """Remember something that could be done better, and is borne."""
        if len(self.remarks) < self._keep:
            self.remarks.append(what)


def _without_secrets(payload: Json) -> Json:
    if isinstance(payload, Mapping):
        return {
            key: "***" if key in _SECRETS else _without_secrets(value)
            for key, value in payload.items()
        }
    if isinstance(payload, Sequence) and not isinstance(payload, str):
        if len(payload) > _LONG:
            return f"({len(payload)} items)"
        return [_without_secrets(item) for item in payload]
    return payload

"""The request log: calls and file requests, and violations of the real service's rules."""

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
    """Without secrets; long lists are replaced by their length."""
    error_code: str | None
    began_s: float = 0.0
    """When it arrived, monotonic seconds."""
    ended_s: float = 0.0
    """When its reply was complete."""


@dataclass(frozen=True, slots=True)
class LoggedFileRequest:
    """One request to the file host, as it ended."""

    method: str
    path: str
    """Without the query, which contains the signature."""
    range: str | None
    if_range: str | None
    status: int
    """0 if the connection was closed before a status was sent."""
    sent_bytes: int


class RecentCounts(OrderedDict[str, int]):
    """Counts by name; only the latest names are kept, so that memory is bounded."""

    def __init__(self, keep: int) -> None:
        super().__init__()
        self._keep = keep

    def __missing__(self, name: str) -> int:
        return 0

    def count(self, name: str) -> int:
        """Add one and return the new count."""
        self[name] += 1
        if len(self) > self._keep:
            self.popitem(last=False)
        return self[name]


def _ignore(moment: str) -> None:
    """Do nothing; the default of :attr:`RequestLog.watch`."""


class RequestLog:
    """All requests to the sandbox, and what was wrong with them.

    Args:
        keep: Maximum number of calls, file requests and file names to keep.
    """

    def __init__(self, keep: int) -> None:
        self.calls: Counter[str] = Counter()
        self.call_log: deque[Call] = deque(maxlen=keep)
        self.file_counts = RecentCounts(keep)
        self.file_log: deque[LoggedFileRequest] = deque(maxlen=keep)
        self.fault_counts = RecentCounts(keep)
        """Number of responses that a fault has hit, by fault and file name."""
        self.file_requests = 0
        self.file_bytes = 0
        """Total bytes sent by the file hosts."""
        self.violations: list[str] = []
        self.remarks: list[str] = []
        """Client behaviour that the service tolerates."""
        self.watch: Callable[[str], None] = _ignore
        self._keep = keep

    def record_call(
        self, endpoint: str, payload: Json, error_code: str | None, began_s: float = 0.0
    ) -> None:
        """Log one API call, which arrived at ``began_s`` and ends now."""
        self.calls[endpoint] += 1
        call = Call(endpoint, _without_secrets(payload), error_code, began_s, time.monotonic())
        self.call_log.append(call)
        self.watch(f"{endpoint} answered")

    def record_file_request(self, request: LoggedFileRequest) -> None:
        """Log one request to a file host."""
        self.file_requests += 1
        self.file_bytes += request.sent_bytes
        self.file_log.append(request)

    def record_violation(self, what: str) -> None:
        """Record a violation of the real service's rules."""
        if len(self.violations) < self._keep:
            self.violations.append(what)

    def record_remark(self, what: str) -> None:
        """Record client behaviour that the service tolerates."""
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

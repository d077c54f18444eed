"""What one agent learns about a host, passed on to the others once. Pure.

The present is always an argument, in seconds on a monotonic clock.
"""

from __future__ import annotations

import math

from asyncdl.cluster.messages import EngineEvent, HostLesson
from asyncdl.events import HostStrain, HostWait, ServiceBack, ServiceWait

SAME_S = 1.0
"""A pause that ends no later than this after a known one is no news; nor is strain so soon."""


class HostLessons:
    """The hosts that are paused, down or strained, as far as the agents know."""

    def __init__(self) -> None:
        self._paused_until_s: dict[str, float] = {}
        self._connections: dict[str, int] = {}
        """Of strained hosts, the fewest that an agent has gone down to."""
        self._strained_at_s: dict[str, float] = {}

    def is_troubled(self, host: str, now_s: float) -> bool:
        """Return whether files of a host would wait."""
        return self._paused_until_s.get(host, -math.inf) > now_s

    def learn(self, event: EngineEvent, now_s: float) -> HostLesson | None:
        """Take an event of one agent; return what the others should know, if anything."""
        match event:
            case HostWait():
                if self._pause(event.host, now_s + event.wait_s, now_s):
                    return HostLesson(event.host, event.wait_s, event.reason)
            case ServiceWait():
                # Each agent finds out by itself: from its place the host may be up.
                self._pause(event.service, now_s + event.next_try_s, now_s)
            case ServiceBack():
                self._paused_until_s.pop(event.service, None)
            case HostStrain():
                return self._strain(event, now_s)
            case _:
                pass
        return None

    def _pause(self, host: str, until_s: float, now_s: float) -> bool:
        known_s = self._paused_until_s.get(host, now_s)
        self._paused_until_s[host] = max(known_s, until_s)
        return until_s > known_s + SAME_S

    def _strain(self, event: HostStrain, now_s: float) -> HostLesson | None:
        known = self._connections.get(event.host, event.allowed)
        self._connections[event.host] = event.connections
        since_s = now_s - self._strained_at_s.get(event.host, -math.inf)
        if event.connections >= known or since_s < SAME_S:
            return None
        self._strained_at_s[event.host] = now_s
        return HostLesson(event.host, reason=event.reason, is_strained=True)

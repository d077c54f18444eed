"""A service that is given a rest once it has failed. Pure but for its clock."""

from __future__ import annotations

import math
from collections.abc import Callable


class StacOutage:
    """Tells whether a service is worth asking, and which failure is news.

    Args:
        rest_s: How long the service is left alone after a failure, in seconds.
        clock: Gives the time in seconds.
    """

    def __init__(self, rest_s: float, clock: Callable[[], float]) -> None:
        self._rest_s = rest_s
        self._clock = clock
        self._until_s = -math.inf
        self._is_known = False

    @property
    def is_resting(self) -> bool:
        """Whether the service is left alone at present."""
        return self._clock() < self._until_s

    def fail(self, retry_after_s: float | None) -> bool:
        """Take note of a failure; tell whether it is the first since the service worked."""
        self._until_s = self._clock() + max(self._rest_s, retry_after_s or 0.0)
        is_news, self._is_known = not self._is_known, True
        return is_news

    def end(self) -> None:
        """Take note that the service works."""
        self._is_known = False

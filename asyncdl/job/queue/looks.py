"""Looks at the service's queue that many files share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import anyio

from asyncdl.m2m import M2MClient
from asyncdl.m2m.models import DownloadEntry


@dataclass(slots=True)
class _Look:
    """The latest look at one label."""

    line: anyio.Lock = field(default_factory=anyio.Lock)
    began_s: float = -math.inf
    entries: Mapping[int, DownloadEntry] = field(default_factory=dict)


class QueueLooks:
    """Answers questions about single downloads with as few looks as can be.

    A look at a label shows all that stands under it. Whoever asks while one is
    under way gets the next one, together with everybody else who did, so
    however many files lose their URLs at once, two calls tell all of them.
    """

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}

    async def entry(
        self, client: M2MClient, label: str, download_id: int, *, since_s: float
    ) -> DownloadEntry | None:
        """Return what the queue says of a download; ``None`` if it says nothing.

        Args:
            client: Asks the service.
            label: What the download stands under.
            download_id: Its id.
            since_s: An earlier look is no answer, on anyio's clock.
        Raises: ApiError, AuthError, NetworkError.
        Source: endpoint ``download-retrieve``.
        """
        look = self._looks.setdefault(label, _Look())
        async with look.line:
            if look.began_s < since_s:
                began_s = anyio.current_time()
                reply = await client.download_retrieve(label)
                look.entries = {entry.download_id: entry for entry in reply.entries}
                look.began_s = began_s
            return look.entries.get(download_id)

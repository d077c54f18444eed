"""Courtesies at the end of a run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from asyncdl.errors import NetworkError
from asyncdl.job.queue.order_end import OrderEnd, is_same_site
from asyncdl.journal import Requested
from asyncdl.journal.journal import open_journal
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.selection import WantedFile

RED = WantedFile("E", "P", "S", "S_B4.TIF", ("bands",), 10, 10)


class Queue:
    """The one call that clears; it fails if it is told to, as a kill would have it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def download_order_remove(self, label: str) -> int:
        if self.error is not None:
            raise self.error
        return 1


@pytest.mark.parametrize(
    ("error", "is_known"), [(None, False), (NetworkError("lost", cause="reset"), True)]
)
async def test_requests_are_forgotten_after_the_service_has_forgotten_them(
    tmp_path: Path, error: Exception | None, is_known: bool
) -> None:
    """Else a queue that could not be cleared would stay for ever."""
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.requests.note_accepted([(RED, Requested(7, "label"))], is_ready=True)
        order = OrderEnd(
            journal, cast(M2MClient, Queue(error)), "label", "https://m2m.cr.usgs.gov/"
        )
        with suppress(NetworkError):
            await order.remove()
        assert bool(await journal.requests.count()) == is_known


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("m2m.cr.usgs.gov", "landsatlook.usgs.gov", True),
        ("m2m.cr.usgs.gov", "DDS.cr.usgs.gov.", True),
        ("m2m.cr.usgs.gov", "e4ftl01.cr.nasa.gov", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("10.1.0.1", "10.2.0.1", False),
        ("localhost", "localhost", True),
        ("localhost", "otherhost", False),
        ("m2m.cr.usgs.gov", "", False),
    ],
)
def test_hosts_of_one_site_have_one_end(one: str, other: str, is_same: bool) -> None:
    assert is_same_site(one, other) == is_same == is_same_site(other, one)

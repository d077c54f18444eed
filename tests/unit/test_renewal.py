"""A URL that is no longer accepted is replaced, or its file alone is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import pytest

from asyncdl.errors import ApiError, AuthError, TransferError
from asyncdl.job.fetching import renew
from asyncdl.job.run import Run
from asyncdl.m2m import DownloadItem
from asyncdl.m2m.models import (
    DownloadEntry,
    DownloadRequestReply,
    DownloadRetrieveReply,
    RequestedDownload,
)
from asyncdl.m2m.pending import Ready
from asyncdl.m2m.selection import WantedFile

RED = WantedFile("E4", "p", "S", "S_SR_B4.TIF", ("bands",), None, 0)
OLD = Ready(RED, 7, "label", "https://host/S_SR_B4.TIF?requestSignature=c2VjcmV0")
FRESH = "https://host/S_SR_B4.TIF?requestSignature=ZnJlc2g="


@dataclass
class Client:
    """A service that answers what it is told to."""

    requested: DownloadRequestReply | ApiError
    retrieved: DownloadRetrieveReply = DownloadRetrieveReply()  # noqa: RUF009 - it is frozen

    async def download_request(
        self, downloads: Sequence[DownloadItem], *, label: str
    ) -> DownloadRequestReply:
        assert (list(downloads), label) == ([DownloadItem("E4", "p")], "label")
        if isinstance(self.requested, ApiError):
            raise self.requested
        return self.requested

    async def download_retrieve(self, label: str | None = None) -> DownloadRetrieveReply:
        return self.retrieved


@dataclass
class FakeRun:
    """As much of a run as a renewal needs."""

    client: Client


async def renewed(client: Client) -> str:
    return await renew(cast(Run, FakeRun(client)), OLD)


async def test_the_same_request_gives_a_fresh_url() -> None:
    found = RequestedDownload(7, FRESH, "E4")
    assert await renewed(Client(DownloadRequestReply(available_downloads=[found]))) == FRESH


async def test_else_the_queue_may_have_it() -> None:
    other = DownloadEntry(8, url="https://host/other", status_code="A")
    mine = DownloadEntry(7, url=FRESH, status_code="D")
    queue = DownloadRetrieveReply(requested=[other, mine])
    assert await renewed(Client(DownloadRequestReply(), queue)) == FRESH


@pytest.mark.parametrize(
    "reply", [DownloadRequestReply(), ApiError("download-request", error_code="SERVER_ERROR")]
)
async def test_without_a_new_url_only_this_file_is_given_up(
    reply: DownloadRequestReply | ApiError,
) -> None:
    with pytest.raises(TransferError) as caught:
        await renewed(Client(reply))
    assert (caught.value.reason, caught.value.retryable) == ("no-new-url", False)
    assert "c2VjcmV0" not in str(caught.value)


async def test_a_refused_account_ends_the_run() -> None:
    with pytest.raises(AuthError):
        await renewed(Client(AuthError("download-request", error_code="AUTH_INVALID")))

"""A URL that is no longer accepted is replaced, or its file alone is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import anyio
import pytest

from asyncdl.errors import ApiError, AuthError, TransferError
from asyncdl.job.run_context import RunContext
from asyncdl.job.stages.renewal import Renewal
from asyncdl.journal import Requested
from asyncdl.m2m import DownloadItem
from asyncdl.m2m.downloads.pending import Ready
from asyncdl.m2m.downloads.retrieval import SharedPolls
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import (
    DownloadEntry,
    DownloadRequestReply,
    DownloadRetrieveReply,
    Labels,
    RequestedDownload,
)

RED = WantedFile("E4", "p", "S", "S_SR_B4.TIF", ("bands",), None, 0)
OLD = Ready(RED, 7, "theirs", "https://host/S_SR_B4.TIF?requestSignature=c2VjcmV0")
FRESH = "https://host/S_SR_B4.TIF?requestSignature=ZnJlc2g="

NOTHING = DownloadRetrieveReply()
GIVEN = DownloadRequestReply(available_downloads=[RequestedDownload(7, FRESH, "E4")])
STAGED = DownloadRequestReply(preparing_downloads=[RequestedDownload(7, None, "E4")])


def queue(*entries: DownloadEntry) -> DownloadRetrieveReply:
    return DownloadRetrieveReply(requested=list(entries))


HAS_FRESH = queue(DownloadEntry(8, url="https://host/other", status_code="A"),
                  DownloadEntry(7, url=FRESH, status_code="D"))  # fmt: skip
HAS_OLD = queue(DownloadEntry(7, url=OLD.url, status_code="D"))
PREPARES = queue(DownloadEntry(7, url="https://host/download-staging/x", status_text="Preparing"))


@dataclass
class Client:
    """A service that answers what it is told to; its last view of the queue stays."""

    requested: DownloadRequestReply | ApiError = field(default_factory=DownloadRequestReply)
    views: list[DownloadRetrieveReply] = field(default_factory=lambda: [NOTHING])
    asked: list[str] = field(default_factory=list)

    async def download_request(
        self, downloads: Sequence[DownloadItem], *, label: str
    ) -> DownloadRequestReply:
        assert (list(downloads), label) == ([DownloadItem("E4", "p")], "label")
        self.asked.append("request")
        if isinstance(self.requested, ApiError):
            raise self.requested
        return self.requested

    async def download_retrieve(self, label: str | None = None) -> DownloadRetrieveReply:
        self.asked.append("retrieve")
        await anyio.sleep(0.001)
        return self.views.pop(0) if len(self.views) > 1 else self.views[0]

    async def download_search(
        self, label: str | None = None, *, active_only: bool | None = None
    ) -> list[DownloadEntry]:
        self.asked.append("search")
        return []

    async def download_remove(self, download_id: int) -> bool:
        self.asked.append("remove")
        return True


@dataclass
class Requests:
    """The part of the journal that knows what stands where."""

    noted: list[tuple[Requested, bool]] = field(default_factory=list)

    def note_accepted_later(self, file: WantedFile, to: Requested, *, is_ready: bool) -> None:
        assert file == RED
        self.noted.append((to, is_ready))


def run_of(client: Client, deadline_s: float = 100.0) -> RunContext:
    """As much of a run as a renewal needs."""
    run = SimpleNamespace(
        label="label",
        client=client,
        config=SimpleNamespace(poll=SimpleNamespace(deadline=deadline_s)),
        polls=SharedPolls(client, 0.0),
        journal=SimpleNamespace(requests=Requests()),
    )
    return cast(RunContext, run)


def noted_in(run: RunContext) -> list[tuple[Requested, bool]]:
    return cast(Requests, run.journal.requests).noted


def client_of(
    *views: DownloadRetrieveReply, requested: DownloadRequestReply | ApiError = GIVEN
) -> Client:
    return Client(requested, list(views))


async def renewed(client: Client) -> str:
    return await Renewal(run_of(client), OLD).url()


async def test_the_queue_is_polled_first() -> None:
    client = client_of(HAS_FRESH)
    assert await renewed(client) == FRESH
    assert client.asked == ["retrieve"]


@pytest.mark.parametrize("view", [NOTHING, HAS_OLD], ids=["gone", "the same URL"])
async def test_what_the_queue_cannot_tell_is_requested_again(view: DownloadRetrieveReply) -> None:
    client = client_of(view)
    assert await renewed(client) == FRESH
    assert client.asked == ["retrieve", "request"]


async def test_a_file_in_preparation_again_is_waited_for() -> None:
    client = client_of(PREPARES, PREPARES, HAS_FRESH)
    assert await renewed(client) == FRESH
    assert client.asked == ["retrieve"] * 3


async def test_a_file_is_requested_under_the_own_label_and_the_journal_follows() -> None:
    """The order it stood under was another job's, and may be gone."""
    run = run_of(client_of(NOTHING))
    renewal = Renewal(run, OLD)
    assert await renewal.url() == FRESH
    assert (renewal.ready.label, noted_in(run)) == ("label", [(Requested(7, "label"), True)])


async def test_a_duplicate_is_found_under_the_label_it_carries() -> None:
    duplicate = DownloadRequestReply(duplicate_products=Labels({"8": "a third job"}))
    found = DownloadEntry(8, url=FRESH, entity_id="E4", status_code="A")
    run = run_of(client_of(NOTHING, queue(found), requested=duplicate))
    assert await Renewal(run, OLD).url() == FRESH
    assert noted_in(run) == [(Requested(8, "a third job"), True)]


async def test_a_file_that_has_to_be_prepared_anew_is_waited_for() -> None:
    client = client_of(NOTHING, PREPARES, HAS_FRESH, requested=STAGED)
    assert await renewed(client) == FRESH
    assert client.asked == ["retrieve", "request", "retrieve", "retrieve"]


async def test_preparation_is_waited_for_until_the_deadline() -> None:
    with pytest.raises(TransferError, match="not ready after 0 s"):
        await Renewal(run_of(client_of(PREPARES), deadline_s=0.0), OLD).url()


async def test_a_file_that_vanishes_is_not_waited_for() -> None:
    client = client_of(PREPARES, NOTHING, requested=STAGED)
    with pytest.raises(TransferError, match="last state"):
        await renewed(client)
    assert client.asked.count("request") == 2
    assert client.asked.count("search") == 5, "two of them about all labels"


async def test_a_url_that_is_refused_as_well_is_not_given_twice() -> None:
    renewal = Renewal(run_of(client := client_of(HAS_FRESH)), OLD)
    assert await renewal.url() == FRESH
    client.requested = DownloadRequestReply(
        available_downloads=[RequestedDownload(7, "https://host/third", "E4")]
    )
    assert await renewal.url() == "https://host/third"


async def test_a_poll_for_another_file_is_good_for_this_one() -> None:
    run = run_of(client := client_of(HAS_FRESH))
    await run.polls.poll("theirs", since_s=0.0)
    assert await Renewal(run, OLD).url() == FRESH
    assert client.asked == ["retrieve"]


@pytest.mark.parametrize(
    "reply", [DownloadRequestReply(), ApiError("download-request", error_code="SERVER_ERROR")]
)
async def test_without_a_new_url_only_this_file_is_given_up(
    reply: DownloadRequestReply | ApiError,
) -> None:
    with pytest.raises(TransferError) as caught:
        await renewed(client_of(NOTHING, requested=reply))
    assert (caught.value.reason, caught.value.retryable) == ("no-new-url", False)
    assert "c2VjcmV0" not in str(caught.value)


async def test_a_refused_account_ends_the_run() -> None:
    refused = AuthError("download-request", error_code="AUTH_INVALID")
    with pytest.raises(AuthError):
        await renewed(client_of(NOTHING, requested=refused))


async def test_files_that_are_refused_together_share_two_polls() -> None:
    """Those that come while the first look is under way wait for one that is younger."""
    polls = SharedPolls(client := client_of(HAS_FRESH), 0.0)
    found: list[DownloadEntry | None] = []

    async def poll(since_s: float) -> None:
        found.append((await polls.poll("label", since_s=since_s)).entries.get(7))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(poll, anyio.current_time())
        while not client.asked:
            await anyio.lowlevel.checkpoint()
        for _ in range(50):
            tasks.start_soon(poll, anyio.current_time())
    assert client.asked == ["retrieve"] * 2
    assert len(found) == 51 and all(entry is not None for entry in found)

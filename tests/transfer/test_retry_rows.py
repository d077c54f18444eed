"""FAULTS C5: statuses, error pages, and when to try again."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import HttpStatusError, NetworkError, WrongContent
from asyncdl.events import HostWait, TransferEnded, TransferRetry
from asyncdl.net.retry import Backoff
from tests.transfer.fault_server import (
    QUICK,
    HostedFile,
    Responder,
    after,
    cut,
    fixed,
    redirect,
    rig,
    status,
)

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>" * 20


async def test_row_082_a_503_is_followed_by_another_try(tmp_path: Path) -> None:
    async with rig(tmp_path, status(503), FILE) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.attempts) == (BODY, 2)
    assert [event.reason for event in r.told(TransferRetry)] == ["http-503"]


async def test_row_083_an_endless_503_ends_and_keeps_the_part(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(503)) as r:
        with pytest.raises(HttpStatusError) as refused:
            await r.fetch()
    assert refused.value.attempts == len(r.server.requests) == QUICK.backoff.attempts
    assert r.content("file.bin.part") == BODY[:777]


async def test_the_last_event_of_a_file_says_what_came_and_what_ended_it(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(404), FILE) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
        await r.fetch()
    [failed, done] = r.told(TransferEnded)
    assert (failed.reason, failed.received_bytes) == ("http-404", 777)
    assert (done.reason, done.received_bytes) == ("", len(BODY) - 777)


async def test_a_fetch_that_was_cancelled_is_told_as_interrupted(tmp_path: Path) -> None:
    async with rig(tmp_path, status(429, Retry_After=9)) as r:
        await r.fetch_until(lambda: r.told(TransferRetry))
    assert [event.reason for event in r.told(TransferEnded)] == ["interrupted"]


async def test_row_084_retry_after_rests_the_whole_host(tmp_path: Path) -> None:
    async with rig(tmp_path, status(429, Retry_After=60), FILE) as r:
        await r.fetch_until(lambda: r.told(TransferRetry))
        with anyio.move_on_after(0.1):
            await r.fetch("other.bin")
    assert len(r.server.requests) == 1
    assert r.told(TransferRetry)[0].wait_s >= 60
    assert [event.reason for event in r.told(HostWait)] == ["http-429"]


async def test_row_085_retry_after_may_be_a_date(tmp_path: Path) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    async with rig(tmp_path, status(503, Retry_After=later), FILE) as r:
        await r.fetch_until(lambda: r.told(TransferRetry))
    assert 60 < r.told(TransferRetry)[0].wait_s <= 90


async def test_row_086_a_rest_longer_than_our_patience_is_not_waited_for(tmp_path: Path) -> None:
    async with rig(tmp_path, status(429, Retry_After=86_400), FILE) as r:
        with pytest.raises(HttpStatusError) as refused:
            await r.fetch()
    assert refused.value.retry_after_s == 86_400
    assert r.told(HostWait) == []


@pytest.mark.parametrize("junk", ["-5", "soon", "", "1e9", "0"])
async def test_row_088_a_senseless_retry_after_is_ignored(tmp_path: Path, junk: str) -> None:
    async with rig(tmp_path, status(429, Retry_After=junk), FILE) as r:
        await r.fetch()
    assert r.content() == BODY


@pytest.mark.parametrize("code", [408, 425, 500, 502, 504, 520, 524])
async def test_row_089_what_may_pass_is_tried_again(tmp_path: Path, code: int) -> None:
    async with rig(tmp_path, status(code), FILE) as r:
        await r.fetch()
    assert r.content() == BODY


@pytest.mark.parametrize("code", [401, 407, 410, 451])
async def test_row_090_what_will_not_change_is_not_tried_again(tmp_path: Path, code: int) -> None:
    async with rig(tmp_path, status(code)) as r:
        with pytest.raises(HttpStatusError) as refused:
            await r.fetch()
    assert (refused.value.reason, len(r.server.requests)) == (f"http-{code}", 1)
    assert r.names == []


@pytest.mark.parametrize("code", [400, 403, 404, 405])
async def test_row_090_what_may_be_about_the_range_is_asked_once_without(
    tmp_path: Path, code: int
) -> None:
    async with rig(tmp_path, status(code)) as r:
        with pytest.raises(HttpStatusError) as refused:
            await r.fetch()
    assert (refused.value.reason, r.ranges, r.names) == (f"http-{code}", ["bytes=0-", None], [])


async def test_row_091_a_401_asks_for_fresh_credentials_a_few_times_only(tmp_path: Path) -> None:
    asked: list[int] = []

    async with rig(tmp_path, status(401)) as r:

        async def refresh() -> str:
            asked.append(1)
            return f"{r.server.url}/data/file.bin"

        with pytest.raises(HttpStatusError):
            await r.fetch(refresh=refresh)
    assert len(asked) == QUICK.refreshes
    assert len(r.server.requests) == QUICK.refreshes + 1


async def test_row_092_an_expired_url_is_renewed_and_the_bytes_are_kept(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(403), FILE) as r:

        async def refresh() -> str:
            return f"{r.server.url}/data/file.bin?requestSignature=new=="

        await r.fetch(refresh=refresh)
    assert r.content() == BODY
    assert r.server.requests[-1].target == "/data/file.bin?requestSignature=new=="
    assert r.ranges[-1] == "bytes=777-"


@pytest.mark.parametrize(
    "page",
    [
        fixed("200 OK", PAGE, Content_Type="text/html"),
        fixed("200 OK", PAGE, Content_Type="application/octet-stream"),
        fixed("200 OK", b'{"error": "no"}', Content_Type="application/json"),
        fixed("200 OK", b"<Error/>", Content_Type="application/xml"),
        fixed("200 OK", b"busy", Content_Type="text/plain"),
    ],
)
async def test_row_094_an_error_page_is_never_saved(tmp_path: Path, page: Responder) -> None:
    async with rig(tmp_path, page) as r:
        with pytest.raises(WrongContent) as refused:
            await r.fetch("scene.TIF")
    assert (refused.value.reason, r.names) == ("error-page", [])


async def test_row_094_an_error_page_does_not_cost_the_part(tmp_path: Path) -> None:
    page = fixed("200 OK", PAGE, Content_Type="text/html")
    async with rig(tmp_path, cut(FILE, 777), page, FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges[-1] == "bytes=777-"


async def test_row_094_an_error_page_counts_as_a_refused_url(tmp_path: Path) -> None:
    async with rig(tmp_path, fixed("200 OK", PAGE, Content_Type="text/html"), FILE) as r:

        async def refresh() -> str:
            return f"{r.server.url}/fresh"

        await r.fetch(refresh=refresh)
    assert [request.target for request in r.server.requests] == ["/data/file.bin", "/fresh"]


async def test_a_login_page_counts_as_a_refused_url(tmp_path: Path) -> None:
    async with rig(tmp_path, redirect("https://ers.cr.usgs.gov/login?next=x"), FILE) as r:

        async def refresh() -> str:
            return f"{r.server.url}/fresh"

        await r.fetch(refresh=refresh)
    assert r.content() == BODY


async def test_row_097_tries_without_new_bytes_come_to_an_end(tmp_path: Path) -> None:
    bare = HostedFile(BODY, etag=None)
    async with rig(tmp_path, cut(bare, 777)) as r:
        with pytest.raises(NetworkError, match="cut short"):
            await r.fetch()
    assert len(r.server.requests) == QUICK.backoff.attempts


async def test_row_098_an_awful_link_finishes_bit_by_bit(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 512)) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert fetched.attempts == len(BODY) // 512
    assert fetched.received_bytes == len(BODY)


async def test_row_098_progress_is_bounded_all_the_same(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 16), limits=replace(QUICK, requests_per_file=10)) as r:
        with pytest.raises(NetworkError, match="cut short"):
            await r.fetch()
    assert len(r.server.requests) == 10


async def test_a_429_halves_the_connections_of_its_host(tmp_path: Path) -> None:
    gate = asyncio.Event()
    limits = replace(QUICK, per_host=4, backoff=Backoff(first_s=0.0, attempts=9))
    async with rig(tmp_path, status(429), after(gate, FILE), limits=limits) as r:
        gate.set()
        await r.fetch("first.bin")
        gate.clear()
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(r.fetch, f"{number}.bin")
            while r.server.active < 2:
                await anyio.sleep(0.001)
            gate.set()
    assert r.server.most_active == 2


async def test_what_is_asked_carries_no_secret_header(tmp_path: Path) -> None:
    cookie = {"Set-Cookie": "session=1", "Content-Type": "application/octet-stream"}
    async with rig(tmp_path, HostedFile(BODY, headers=cookie), FILE) as r:
        await r.fetch()
        await r.fetch("second.bin")
    for request in r.server.requests:
        assert not {"cookie", "authorization", "x-auth-token"} & set(request.headers)
        assert request.headers["accept-encoding"] == "identity"

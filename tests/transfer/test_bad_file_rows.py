"""Files that are bad for ever, beside others: each ends by itself, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from asyncdl.errors import AsyncdlError, reason_of
from asyncdl.events import ServiceBack, ServiceWait
from asyncdl.net.retry import Backoff
from asyncdl.transfer import Limits
from asyncdl.transfer.host_health import UNEXPLAINED_S
from tests.clock import simulated
from tests.transfer.fault_server import (
    End,
    HostedFile,
    Received,
    Reply,
    Responder,
    Rig,
    build_head,
    cut,
    fixed,
    redirect,
    rig,
    serving,
    silent,
    status,
)

pytestmark = pytest.mark.slow

HOUR = 3600.0
BODY = bytes(range(256)) * 8
FILE = HostedFile(BODY)
LIMITS = Limits(
    per_host=4,
    connections=4,
    max_wait_s=6 * HOUR,
    flush_interval_s=0.0,
    backoff=Backoff(attempts=4),
    stall_timeout_s=20.0,
    header_timeout_s=20.0,
    connect_timeout_s=5.0,
)
BOUND_S = 3 * 4 * 25.0 + 60.0
"""Four tries of each of three files that are silent, one after the other, and the pauses."""

PAGE = fixed("200 OK", b"<html><title>No such\x1b scene</title>", Content_Type="text/html")
DOWN = fixed("200 OK", b"<html><h1>Down for maintenance</h1>", Content_Type="text/html")


def raw(head: bytes, body: bytes = b"", end: End = End.CLOSE) -> Responder:
    return lambda _: Reply(head, body, end)


BAD: dict[str, tuple[Responder, str]] = {
    "page": (PAGE, "error-page"),
    "maintenance": (DOWN, "error-page"),
    "403": (status(403), "http-403"),
    "404": (status(404), "http-404"),
    "500": (status(500), "http-500"),
    "503": (status(503), "http-503"),
    "522": (status(522), "http-522"),
    "closed": (silent(), "network"),
    "silent": (silent(End.HANG), "network"),
    "reset": (silent(End.RESET), "network"),
    "empty": (cut(FILE, 0), "network"),
    "cut": (cut(HostedFile(BODY, takes_ranges=False), 100), "network"),
    "stalled": (cut(FILE, 0, End.HANG), "stalled"),
    "length": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: x1\r\n\r\n", BODY), "network"),
    "lengths": (
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", BODY),
        "network",
    ),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), "network"),
}
"""Kinds of responses that a file may have for ever, and the reason it ends with."""


@dataclass
class Host:
    """Serves good files, and bad ones by their names; all of it may be down for a while."""

    bad: dict[str, Responder]
    outage: Responder = field(default_factory=lambda: status(503))
    is_down: bool = False
    asked: list[str] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    """Asked for one byte, to compare others with."""

    def __call__(self, received: Received) -> Reply:
        name = received.target.strip("/")
        is_compared = received.headers.get("range") == "bytes=0-0"
        (self.compared if is_compared else self.asked).append(name)
        if self.is_down:
            return self.outage(received)
        return self.bad.get(name, FILE)(received)

    async def go_down(self, seconds: float) -> None:
        self.is_down = True
        await anyio.sleep(seconds)
        self.is_down = False


async def endings(r: Rig, *names: str) -> dict[str, str]:
    """Fetch files at once; the reason of each that failed."""
    reasons: dict[str, str] = {}

    async def fetch(name: str) -> None:
        try:
            await r.fetch(name.replace(" ", "_"), url=f"{r.server.url}/{name.replace(' ', '_')}")
        except AsyncdlError as error:
            reasons[name] = reason_of(error)

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(fetch, name)
    return reasons


def hosting(names: Callable[[str], bool] = lambda _: True) -> tuple[Host, dict[str, str]]:
    """A host with a bad file of each kind, and the reasons they should end with."""
    bad = {kind: BAD[kind] for kind in BAD if names(kind)}
    host = Host({kind.replace(" ", "_"): reply for kind, (reply, _) in bad.items()})
    return host, {kind: reason for kind, (_, reason) in bad.items()}


GOOD = [f"{number}.bin" for number in range(24)]


@pytest.mark.posix("the loop there reports a reset before the first good byte, a moment's outage")
@simulated
async def test_bad_files_of_every_kind_end_by_themselves_beside_good_ones(tmp_path: Path) -> None:
    host, reasons = hosting()
    async with rig(tmp_path, host, limits=LIMITS) as r:
        began_s = anyio.current_time()
        # Bad ones first: they get the connections first.
        assert await endings(r, *reasons, *GOOD) == reasons
        assert anyio.current_time() - began_s < 3 * BOUND_S
    assert r.told(ServiceWait) == []
    assert all(r.content(name) == BODY for name in GOOD)
    asked = {name: host.asked.count(name) for name in host.bad}
    assert max(asked.values()) <= 2 * LIMITS.backoff.attempts, asked
    assert len(host.compared) <= 3 * len(host.bad)


@pytest.mark.parametrize("kind", BAD)
@simulated
async def test_bad_files_that_are_left_alone_end_by_themselves(tmp_path: Path, kind: str) -> None:
    """Nothing good is wanted any more; that it came before is enough."""
    responder, reason = BAD[kind]
    host = Host({"a": responder, "b": responder, "c": responder})
    async with rig(tmp_path, host, limits=LIMITS) as r:
        await endings(r, "good.bin")
        await anyio.sleep(120)
        began_s = anyio.current_time()
        assert await endings(r, "a", "b", "c") == dict.fromkeys("abc", reason)
        assert anyio.current_time() - began_s < BOUND_S
    assert len(host.asked) <= 1 + 3 * 2 * LIMITS.backoff.attempts, (
        "aiohttp asks twice where nothing came"
    )
    assert host.asked.count("good.bin") == 1
    assert len(host.compared) <= 3 * LIMITS.backoff.attempts


OUTAGES: dict[str, Responder] = {
    "503": status(503),
    "500": status(500),
    "page": PAGE,
    "maintenance": DOWN,
    "closed": silent(),
    "silent": silent(End.HANG),
    "stalled": cut(FILE, 0, End.HANG),
    "no HTTP": raw(b"oops\r\n\r\n"),
}


@pytest.mark.without_tls  # what a lost connection means over TLS is in test_outage_rows.py
@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
@simulated
async def test_an_outage_costs_no_good_file_and_spares_no_bad_one(
    tmp_path: Path, outage: Responder
) -> None:
    """One that looks just like what the bad files are for ever, even."""
    host = Host({"a": PAGE, "b": status(503)}, outage)
    async with rig(tmp_path, host, limits=LIMITS) as r, anyio.create_task_group() as tasks:
        await endings(r, "first.bin")
        tasks.start_soon(host.go_down, HOUR)
        await anyio.lowlevel.checkpoint()
        ended = await endings(r, *GOOD[:6], "a", "b")
        assert ended == {"a": "error-page", "b": "http-503"}
    assert all(r.content(name) == BODY for name in GOOD[:6])
    assert len(r.told(ServiceBack)) >= 1


@simulated
async def test_one_file_alone_outlasts_an_outage_once_something_has_come(tmp_path: Path) -> None:
    host = Host({})
    async with rig(tmp_path, host, limits=LIMITS) as r, anyio.create_task_group() as tasks:
        await endings(r, "first.bin")
        tasks.start_soon(host.go_down, HOUR)
        await anyio.lowlevel.checkpoint()
        assert await endings(r, "last.bin") == {}
        assert r.told(ServiceWait) != []


@simulated
async def test_nothing_but_pages_from_the_beginning_is_not_waited_for_to_the_end(
    tmp_path: Path,
) -> None:
    """They say nothing of an outage, and there is nothing to compare them with."""
    host = Host({"a": PAGE, "b": PAGE, "c": PAGE})
    async with rig(tmp_path, host, limits=LIMITS) as r:
        began_s = anyio.current_time()
        assert await endings(r, "a", "b", "c") == dict.fromkeys("abc", "error-page")
        took_s = anyio.current_time() - began_s
    assert UNEXPLAINED_S < took_s < UNEXPLAINED_S + BOUND_S
    assert len(r.told(ServiceBack)) == 1, "watchers do not go on believing that it is down"


@simulated
async def test_a_redirect_into_nowhere_is_that_files_trouble(tmp_path: Path) -> None:
    """The host that led there is there, and so is the other one that it leads to."""
    async with serving(FILE) as other:
        nowhere = f"{other.url.rpartition(':')[0]}:9"
        host = Host({name: redirect(f"{nowhere}/{name}") for name in "ab"})
        host.bad |= {name: redirect(f"{other.url}/{name}") for name in GOOD}
        async with rig(tmp_path, host, limits=LIMITS) as r:
            assert await endings(r, *GOOD[:2]) == {}
            assert await endings(r, "a", "b", *GOOD[2:]) == dict.fromkeys("ab", "network")
        waits = {event.service for event in r.told(ServiceWait)}
        assert not waits & {r.server.url.partition("//")[2], other.url.partition("//")[2]}


@simulated
async def test_a_failure_quotes_the_title_of_its_page(tmp_path: Path) -> None:
    denied = fixed("403 No", b"<title>Request &amp; blocked</title>", Content_Type="text/html")
    host = Host({"page": PAGE, "denied": denied})
    details = {}
    async with rig(tmp_path, host, limits=LIMITS) as r:
        for name in host.bad:
            with pytest.raises(AsyncdlError) as failed:
                await r.fetch(name, url=f"{r.server.url}/{name}")
            details[name] = getattr(failed.value, "detail", "")
    assert details == {
        "page": 'text/html in place of the file: "No such scene"',
        "denied": 'the host responded with 403: "Request & blocked"',
    }


@simulated
async def test_a_page_under_another_type_is_quoted_as_well(tmp_path: Path) -> None:
    body = b"<!DOCTYPE html><html><head><title>Sign in</title></head>" + b" " * 900
    host = Host({"x.TIF": fixed("200 OK", body, Content_Type="image/tiff")})
    async with rig(tmp_path, host, limits=replace(LIMITS, backoff=Backoff(attempts=1))) as r:
        with pytest.raises(AsyncdlError, match='an HTML page in place of the file: "Sign in"'):
            await r.fetch("x.TIF", url=f"{r.server.url}/x.TIF")


# --- headers that nobody needs ------------------------------------------------------------

ODD_HEADERS: dict[str, bytes] = {
    "a NUL in Content-Disposition": b"Content-Disposition: attachment; filename=a\0b.bin",
    "a CR in Content-Disposition": b"Content-Disposition: attachment; filename=a\rb.bin",
    "a NUL in another header": b"X-Note: a\0b",
    "no colon": b"this is no header",
    "a blank in the name": b"Content Disposition: attachment",
    "no name": b": value",
}
"""What aiohttp refuses, whatever we do."""
SOFT_HEADERS: dict[str, bytes] = {
    "an invalid Last-Modified": b"Last-Modified: the day before yesterday",
    "an invalid ETag": b'ETag: "\xff\xfe',
    "an invalid Content-Type": b"Content-Type: \xff/;;=",
    "an invalid Content-Disposition": b"Content-Disposition: ;;;filename*=x'",
    "an invalid Date": b"Date: 99",
    "an invalid Accept-Ranges": b"Accept-Ranges: \xff",
    "an invalid Retry-After": b"Retry-After: soon",
    "an invalid digest": b"Repr-Digest: sha-256=:::",
    "an empty Location": b"Location:",
    "controls": b"X-Note: \x01\x02\x7f",
}


def with_header(line: bytes) -> Responder:
    head = build_head("200 OK", {"Content-Length": len(BODY)})
    return raw(head[:-2] + line + b"\r\n\r\n", BODY)


@pytest.mark.parametrize("line", SOFT_HEADERS.values(), ids=SOFT_HEADERS)
async def test_a_bad_value_that_nobody_needs_is_ignored(tmp_path: Path, line: bytes) -> None:
    async with rig(tmp_path, with_header(line)) as r:
        await r.fetch("named.bin")
    assert r.content("named.bin") == BODY
    assert len(r.server.requests) == 1


@pytest.mark.parametrize("line", ODD_HEADERS.values(), ids=ODD_HEADERS)
async def test_a_bad_header_that_nobody_needs_is_ignored(
    tmp_path: Path, line: bytes, client: str
) -> None:
    async with rig(tmp_path, with_header(line)) as r:
        if client == "session":
            # aiohttp gives nothing of such a response; the file ends after its attempts.
            with pytest.raises(AsyncdlError, match="is not valid HTTP"):
                await r.fetch("named.bin")
            assert len(r.server.requests) == r.downloader.limits.backoff.attempts
            return
        await r.fetch("named.bin")
    assert r.content("named.bin") == BODY


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: 1\0",
        b"Content-Length : 5",
        b"X: a\rContent-Length: 5",
        b"\0Transfer-Encoding: chunked",
        b"Transfer-Encoding\0: chunked",
    ],
)
async def test_a_bad_header_about_the_length_is_never_ignored(tmp_path: Path, line: bytes) -> None:
    async with rig(tmp_path, with_header(line)) as r:
        with pytest.raises(AsyncdlError):
            await r.fetch("named.bin")
    assert not (tmp_path / "named.bin").exists()

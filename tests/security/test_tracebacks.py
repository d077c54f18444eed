"""No secret in an exception, nor in the local variables of our frames below it.

Crash reporters keep both.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import asyncdl
from asyncdl.config import parse_config
from asyncdl.errors import ApiError, AsyncdlError
from asyncdl.m2m import ClientOptions, Credentials, M2MClient, find_credentials
from asyncdl.net.retry import Backoff
from asyncdl.sandbox import Faults, Service
from asyncdl.stac import StacCatalog
from tests.security.test_replies import JSON_HEAD, service_sending
from tests.transfer.fault_server import (
    QUICK,
    End,
    HostedFile,
    Reply,
    Responder,
    cut,
    fixed,
    redirect,
    rig,
    silent,
    status,
)

SECRET = "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWU"
SIGNED = f"/data/file.tif?requestSignature={SECRET}"
PACKAGE = str(Path(asyncdl.__file__).parent)
FILE = HostedFile(bytes(range(256)) * 40)
ONCE = replace(QUICK, backoff=Backoff(attempts=1), header_timeout_s=0.2, connect_timeout_s=0.2)


def told_by(error: BaseException) -> Iterator[str]:
    """Yield an exception, those behind it, and the local variables of our frames."""
    told = traceback.TracebackException.from_exception(error, capture_locals=True)
    pending: list[traceback.TracebackException | None] = [told]
    while pending:
        part = pending.pop()
        if part is None:
            continue
        yield from part.format_exception_only()
        for frame in part.stack:
            if frame.filename.startswith(PACKAGE):
                yield f"{frame.filename}:{frame.lineno} {frame.locals}"
        pending += [part.__cause__, None if part.__suppress_context__ else part.__context__]


def assert_tells_nothing(error: BaseException, *secrets: str) -> None:
    lines = list(told_by(error))
    assert any(PACKAGE in line for line in lines), "no frame of ours was looked at"
    for secret in secrets:
        assert [line for line in lines if secret in line] == []
    assert secrets and not any(secret in repr(error) for secret in secrets)


async def failure_of(client: M2MClient) -> AsyncdlError:
    with pytest.raises(AsyncdlError) as caught:
        async with client:
            await client.permissions()
    return caught.value


@pytest.fixture
def options(tmp_path: Path) -> ClientOptions:
    return ClientOptions(backoff=Backoff(attempts=1), state_dir=tmp_path)


@pytest.mark.parametrize(
    "reply",
    [
        b'Content-Length: 90\r\n\r\n{"data": "' + SECRET.encode() + b'"',
        b'Connection: close\r\n\r\n{"data": "' + SECRET.encode() + b'", ',
        b'Connection: close\r\n\r\n{"data": ["' + SECRET.encode() + b'"]}',
        b'Connection: close\r\n\r\n{"errorCode": "AUTH_INVALID", "errorMessage": "no '
        + SECRET.encode()
        + b'"}',
    ],
    ids=["cut", "torn", "odd", "quoted"],
)
async def test_a_login_that_fails(reply: bytes, options: ClientOptions) -> None:
    async with service_sending(JSON_HEAD + reply) as url:
        client = M2MClient(Credentials("ann", SECRET), url=url, options=options)
        assert_tells_nothing(await failure_of(client), SECRET)


async def test_a_service_that_is_not_there(options: ClientOptions) -> None:
    client = M2MClient(Credentials("ann", SECRET), url="http://127.0.0.1:9/", options=options)
    assert_tells_nothing(await failure_of(client), SECRET)


async def test_a_call_that_is_refused(service: Service, options: ClientOptions) -> None:
    """After a login, so that there is a key to be told; it begins like all of the sandbox's."""
    client = M2MClient(
        Credentials(service.username, service.token), url=service.url, options=options
    )
    async with client:
        await client.permissions()
        service.faults = Faults.parse(["api_unavailable=1", "strikes=0"])
        with pytest.raises(ApiError) as caught:
            await client.dataset_search("landsat")
        service.faults = Faults()
    assert_tells_nothing(caught.value, service.token, "eyJ")


def test_an_account_that_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCDL_TOKEN", SECRET)
    with pytest.raises(AsyncdlError) as caught:
        find_credentials()
    assert_tells_nothing(caught.value, SECRET)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize(("content", "mode"), [(SECRET, 0o644), (f"ann {SECRET}", 0o600)])
def test_a_token_file_that_is_refused(tmp_path: Path, content: str, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(AsyncdlError) as caught:
        find_credentials(username="ann", token_file=path, environ={})
    assert_tells_nothing(caught.value, SECRET)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize(
    ("content", "mode"),
    [
        (f'{{"m2m.cr.usgs.gov": {{"username": "ann", "token": "{SECRET}"}}}}', 0o644),
        (f'{{"m2m.cr.usgs.gov": {{"token": "{SECRET}"}}}}', 0o600),
        (f'{{"m2m.cr.usgs.gov": {{"username": "bob", "token": "{SECRET}"}}}}', 0o600),
    ],
    ids=["open", "broken", "another user's"],
)
def test_a_credentials_file_that_is_of_no_use(tmp_path: Path, content: str, mode: int) -> None:
    path = tmp_path / "credentials"
    path.write_text(content)
    path.chmod(mode)
    with pytest.raises(AsyncdlError) as caught:
        find_credentials(username="ann", environ={"ASYNCDL_CONFIG_DIR": str(tmp_path)})
    assert_tells_nothing(caught.value, SECRET)


FAULTS: dict[str, Responder] = {
    "gone": status(410),
    "down": status(503),
    "page": fixed(body=b"<html>", Content_Type="text/html"),
    "login": redirect(f"/login?next={SIGNED}"),
    "elsewhere": redirect(f"ftp://127.0.0.1{SIGNED}"),
    "nowhere": redirect(f"http://127.0.0.1:9{SIGNED}"),
    "loop": redirect(SIGNED),
    "no answer": silent(End.CLOSE),
    "silence": silent(End.HANG),
    "no http": lambda _: Reply(b"220 ready\r\n\r\n", b"x"),
    "cut": cut(FILE, 1000),
    "reset": cut(FILE, 1000, End.RESET),
    "stall": cut(FILE, 1000, End.HANG),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_file_that_cannot_be_had(tmp_path: Path, fault: str) -> None:
    limits = replace(ONCE, stall_timeout_s=0.05)
    headers = {"Authorization": f"Bearer {SECRET}", "X-Api": SECRET}
    async with rig(tmp_path, FAULTS[fault], limits=limits) as r:
        with pytest.raises(AsyncdlError) as caught:
            await r.fetch(url=r.server.url + SIGNED, headers=headers)
    assert_tells_nothing(caught.value, SECRET)
    assert not [event for event in r.events if SECRET in repr(event)]


@pytest.mark.parametrize(
    "change",
    [
        lambda url: {"url": url, "size_bytes": 1},
        lambda url: {"url": url, "named_by": "http://1.1.1.1/"},
        lambda url: {"url": url, "named_by": "https://127.0.0.1/"},
        lambda url: {"url": url.replace("http", "gopher", 1)},
        lambda url: {"url": url.replace("127.0.0.1", "127.1")},
    ],
    ids=["size", "inward", "insecure", "scheme", "address"],
)
async def test_a_url_that_is_refused(
    tmp_path: Path, change: Callable[[str], dict[str, Any]]
) -> None:
    async with rig(tmp_path, FILE, limits=ONCE) as r:
        with pytest.raises(AsyncdlError) as caught:
            await r.fetch(**change(r.server.url + SIGNED))
    assert_tells_nothing(caught.value, SECRET)


ADDRESSES = [
    f"http://ann:{SECRET}@evil.test/",
    f"https://{SECRET}@[::1/",
    f"https://ann:{SECRET}@/x",
    f"https://{SECRET}@a..b/",
    f"ftp://evil.test/?key={SECRET}",
]


@pytest.mark.parametrize("url", ADDRESSES)
@pytest.mark.parametrize(
    "use",
    [
        lambda url: M2MClient(Credentials("ann", "token"), url=url),
        StacCatalog,
        lambda url: parse_config(
            {"service": {"url": url}, "search": {}, "products": [{"kind": "bundle"}]}
        ),
    ],
    ids=["client", "catalog", "config"],
)
def test_an_address_that_is_refused(url: str, use: Callable[[str], object]) -> None:
    if use is StacCatalog and url.startswith("http://"):
        assert SECRET not in repr(StacCatalog(url))
        return
    with pytest.raises(AsyncdlError) as caught:
        use(url)
    assert_tells_nothing(caught.value, SECRET)
    assert SECRET not in repr(vars(caught.value))

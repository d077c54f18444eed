"""Names and passwords of file hosts, seen by those who would like to have them."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from asyncdl.errors import AsyncdlError, TransferError
from asyncdl.net import address_policy
from asyncdl.net.addresses import Zone, zone_of
from asyncdl.redact import SecretBytes
from asyncdl.transfer import Netrc
from asyncdl.transfer.http import next_url
from asyncdl.transfer.logins import LoginBook
from asyncdl.transfer.netrc import parse_netrc
from tests.e2e.conftest import Run
from tests.security.test_tracebacks import ONCE, assert_tells_nothing
from tests.transfer.fault_server import (
    FaultServer,
    HostedFile,
    Received,
    Reply,
    Rig,
    cut,
    fixed,
    redirect,
    rig,
    serving,
    status,
)

SECRET = "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWU"
FILE = HostedFile(bytes(range(256)) * 40)
ENCODED = base64.b64encode(f"me:{SECRET}".encode()).decode()


def netrc(text: str) -> Netrc:
    return parse_netrc(SecretBytes(text.encode()), "~/.netrc")


def with_user(url: str, userinfo: str = f"me:{SECRET}") -> str:
    return url.replace("://", f"://{userinfo}@", 1)


def passwords_seen(*hosts: FaultServer) -> list[str]:
    return [
        request.headers["authorization"]
        for host in hosts
        for request in host.requests
        if "authorization" in request.headers
    ]


@dataclass(frozen=True)
class Trap:
    """A host that redirects to one of an attacker's, and that one."""

    rig: Rig
    attacker: FaultServer


@asynccontextmanager
async def trap(
    directory: Path,
    target: Callable[[FaultServer], str],
    address: str,
    passwords: Netrc | None = None,
) -> AsyncIterator[Trap]:
    async with serving(FILE, address=address) as attacker:
        leads = redirect(target(attacker))
        async with rig(directory, leads, limits=ONCE, netrc=passwords) as r:
            yield Trap(r, attacker)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"], ids=["port", "host"])
async def test_a_password_in_a_url_goes_to_its_origin_only(tmp_path: Path, address: str) -> None:
    async with trap(tmp_path, lambda host: f"{host.url}/x", address) as t:
        await t.rig.fetch(url=with_user(f"{t.rig.server.url}/data"))
    assert passwords_seen(t.rig.server) == [f"Basic {ENCODED}"]
    assert (passwords_seen(t.attacker), len(t.attacker.requests)) == ([], 1)


def test_a_password_in_a_url_goes_to_no_other_scheme() -> None:
    logins = LoginBook().of(with_user("http://host/a"))
    assert logins.find("http://host/b") is not None
    assert logins.find("https://host/b") is None
    assert logins.find("http://host:8080/b") is None
    assert logins.find("http://sub.host/b") is None


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1.evil.example", "27.0.0.1"])
async def test_a_password_of_a_netrc_goes_to_hosts_that_it_names_only(
    tmp_path: Path, host: str
) -> None:
    passwords = netrc(f"machine {host}.other login me password {SECRET}")
    async with trap(tmp_path, lambda host: f"{host.url}/x", "127.0.0.2", passwords) as t:
        await t.rig.fetch()
    assert passwords_seen(t.rig.server, t.attacker) == []


async def test_the_password_of_one_host_goes_to_no_other(tmp_path: Path) -> None:
    passwords = netrc(f"machine 127.0.0.1 login me password {SECRET}")
    async with trap(tmp_path, lambda host: f"{host.url}/x", "127.0.0.2", passwords) as t:
        await t.rig.fetch()
    assert passwords_seen(t.rig.server) == [f"Basic {ENCODED}"]
    assert passwords_seen(t.attacker) == []


async def test_default_is_for_no_host_that_a_redirect_names(tmp_path: Path) -> None:
    passwords = netrc(f"default login me password {SECRET}")
    async with trap(tmp_path, lambda host: f"{host.url}/x", "127.0.0.2", passwords) as t:
        await t.rig.fetch()
    assert passwords_seen(t.attacker) == []


def test_no_password_of_a_netrc_is_sent_in_the_clear() -> None:
    """But to this machine: a link in a list, or a redirect, would be enough to have it read."""
    text = "".join(
        f"machine {host} login me password {SECRET}\n"
        for host in ("host", "10.0.0.1", "localhost", "127.0.0.9", "::1", "localhost.evil.example")
    )
    book = LoginBook(netrc(text))
    for url in ("http://host/a", "http://10.0.0.1/", "http://localhost.evil.example/"):
        logins = book.of(url)
        assert logins.find(url) is None
        assert "not sent over plain http" in logins.withheld(url)
        assert SECRET not in logins.withheld(url)
        by_name = book.of(with_user(url, "me"))
        assert by_name.find(url) is None and by_name.withheld(url)
    for url in ("https://host/a", "http://localhost:1/", "http://127.0.0.9:1/", "http://[::1]/"):
        assert book.of(url).find(url) is not None


async def test_who_wants_a_password_in_the_clear_is_told_why_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``example.test`` is this machine for the test, but not by its name."""
    from asyncdl.transfer.wire import client

    real = client._look_up

    async def look_up(host: str, port: int) -> list[address_policy.Address]:
        return await real("127.0.0.1", port)

    monkeypatch.setattr(client, "_look_up", look_up)
    passwords = netrc(f"machine example.test login me password {SECRET}")
    async with rig(tmp_path, status(401), limits=ONCE, netrc=passwords) as r:
        with pytest.raises(TransferError, match="not sent over plain http: use https") as refused:
            await r.fetch(url=f"http://example.test:{r.server.port}/x")
    assert refused.value.reason == "login-failed"
    assert passwords_seen(r.server) == []


def test_a_password_that_a_redirect_holds_is_dropped() -> None:
    """As whom we are known to one host is no other's decision."""
    url = next_url("http://a/b", f"http://me:{SECRET}@c/d", LoginBook(netrc("")).of("http://a/b"))
    assert url == "http://c/d"
    assert LoginBook().of("http://me:own@a/b").find("http://me:theirs@a/c") is not None
    found = LoginBook().of("http://me:own@a/b").find("http://me:theirs@a/c")
    assert found is not None and base64.b64decode(found.value[6:]) == b"me:own"


async def test_a_netrc_leads_nobody_further_inward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def zone(address: str) -> Zone:
        return Zone.PUBLIC if address == "127.0.0.1" else zone_of(address)

    monkeypatch.setattr(address_policy, "zone_of", zone)
    passwords = netrc(f"machine 127.0.0.2 login me password {SECRET}")
    async with trap(tmp_path, lambda host: f"{host.url}/x", "127.0.0.2", passwords) as t:
        with pytest.raises(TransferError) as refused:
            await t.rig.fetch()
    assert (refused.value.reason, t.attacker.connections) == ("inward-address", 0)


def echo(received: Received) -> Reply:
    """A host that throws back what it is sent, as a page."""
    told = received.headers.get("authorization", "")
    page = f"<html><title>{told} {received.target}</title>".encode()
    return fixed("403 No", page, Content_Type="text/html", X_Echo=told)(received)


@pytest.mark.parametrize("responder", [echo, status(401), cut(FILE, 10), redirect("/login")])
async def test_no_exception_and_no_frame_holds_a_password(
    tmp_path: Path, responder: Callable[[Received], Reply]
) -> None:
    passwords = netrc(f"machine 127.0.0.1 login me password {SECRET}")
    async with rig(tmp_path, responder, limits=ONCE, netrc=passwords) as r:
        for url in (f"{r.server.url}/x", with_user(f"{r.server.url}/y")):
            with pytest.raises(AsyncdlError) as caught:
                await r.fetch(url=url)
            assert_tells_nothing(caught.value, SECRET, ENCODED)
        told = repr([r.events, r.downloader, vars(r.downloader)])
    assert SECRET not in told and ENCODED not in told


@pytest.mark.slow
@pytest.mark.parametrize("responder", [FILE, echo, cut(FILE, 10)], ids=["good", "echo", "cut"])
async def test_no_password_is_in_what_get_prints_or_writes(
    asyncdl_run: Run, tmp_path: Path, responder: Callable[[Received], Reply]
) -> None:
    """At debug level, in text and in JSON, and in the notes beside an unfinished file."""
    path = tmp_path / "netrc"
    path.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    path.chmod(0o600)
    folder = tmp_path / "data"
    async with serving(responder) as host:
        for number, form in enumerate((["-vv", "--no-progress"], ["-vv", "--json"])):
            urls = f"{host.url}/{number}", with_user(f"{host.url}/u{number}")
            more = "-d", folder, "--netrc-file", path, "--attempts", "1"
            ended = await asyncdl_run("get", *urls, *more, *form)
            for text in (ended.stdout, ended.stderr):
                assert SECRET not in text and ENCODED not in text
        assert set(passwords_seen(host)) == {f"Basic {ENCODED}"}
    for kept in folder.rglob("*"):
        assert SECRET.encode() not in kept.read_bytes()
        assert ENCODED.encode() not in kept.read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
async def test_a_netrc_that_others_may_read_is_not_used(asyncdl_run: Run, tmp_path: Path) -> None:
    path = tmp_path / ".netrc"
    path.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    path.chmod(0o644)
    async with serving(FILE) as host:
        for how in (["--netrc-file", path], ["--netrc"]):
            ended = await asyncdl_run("get", f"{host.url}/x", "-d", tmp_path, *how, NETRC=str(path))
            assert ended.status == 2
            assert "chmod 600" in ended.stderr and SECRET not in ended.stderr
        assert host.connections == 0

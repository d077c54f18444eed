"""Nobody leads us further inward than where they are."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import NetworkError, TransferError
from asyncdl.transfer import guard
from asyncdl.transfer.guard import InwardAddress
from asyncdl.transfer.zones import Zone, outmost, zone_of
from tests.transfer.fault_server import QUICK, HostedFile, redirect, rig, serving

FILE = HostedFile(bytes(range(256)) * 40)
PUBLIC_SERVICE = "https://1.1.1.1/api/"

ZONES = {
    Zone.PUBLIC: [
        "8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::",
    ],
    Zone.PRIVATE: [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "fc00::1", "fec0::1", "ff02::1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::",
    ],
    Zone.LINK: [
        "169.254.0.1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
    ],
    Zone.LOOPBACK: [
        "127.0.0.1", "127.255.0.9", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1",
        "::ffff:0.0.0.0", "64:ff9b::7f00:1", "2002:7f00:1::",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "zone"), [(text, zone) for zone, texts in ZONES.items() for text in texts]
)
def test_every_special_range_is_known(address: str, zone: Zone) -> None:
    assert zone_of(address) is zone


@given(st.ip_addresses(v=4))
def test_what_is_not_for_all_is_never_public(ip: ipaddress.IPv4Address) -> None:
    is_inward = ip.is_private or ip.is_loopback or ip.is_link_local or ip.is_multicast
    assert not (is_inward and zone_of(str(ip)) is Zone.PUBLIC)


@given(st.ip_addresses(v=4))
def test_an_address_in_a_wrapping_is_where_it_ends(ip: ipaddress.IPv4Address) -> None:
    for wrapping in ("::ffff:0:0", "64:ff9b::"):
        wrapped = ipaddress.IPv6Address(int(ipaddress.IPv6Address(wrapping)) + int(ip))
        assert zone_of(str(wrapped)) is zone_of(str(ip))


@given(st.lists(st.ip_addresses(v=4).map(str), max_size=3))
def test_a_host_is_where_it_can_be_reached_from(addresses: list[str]) -> None:
    zone = outmost(addresses)
    assert all(zone <= zone_of(address) for address in addresses)
    assert zone is Zone.PUBLIC or zone in map(zone_of, addresses)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"])
async def test_a_public_service_may_not_name_this_machine(tmp_path: Path, host: str) -> None:
    """It is refused before a byte is sent to it."""
    async with rig(tmp_path, FILE) as r:
        url = f"http://{host}:{r.server.port}/file.bin"
        with pytest.raises(InwardAddress) as refused:
            await r.fetch(url=url, named_by="http://1.1.1.1/api/")
    assert refused.value.reason == "inward-address" and not refused.value.retryable
    assert (r.server.connections, r.names) == (0, [])


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0"])
async def test_an_address_in_an_odd_form_is_not_asked_at_all(tmp_path: Path, host: str) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(NetworkError, match="is no address") as refused:
            await r.fetch(url=f"http://{host}:{r.server.port}/file.bin")
    assert (refused.value.retryable, r.server.connections) == (False, 0)


async def test_a_local_service_may_name_this_machine(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        await r.fetch(named_by=f"http://localhost:{r.server.port}/api/")
    assert r.content() == FILE.body


async def test_a_user_may_name_any_machine(tmp_path: Path) -> None:
    async with rig(tmp_path, redirect("/elsewhere"), FILE) as r:
        await r.fetch()
    assert r.content() == FILE.body


async def test_a_fresh_url_is_trusted_no_more_than_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refresh() -> str:
        return "file:///etc/passwd"

    async with rig(tmp_path, redirect("/login")) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch(named_by=r.server.url, refresh=refresh)
    assert refused.value.reason == "bad-url"


@pytest.fixture
def first_loopback_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take 127.0.0.1 for a public address, and leave 127.0.0.2 where it is."""

    def zone(address: str) -> Zone:
        return Zone.PUBLIC if address == "127.0.0.1" else zone_of(address)

    monkeypatch.setattr(guard, "zone_of", zone)


@pytest.mark.usefixtures("first_loopback_is_public")
async def test_a_public_host_may_not_redirect_inward(tmp_path: Path) -> None:
    """Not even when it was the user who named that host."""
    async with (
        serving(FILE, address="127.0.0.2") as inner,
        rig(tmp_path, redirect(inner.url)) as r,
    ):
        with pytest.raises(InwardAddress):
            await r.fetch()
    assert (len(r.server.requests), inner.connections) == (1, 0)


@pytest.mark.usefixtures("first_loopback_is_public")
async def test_a_public_host_may_redirect_to_another(tmp_path: Path) -> None:
    async with serving(FILE) as other, rig(tmp_path, redirect(other.url)) as r:
        await r.fetch()
    assert r.content() == FILE.body


@pytest.mark.usefixtures("first_loopback_is_public")
async def test_a_connection_that_stands_is_no_way_around(tmp_path: Path) -> None:
    """The user's own request opened it; what a stranger's gets over it is not used."""
    async with serving(FILE, address="127.0.0.2") as inner, rig(tmp_path, redirect(inner.url)) as r:
        await r.fetch("mine.bin", url=inner.url)
        with pytest.raises(InwardAddress):
            await r.fetch("theirs.bin")
    assert (inner.connections, r.names) == (1, ["mine.bin"])


def answers(script: dict[str, list[str]]) -> Any:
    """Return a ``getaddrinfo`` whose n-th answer for a name is the n-th in its script."""
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in script:
            return real(host, port, *args, **kwargs)
        address = script[name].pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port or 0)))]

    return look_up


async def test_a_name_that_changes_its_address_is_no_way_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public while it is looked at, this machine when it is connected to."""
    script = {"rebind.example": ["1.1.1.1", "127.0.0.1"]}
    monkeypatch.setattr(socket, "getaddrinfo", answers(script))
    async with rig(tmp_path, FILE, limits=QUICK) as r:
        url = f"http://rebind.example:{r.server.port}/file.bin"
        with pytest.raises(InwardAddress):
            await r.fetch(url=url, named_by="http://rebind.example/api/")
    assert (script["rebind.example"], r.server.connections) == ([], 0)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "bad-url"),
        ("ftp://1.1.1.1/a", "bad-url"),
        ("gopher://1.1.1.1/a", "bad-url"),
        ("data:text/plain,a", "bad-url"),
        ("//1.1.1.1/a", "bad-url"),
        ("http://", "bad-url"),
        ("http://1.1.1.1/a", "insecure-redirect"),
        ("https://ers.cr.usgs.gov/login", "login-page"),
    ],
)
async def test_what_a_service_names_is_checked_like_a_redirect(
    tmp_path: Path, url: str, reason: str
) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch(url=url, named_by=PUBLIC_SERVICE)
    assert refused.value.reason == reason


async def test_a_password_in_a_named_url_goes_nowhere(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        await r.fetch(url=f"http://ann:pass@127.0.0.1:{r.server.port}/a", named_by=r.server.url)
    assert "authorization" not in r.server.requests[0].headers

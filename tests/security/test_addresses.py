"""Nobody leads us further inward than where they are."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import ClientSession
from hypothesis import example, given
from hypothesis import strategies as st

from asyncdl.config import parse_config
from asyncdl.errors import NetworkError, TransferError
from asyncdl.job.job import Job
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.net import address_policy, hosts, sessions
from asyncdl.net.address_policy import BlockedAddress
from asyncdl.net.addresses import Zone, zone_of
from asyncdl.net.aiohttp_faults import KnownFault
from asyncdl.net.hosts import innermost_zone, outermost_zone
from asyncdl.net.proxies import VARIABLES, proxy_of
from asyncdl.net.sessions import open_session
from asyncdl.sandbox import Service
from asyncdl.sandbox.origin_check import Listener
from asyncdl.transfer import Downloader, FileRequest
from asyncdl.transfer.wire.client import WireClient
from asyncdl.transfer.wire_url import read_target
from tests.proxy import far, open_proxy
from tests.tls_door import open_door, server_context
from tests.transfer.fault_server import (
    QUICK,
    End,
    FaultServer,
    HostedFile,
    fixed,
    redirect,
    rig,
    serving,
)

FILE = HostedFile(bytes(range(256)) * 40)
PUBLIC_SERVICE = "https://1.1.1.1/api/"
PUBLIC_HTTP = "http://m2m.example/api/"

ZONES = {
    Zone.PUBLIC: [
        "8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::",
    ],
    Zone.PRIVATE: [
        "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "fc00::1", "fec0::1", "ff02::1",
        "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "0.1.2.3", "100::1", "5f00::1",
        "2001:db8::1", "3fff::1", "4000::1", "ff0e::1", "::10.0.0.1", "::ffff:0:10.0.0.1",
        "64:ff9b:1::808:808", "64:ff9b:1:808:8:800::", "2001:0:808:808::f7f7:f7f7",
    ],
    Zone.LINK: [
        "169.254.0.1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254",
        "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23",
        "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:a9fe:a9fe::1", "fd00:42::42",
        "fe80::a9fe:a9fe", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe", "::169.254.169.254",
        "::ffff:0:169.254.169.254", "2002:a9fe:a9fe::1", "2606:4700::5efe:a9fe:a9fe",
        "::ffff:168.63.129.16", "::ffff:100.100.100.200",
    ],
    Zone.LOOPBACK: [
        "127.0.0.1", "127.255.0.9", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1",
        "::ffff:0.0.0.0", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1",
        "::ffff:0:127.0.0.1", "64:ff9b:1::7f00:1", "64:ff9b:1:7f00:0:100::",
        "64:ff9b:1:0:7f:0:100:0", "2001:0:808:808::80ff:fffe", "2001:0:7f00:1::f7f7:f7f7",
        "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:127.0.0.1", "fe80::5efe:7f00:1",
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


THIS_MACHINE = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0X7F.0x0.0.1",
    "017700000001", "0177.0.0.1", "0127.0.0.1", "127.0.0.01", "000000127.1", "127.0.0.1.",
    "0", "0.0.0.0", "0x0", "00", "127.255.1", "127.16777215", "1.2.3.4.5", "300.0.0.1",
    "4294967297", "localhost", "LocalHost.", "a.localhost", "localhost.localdomain",
    "ip6-loopback", "[::1]", "[::]", "[0:0::0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
]  # fmt: skip
"""How a URL can spell it, for one program or another."""
IN_OTHER_LETTERS = [
    "%31%32%37.0.0.1", "%2531%2532%2537.1", "%6cocalhost", "127%2e0%2E0.1", "%5B::1%5D",
    "%EF%BC%91%EF%BC%92%EF%BC%97.1", "\uff11\uff12\uff17.0.0.1", "127\u30020\uff0e0\uff611",
    "\u2460\u2461\u2466.1", "\u24dbocalhost", "\u2113ocalhost", "local\u00adhost",
    "1\u200b27.0.0.1", "127.0.0.1 .example", "[::1%25lo]",
    "[::1%lo]",
]  # fmt: skip


@pytest.mark.parametrize("host", [*THIS_MACHINE, *IN_OTHER_LETTERS])
def test_every_spelling_of_this_machine_is_known(host: str) -> None:
    assert innermost_zone(host) is Zone.LOOPBACK


@pytest.mark.parametrize(
    ("host", "zone"),
    [
        ("0xa9fea9fe", Zone.LINK),
        ("2852039166", Zone.LINK),
        ("0251.0376.0251.0376", Zone.LINK),
        ("[fe80::1%25eth0]", Zone.LINK),
        ("[fe80::1%e1]", Zone.LINK),
        ("metadata.google.internal", Zone.LINK),
        ("10.1", Zone.PRIVATE),
        ("010.0.0.1", Zone.PRIVATE),
        ("0300.0250.1.1", Zone.PRIVATE),
        ("router", Zone.PRIVATE),
        ("printer.local.", Zone.PRIVATE),
        ("8.8.8.8", Zone.PUBLIC),
        ("[2606:4700::1]", Zone.PUBLIC),
        ("landsatlook.usgs.gov", Zone.PUBLIC),
        ("localhost.example.org", Zone.PUBLIC),
        ("xn--bcher-kva.example", Zone.PUBLIC),
        ("127.0.0.1.example.org", Zone.PUBLIC),
    ],
)
def test_a_text_is_as_far_inward_as_anybody_may_read_it(host: str, zone: Zone) -> None:
    assert innermost_zone(host) is zone


numbers = st.builds(
    lambda value, form, zeros: form.format("0" * zeros, value),
    st.one_of(st.sampled_from([0, 1, 10, 127, 169, 254, 2130706433]), st.integers(0, 2**32)),
    st.sampled_from(["{1:d}", "0{0}{1:o}", "0x{0}{1:x}", "0X{0}{1:X}", "{0}{1:d}"]),
    st.integers(0, 3),
)
spellings = st.one_of(
    st.lists(numbers, min_size=1, max_size=5).map(".".join),
    st.text("0123456789xXabcdefABCDEF.", max_size=16),
)


@given(spellings)
@example("127.1")
@example("0x.1")
@example("08.1")
def test_no_system_reads_an_address_that_we_do_not_see(text: str) -> None:
    """The C library is asked what it makes of a text, and never goes further inward."""
    try:
        read = socket.inet_ntoa(socket.inet_aton(text))
    except OSError:
        return
    assert outermost_zone(text) <= zone_of(read) <= innermost_zone(text)


@given(st.text(max_size=40))
def test_a_service_is_never_further_inward_than_what_it_may_name(text: str) -> None:
    assert outermost_zone(text) <= innermost_zone(text)


def test_a_host_without_an_end_costs_nothing() -> None:
    for host in ("%25" * 300 + "1", "1" * 100_000, "0" * 900 + "1", "." * 5000, "\uff05" * 1000):
        assert outermost_zone(host) in Zone and innermost_zone(host) in Zone


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"])
async def test_a_public_service_may_not_name_this_machine(tmp_path: Path, host: str) -> None:
    """It is refused before a byte is sent to it."""
    async with rig(tmp_path, FILE) as r:
        url = f"http://{host}:{r.server.port}/file.bin"
        with pytest.raises(BlockedAddress) as refused:
            await r.fetch(url=url, named_by="http://1.1.1.1/api/")
    assert refused.value.reason == "inward-address" and not refused.value.retryable
    assert (r.server.connections, r.names) == (0, [])


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0"])
async def test_an_address_in_an_odd_form_is_not_asked_at_all(tmp_path: Path, host: str) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(NetworkError, match="not a valid host name or address") as refused:
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

    for room in (address_policy, hosts, sessions):
        monkeypatch.setattr(room, "zone_of", zone)


@pytest.mark.usefixtures("first_loopback_is_public")
async def test_a_public_host_may_not_redirect_inward(tmp_path: Path) -> None:
    """Not even when it was the user who named that host."""
    async with (
        serving(FILE, address="127.0.0.2") as inner,
        rig(tmp_path, redirect(inner.url)) as r,
    ):
        with pytest.raises(BlockedAddress):
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
        with pytest.raises(BlockedAddress):
            await r.fetch("theirs.bin")
    assert (inner.connections, r.names) == (1, ["mine.bin"])


def answers(script: dict[str, list[list[str]]]) -> Any:
    """Return a ``getaddrinfo`` whose n-th answer for a name is the n-th in its script."""
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in script:
            return real(host, port, *args, **kwargs)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port or 0)))
            for address in script[name].pop(0)
        ]

    return look_up


async def test_a_name_that_changes_its_address_is_no_way_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public while it is looked at, this machine when it is connected to."""
    script = {"rebind.example": [["127.0.0.1"]]}
    monkeypatch.setattr(socket, "getaddrinfo", answers(script))
    async with rig(tmp_path, FILE, limits=QUICK) as r:
        url = f"http://rebind.example:{r.server.port}/file.bin"
        with pytest.raises(BlockedAddress):
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


# --- where a service is: the other end of its connection, and no second look-up -------------------

CA = trustme.CA()
SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"


def job_at(url: str, service: Service, folder: Path) -> Job:
    config = parse_config(
        {
            "service": {"url": url, "stac_url": ""},
            "search": {"scenes": [SCENE]},
            "products": [{"kind": "bands", "bands": ["SR_B4"]}],
        },
        base=folder,
    )
    return Job(config, credentials=Credentials(service.username, service.token))


@pytest.fixture
def any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the sandbox serve whoever asks for it by another name, as a host of such a name does."""
    monkeypatch.setattr(Listener, "is_meant_by", lambda listener, host: True)


@asynccontextmanager
async def named(
    name: str, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """Serve the sandbox by TLS under a name that resolves to here; its files are at an address."""
    CA.cert_pem.write_to_path(str(folder / "ca.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(folder / "ca.pem"))
    monkeypatch.setattr(socket, "getaddrinfo", answers({name: [["127.0.0.1"]] * 9}))
    inner = int(service.origin.rpartition(":")[2])
    async with open_door(server_context(CA, names=(name,)), inner) as door:
        monkeypatch.setattr(service._state, "origin", f"https://127.0.0.1:{door}")
        yield service.url.replace("127.0.0.1", name)


@pytest.mark.usefixtures("any_name")
async def test_a_service_that_moves_to_this_machine_afterwards_may_not_name_it(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It replied from a public address; each look-up since then says that it is here."""
    monkeypatch.setattr(sessions, "zone_of", lambda address: Zone.PUBLIC)
    async with named("evil.example", service, tmp_path, monkeypatch) as url:
        report = await job_at(url, service, tmp_path).run()
    assert {failure.reason for failure in report.failures} == {"inward-address"}
    assert not service.file_requests and not list(tmp_path.rglob("*.TIF"))


@pytest.mark.usefixtures("any_name")
async def test_a_service_on_this_machine_may_name_it_by_whatever_name_it_goes(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with named("mine.example", service, tmp_path, monkeypatch) as url:
        assert (await job_at(url, service, tmp_path).run()).status == "complete"


@pytest.mark.usefixtures("first_loopback_is_public")
async def test_a_client_knows_the_outmost_place_of_its_service(service: Service) -> None:
    account = Credentials(service.username, service.token)
    async with M2MClient(account, url=service.url) as client:
        await client.permissions()
        assert client.zone is Zone.PUBLIC
    async with (
        ClientSession() as session,
        M2MClient(
            account, url=service.url.replace("127.0.0.1", "localhost"), session=session
        ) as client,
    ):
        await client.permissions()
        assert client.zone is Zone.LOOPBACK  # its text is all that is known


@pytest.mark.usefixtures("first_loopback_is_public")
@pytest.mark.parametrize("later", [["127.0.0.2"], ["127.0.0.2", "0.0.0.0"]])
async def test_the_session_of_a_service_goes_no_further_inward_later(
    later: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the next page of a search would, at the same name and another address."""
    async with serving(fixed(end=End.CLOSE)) as outer:
        script = {"evil.example": [["127.0.0.1"], later, ["127.0.0.1", "127.0.0.2"]]}
        monkeypatch.setattr(socket, "getaddrinfo", answers(script))
        inner = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.2", outer.port)
        url = f"http://evil.example:{outer.port}/"
        async with inner, await open_session(url, None) as session:
            for is_refused in (False, True, False):
                session.connector.clear_dns_cache()  # type: ignore[union-attr]
                if is_refused:
                    with pytest.raises(KnownFault, match="further into this network"):
                        await session.get(url)
                else:
                    (await session.get(url)).close()
    assert (len(outer.requests), script["evil.example"]) == (2, [])


@pytest.mark.usefixtures("first_loopback_is_public")
async def test_of_a_host_with_many_addresses_those_that_are_allowed_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(tmp_path, FILE) as r:
        hears = asyncio.Event()
        inner = await asyncio.start_server(lambda *_: hears.set(), "127.0.0.2", r.server.port)
        script = {"both.example": [["127.0.0.2", "127.0.0.1"]] * 9}
        monkeypatch.setattr(socket, "getaddrinfo", answers(script))
        url = f"http://both.example:{r.server.port}/file.bin"
        async with inner:
            await r.fetch(url=url, named_by="http://1.1.1.1/api/")
    assert r.content() == FILE.body and not hears.is_set()


@pytest.mark.usefixtures("first_loopback_is_public")
async def test_a_connection_beneath_the_last_one_is_no_way_around(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two are idle at one name; the outer one, which was used last, has been closed meanwhile."""
    script = {"evil.example": [["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2"]]}
    monkeypatch.setattr(socket, "getaddrinfo", answers(script))
    client, outer = WireClient(QUICK), FaultServer(FILE)
    async with serving(FILE, address="127.0.0.2") as inner:
        target = read_target(f"http://evil.example:{inner.port}/a")
        async with await asyncio.start_server(outer.serve, "127.0.0.1", inner.port):
            both = [await client.get(target, {}), await client.get(target, {})]
            for exchange in both:
                while await exchange.read(1 << 20, 5.0):
                    pass
                exchange.close()
            outer.close()
            while client._idle[target.origin][-1].is_usable:
                await asyncio.sleep(0)
            with pytest.raises(address_policy.AddressRefused):
                await client.get(target, {}, Zone.PUBLIC)
            (await client.get(target, {})).close()
        await client.aclose()
    assert (inner.connections, len(inner.requests)) == (1, 2)


# --- by a proxy, or by somebody else's session: the text is all there is --------------------------


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


INWARD = [*THIS_MACHINE, "169.254.169.254", "0xa9fea9fe", "[fd00:ec2::254]", "10.0.0.1", "router",
          "metadata.google.internal"]  # fmt: skip


@pytest.mark.usefixtures("no_proxies")
async def test_no_redirect_leads_a_proxy_inward(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy may be on this machine, where it would connect to whatever it is handed."""
    hops = [redirect(f"http://{host}:1/secret") for host in (*INWARD, *IN_OTHER_LETTERS)]
    async with open_proxy() as proxy, serving(*hops) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with Downloader(QUICK) as downloader:
            for _ in hops:
                with pytest.raises(TransferError) as refused:
                    await downloader.fetch(FileRequest(f"{far(server.url)}/a.bin", tmp_path))
                assert refused.value.reason in ("inward-address", "bad-url")
    assert set(proxy.asked) == {f"GET {far(server.url)}/a.bin"}
    assert len(server.requests) == len(hops)


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[object]]]:
    """Give a port, and everybody who has come to it."""
    came: list[object] = []

    def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(writer)
        writer.close()

    async with await asyncio.start_server(note, "127.0.0.1") as server:
        yield server.sockets[0].getsockname()[1], came


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("kind", ["http", "https", "socks4", "socks4a", "socks5", "socks5h"])
async def test_no_service_leads_a_proxy_inward(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the link itself, nor by a mirror of it, nor by a fresh one."""
    async with listening() as (port, came):
        monkeypatch.setenv("ALL_PROXY", f"{kind}://127.0.0.1:{port}")
        async with Downloader(QUICK) as downloader:
            for host in INWARD:
                url = f"http://{host}:{port}/a"
                request = FileRequest(
                    url, tmp_path, mirrors=(url + "b",), named_by="http://m2m.example/api/"
                )
                with pytest.raises(TransferError, match="further inward") as refused:
                    await downloader.fetch(request)
                assert refused.value.reason == "inward-address"
    assert came == []


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("kind", ["socks4", "socks5"])
async def test_a_name_that_this_machine_looks_up_for_a_proxy_leads_nowhere_inward(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = {"evil.example": [["8.8.8.8", "127.0.0.1"]]}
    monkeypatch.setattr(socket, "getaddrinfo", answers(script))
    async with listening() as (port, came):
        monkeypatch.setenv("ALL_PROXY", f"{kind}://127.0.0.1:{port}")
        async with Downloader(QUICK) as downloader:
            with pytest.raises(BlockedAddress):
                await downloader.fetch(
                    FileRequest("http://evil.example/a", tmp_path, named_by=PUBLIC_HTTP)
                )
    assert (came, script) == ([], {"evil.example": []})


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_no_proxy_is_asked_for_this_machine(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    assert proxy_of("http", host.strip("[]"), 80) is None


@pytest.mark.usefixtures("no_proxies", "any_name")
async def test_a_service_behind_a_proxy_is_public_and_so_are_its_links(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer is the proxy, on this machine; the service is not."""
    async with (
        named("far.test", service, tmp_path, monkeypatch) as url,
        open_proxy() as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        report = await job_at(url, service, tmp_path).run()
    assert {failure.reason for failure in report.failures} == {"inward-address"}
    assert proxy.asked and not service.file_requests


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "10.0.0.1", "0x7f.1"])
async def test_a_session_of_the_programs_own_is_handed_no_inward_host(
    tmp_path: Path, host: str
) -> None:
    async with (
        listening() as (port, came),
        ClientSession() as session,
        Downloader(QUICK, session=session) as downloader,
    ):
        with pytest.raises(BlockedAddress):
            await downloader.fetch(
                FileRequest(f"http://{host}:{port}/a", tmp_path, named_by=PUBLIC_HTTP)
            )
    assert came == []

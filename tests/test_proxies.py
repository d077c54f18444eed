"""Hosts that are reached by a proxy alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trustme

from asyncdl.config import parse_config
from asyncdl.errors import NetworkError, TransferError
from asyncdl.job.job import Job
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.net import sessions
from asyncdl.net.proxies import names_proxy, proxy_of
from asyncdl.sandbox import Service
from asyncdl.transfer import Downloader, FileRequest
from tests.proxy import far, open_proxy
from tests.security.attacker import listening
from tests.tls_door import Asker, open_door, server_context
from tests.transfer.fault_server import QUICK, HostedFile, cut, serving, status

BODY = bytes(range(256)) * 40
CA = trustme.CA()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def job_at(service: Service, folder: Path) -> Job:
    config = parse_config(
        {
            "service": {"url": service.url, "stac_url": service.stac_url},
            "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
            "products": [{"kind": "bands", "bands": ["SR_B4"]}],
        },
        base=folder,
    )
    return Job(config, credentials=Credentials(service.username, service.token))


async def test_a_file_comes_by_the_proxy_and_is_resumed_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = HostedFile(BODY)
    async with open_proxy() as proxy, serving(cut(file, 1000), file) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with Downloader(QUICK) as downloader:
            fetched = await downloader.fetch(FileRequest(f"{far(server.url)}/a.bin", tmp_path))
    assert fetched.path.read_bytes() == BODY
    assert proxy.asked == [f"GET {far(server.url)}/a.bin"] * 2
    assert [received.headers["range"] for received in server.requests] == [
        "bytes=0-",
        "bytes=1000-",
    ]


async def test_a_user_of_the_proxy_is_told_to_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_proxy(login="name:pass%21") as proxy, serving(HostedFile(BODY)) as server:
        proxy.login = "name:pass!"
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("!", "%21"))
        async with Downloader(QUICK) as downloader:
            await downloader.fetch(FileRequest(f"{far(server.url)}/a.bin", tmp_path))
    assert not any("authorization" in received.headers for received in server.requests)


async def test_a_refusing_proxy_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_proxy(login="name:right") as proxy, serving(HostedFile(BODY)) as server:
        monkeypatch.setenv("http_proxy", proxy.url.replace("right", "s3cret"))
        async with Downloader(QUICK) as downloader:
            with pytest.raises(Exception, match="407") as caught:
                await downloader.fetch(FileRequest(f"{far(server.url)}/a.bin", tmp_path))
    assert "s3cret" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_login_is_named_and_not_asked_again(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_proxy(login="name:right") as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("right", "s3cret"))
        async with Downloader(QUICK) as downloader:
            with pytest.raises(
                NetworkError, match="proxy responded with 407; it wants a"
            ) as caught:
                await downloader.fetch(FileRequest(f"{scheme}://far.test/a.bin", tmp_path))
    assert caught.value.what == f"request to far.test through the proxy 127.0.0.1:{proxy.port}"
    assert len(proxy.asked) == 1
    assert "name:password@" in str(caught.value) and "s3cret" not in str(caught.value)


async def test_a_proxy_that_gets_through_to_nobody_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_proxy(refusal=502) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with Downloader(QUICK) as downloader:
            with pytest.raises(NetworkError, match="the proxy responded with 502") as caught:
                await downloader.fetch(FileRequest("https://far.test/a.bin?sig=s3cret", tmp_path))
    assert len(proxy.asked) == QUICK.backoff.attempts
    assert f"far.test through the proxy 127.0.0.1:{proxy.port}" in str(caught.value)
    assert "s3cret" not in f"{caught.value} {caught.value!r}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_named_without_its_password(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"http://name:s3cret@127.0.0.1:{unused_tcp_port}")
    async with Downloader(QUICK) as downloader:
        with pytest.raises(NetworkError, match="cannot be reached: Connection refused") as caught:
            await downloader.fetch(FileRequest(f"{scheme}://far.test/a.bin", tmp_path))
    assert f"far.test through the proxy 127.0.0.1:{unused_tcp_port}" in str(caught.value)
    assert "s3cret" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "nonsense"])
async def test_this_machine_is_asked_directly(
    proxy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    async with serving(HostedFile(BODY)) as server, Downloader(QUICK) as downloader:
        fetched = await downloader.fetch(FileRequest(f"{server.url}/a.bin", tmp_path))
    assert fetched.path.read_bytes() == BODY


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:1", "nonsense"])
async def test_a_whole_job_on_this_machine_needs_no_proxy(
    proxy: str, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    assert (await job_at(service, tmp_path).run()).status == "complete"


async def test_no_host_behind_the_proxy_leads_to_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which is asked directly, so that no proxy keeps them from it."""
    async with serving(HostedFile(BODY)) as inner:
        leading = status(302, location=f"{inner.url}/a.bin")
        async with open_proxy() as proxy, serving(leading) as server:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            async with Downloader(QUICK) as downloader:
                with pytest.raises(TransferError, match="further inward"):
                    await downloader.fetch(FileRequest(f"{far(server.url)}/a.bin", tmp_path))
    assert inner.requests == []


async def test_a_proxy_of_another_kind_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "quic://127.0.0.1:1")
    async with Downloader(QUICK) as downloader:
        with pytest.raises(NetworkError, match=r"ALL_PROXY=quic://127.0.0.1:1: .* socks5h://"):
            await downloader.fetch(FileRequest("http://192.0.2.1/a.bin", tmp_path))


@pytest.mark.parametrize("scheme", ["", "HTTP://"])
async def test_a_proxy_may_be_written_as_host_and_port(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_proxy(login="name:word") as proxy, serving(HostedFile(BODY)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("http://", scheme))
        async with Downloader(QUICK) as downloader:
            await downloader.fetch(FileRequest(f"{far(server.url)}/a.bin", tmp_path))
    assert proxy.asked == [f"GET {far(server.url)}/a.bin"]


def test_which_proxy_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not names_proxy({"NO_PROXY": "x", "HTTPS_PROXY": ""})
    assert names_proxy({"Https_Proxy": "http://p"})
    monkeypatch.setenv("HTTPS_PROXY", "http://secure")
    monkeypatch.setenv("ALL_PROXY", "http://all")
    monkeypatch.setenv("NO_PROXY", ".inside.example")
    assert proxy_of("https", "host.example", 443) == "http://secure"
    assert proxy_of("http", "host.example", 80) == "http://all"
    assert proxy_of("https", "a.inside.example", 443) is None
    monkeypatch.setenv("https_proxy", "[2001:db8::1]:3128")
    assert proxy_of("https", "host.example", 443) == "http://[2001:db8::1]:3128"


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("LocalHost.", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.9.8.7", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("128.0.0.1", False),
        ("notlocalhost", False),
        ("localhost.example", False),
        ("::2", False),
    ],
)
def test_no_proxy_leads_to_this_machine(
    host: str, is_ours: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all")
    assert (proxy_of("http", host, 8080) is None) == is_ours


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("HTTP_PROXY", "foo", "HTTP_PROXY=foo: "),
        ("http_proxy", "proxy.example:port", "http_proxy=proxy.example:port: "),
        ("ALL_PROXY", "name:s3cret@proxy:0", "ALL_PROXY=***@proxy:0: "),
        ("HTTP_PROXY", "ftp://name:s3c@ret@proxy", "HTTP_PROXY=ftp://***@proxy: "),
        ("HTTP_PROXY", "http://", "HTTP_PROXY=http://: "),
        ("HTTP_PROXY", "http://host:port", "HTTP_PROXY=http://host:***"),
        ("HTTP_PROXY", "http://[::1", "HTTP_PROXY=http://[::1: "),
        ("HTTP_PROXY", "http://name:s3cret@a..b:99", "HTTP_PROXY=http://***@a..b:99: "),
        ("HTTP_PROXY", f"http://{'a' * 64}.b", f"HTTP_PROXY=http://{'a' * 64}.b: "),
    ],
)
def test_a_proxy_that_cannot_be_read_is_told_by_its_variable(
    variable: str, value: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(NetworkError) as caught:
        proxy_of("http", "host.example", 80)
    assert shown in str(caught.value) and "such as http://" in str(caught.value)
    assert "s3c" not in f"{caught.value} {caught.value!r}" and not caught.value.retryable


async def test_a_whole_job_goes_by_the_proxy(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API, catalogue and files; the proxy sees nothing but the host."""
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))
    inner = int(service.origin.rpartition(":")[2])
    async with (
        open_door(server_context(CA, names=("far.test",)), inner) as door,
        open_proxy() as proxy,
    ):
        monkeypatch.setattr(service._state, "origin", f"https://far.test:{door}")
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert (await job_at(service, tmp_path).run()).status == "complete"
    assert set(proxy.asked) == {f"CONNECT far.test:{door}"}
    assert "x-auth-token" not in "".join(proxy.heads).lower()


async def test_what_netrc_holds_is_sent_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login name password s3cret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        listening() as host,
        M2MClient(Credentials("ann", "token"), url=host.url) as m2m,
    ):
        await m2m.call("permissions")
    assert b"X-Auth-Token: a-key" in host.heard
    assert b"authorization" not in host.heard.lower() and b"s3cret" not in host.heard


async def test_a_socks_proxy_without_the_extra_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp_socks", None)
    sessions._socks_connector_class.cache_clear()
    monkeypatch.setenv("ALL_PROXY", "socks5h://name:s3cret@127.0.0.1:1")
    for way in Asker.WAYS:
        with pytest.raises(NetworkError, match=r"\[socks\]") as caught:
            await Asker(tmp_path).ask(way, "https://far.test/")
        assert not caught.value.retryable and "s3cret" not in str(caught.value)

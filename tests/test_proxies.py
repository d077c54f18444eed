"""Hosts that are reached by a proxy alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.config import parse_config
from asyncdl.errors import NetworkError
from asyncdl.job.job import Job
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.proxies import names_proxy, proxy_of
from asyncdl.sandbox import Service
from asyncdl.transfer import Downloader, FileRequest
from tests.proxy import open_proxy
from tests.transfer.fault_server import QUICK, HostedFile, cut, serving

BODY = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def test_a_file_comes_by_the_proxy_and_is_resumed_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = HostedFile(BODY)
    async with open_proxy() as proxy, serving(cut(file, 1000), file) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with Downloader(QUICK) as downloader:
            fetched = await downloader.fetch(FileRequest(f"{server.url}/a.bin", tmp_path))
    assert fetched.path.read_bytes() == BODY
    assert proxy.asked == [f"GET {server.url}/a.bin"] * 2
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
            await downloader.fetch(FileRequest(f"{server.url}/a.bin", tmp_path))
    assert not any("authorization" in received.headers for received in server.requests)


async def test_a_refusing_proxy_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_proxy(login="name:right") as proxy, serving(HostedFile(BODY)) as server:
        monkeypatch.setenv("http_proxy", proxy.url.replace("right", "s3cret"))
        async with Downloader(QUICK) as downloader:
            with pytest.raises(Exception, match="407") as caught:
                await downloader.fetch(FileRequest(f"{server.url}/a.bin", tmp_path))
    assert "s3cret" not in f"{caught.value} {caught.value!r}"


async def test_hosts_without_a_proxy_are_asked_directly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with serving(HostedFile(BODY)) as server, Downloader(QUICK) as downloader:
        fetched = await downloader.fetch(FileRequest(f"{server.url}/a.bin", tmp_path))
    assert fetched.path.read_bytes() == BODY


async def test_a_proxy_of_another_kind_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    async with Downloader(QUICK) as downloader:
        with pytest.raises(NetworkError, match="not spoken here: socks5"):
            await downloader.fetch(FileRequest("http://192.0.2.1/a.bin", tmp_path))


def test_which_proxy_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not names_proxy({"NO_PROXY": "x", "HTTPS_PROXY": ""})
    assert names_proxy({"Https_Proxy": "http://p"})
    monkeypatch.setenv("HTTPS_PROXY", "http://secure")
    monkeypatch.setenv("ALL_PROXY", "http://all")
    monkeypatch.setenv("NO_PROXY", ".inside.example")
    assert proxy_of("https", "host.example", 443) == "http://secure"
    assert proxy_of("http", "host.example", 80) == "http://all"
    assert proxy_of("https", "a.inside.example", 443) is None


async def test_a_whole_job_goes_by_the_proxy(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse_config(
        {
            "service": {"url": service.url, "stac_url": service.stac_url},
            "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
            "products": [{"kind": "bands", "bands": ["SR_B4"]}],
        },
        base=tmp_path,
    )
    async with open_proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        job = Job(config, credentials=Credentials(service.username, service.token))
        assert (await job.run()).status == "complete"
    paths = {asked.removeprefix("GET ").removeprefix("POST ") for asked in proxy.asked}
    assert f"{service.url}download-request" in paths
    assert any("SR_B4.TIF" in path for path in paths)


async def test_what_netrc_holds_is_sent_to_nobody(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login name password s3cret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with open_proxy() as proxy:
        # By the proxy, since it sees all headers.
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with M2MClient(Credentials(service.username, service.token), url=service.url) as m2m:
            await m2m.permissions()
    assert len(proxy.asked) >= 2
    assert not any("authorization" in head.lower() for head in proxy.heads)

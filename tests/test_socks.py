"""Hosts behind a SOCKS proxy: microsocks where it is installed, and one of our own for the rest."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import anyio
import pytest
import trustme

from asyncdl.doctor.host_checks import check_proxies
from asyncdl.errors import NetworkError
from asyncdl.net.proxies import VARIABLES
from asyncdl.sandbox import Service
from asyncdl.transfer import Downloader, FileRequest
from tests.proxy import far
from tests.socks import SocksServer, open_socks
from tests.test_proxies import job_at
from tests.tls_door import Asker, open_door, server_context
from tests.transfer.fault_server import QUICK, HostedFile, cut, serving

pytest.importorskip("aiohttp_socks", reason="needs the extra socks: make extras")
MICROSOCKS = shutil.which("microsocks")
BODY = bytes(range(256)) * 40
CA = trustme.CA()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("scheme", "asked"),
    [("socks5h", "5 far.test"), ("socks4a", "4 far.test")],
)
async def test_a_file_comes_by_socks_and_is_resumed_by_it(
    scheme: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is looked up by the proxy, which alone knows it."""
    file = HostedFile(BODY)
    async with open_socks() as socks, serving(cut(file, 1000), file) as server:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://{socks.netloc}")
        async with Downloader(QUICK) as downloader:
            fetched = await downloader.fetch(FileRequest(f"{far(server.url)}/a.bin", tmp_path))
    assert fetched.path.read_bytes() == BODY
    assert socks.asked == [asked] * 2
    assert [received.headers["range"] for received in server.requests] == [
        "bytes=0-",
        "bytes=1000-",
    ]


@pytest.mark.parametrize("scheme", ["socks5", "socks4", "socks"])
async def test_this_machine_looks_names_up_where_the_scheme_says_so(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_socks() as socks:
        monkeypatch.setenv("HTTP_PROXY", f"{scheme}://{socks.netloc}")
        async with Downloader(QUICK) as downloader:
            with pytest.raises(NetworkError, match="the host name cannot be resolved") as caught:
                await downloader.fetch(FileRequest("http://far.test/a.bin", tmp_path))
    assert caught.value.what == f"request to far.test through the proxy 127.0.0.1:{socks.port}"
    assert not socks.asked


async def test_a_whole_job_behind_tls_goes_by_socks(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API, catalogue and files; the proxy sees nothing but names."""
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))
    inner = int(service.origin.rpartition(":")[2])
    async with (
        open_door(server_context(CA, names=("far.test",)), inner) as door,
        open_socks(login="na me:s3c@ret") as socks,
    ):
        monkeypatch.setattr(service._state, "origin", f"https://far.test:{door}")
        login = "na%20me:s3c%40ret"
        monkeypatch.setenv("HTTPS_PROXY", f"socks5h://{login}@127.0.0.1:{socks.port}")
        assert (await job_at(service, tmp_path).run()).status == "complete"
        assert set(socks.asked) == {"5 far.test"}
        seen = check_proxies([service.url]).seen
    assert seen == f"far.test:{door} through socks5h://***@127.0.0.1:{socks.port}"


CASES = {
    "no user given": (SocksServer(login="a:b"), "", "refused the login: no acceptable", False),
    "a wrong password": (SocksServer(login="a:b"), "a:s3cret@", "refused the login: user", False),
    "a host that is not there": (
        SocksServer(refusal=4),
        "",
        "did not connect to the host: host unreachable",
        True,
    ),
    "a host that refuses": (
        SocksServer(refusal=5),
        "",
        "did not connect to the host: connection refused",
        True,
    ),
    "a rule against it": (
        SocksServer(refusal=2),
        "",
        "did not connect to the host: connection not allowed",
        False,
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_refusing_proxy_is_told_alike_by_all(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, login, said, may_pass = CASES[case]
    async with open_socks(kind.login, kind.refusal) as socks:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{login}127.0.0.1:{socks.port}")
        for way in Asker.WAYS:
            with pytest.raises(NetworkError) as caught:
                await Asker(tmp_path).ask(way, "https://far.test/")
            assert said in caught.value.cause, way
            assert caught.value.retryable == may_pass, way
            assert "s3cret" not in f"{caught.value} {caught.value!r}"


async def test_a_proxy_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"socks5h://name:s3cret@127.0.0.1:{unused_tcp_port}")
    for way in Asker.WAYS:
        with pytest.raises(NetworkError, match="proxy") as caught:
            await Asker(tmp_path).ask(way, "https://far.test/")
        assert "s3cret" not in str(caught.value)


async def test_a_proxy_of_http_is_none_of_socks(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", service.origin.replace("http:", "socks5h:"))
    with pytest.raises(NetworkError, match="does not speak this kind of SOCKS"):
        await Asker(tmp_path).ask("doctor", "http://far.test/")


async def test_a_bad_certificate_behind_socks_is_said_as_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_door(server_context(CA)) as door, open_socks() as socks:
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{socks.netloc}")
        causes = set()
        for way in Asker.WAYS:
            with pytest.raises(NetworkError, match="issuer certificate; a proxy") as caught:
                await Asker(tmp_path).ask(way, f"https://far.test:{door}/")
            assert not caught.value.retryable
            causes.add(caught.value.cause)
    assert len(causes) == 1


@pytest.mark.skipif(MICROSOCKS is None, reason="needs microsocks: make extras")
@pytest.mark.parametrize("login", ["", "name:word"])
async def test_a_server_that_nobody_here_wrote_takes_us(
    login: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    """By an address of this machine that is not of its loopback."""
    address = own_address()
    command = [str(MICROSOCKS), "-i", "127.0.0.1", "-p", str(unused_tcp_port)]
    if login:
        command += ["-u", "name", "-P", "word"]
    async with (
        await anyio.open_process(command, stderr=subprocess.DEVNULL) as microsocks,
        serving(HostedFile(BODY), address=address) as server,
    ):
        while not await listens(unused_tcp_port):
            assert microsocks.returncode is None
            await anyio.sleep(0.01)
        at = f"{login}@" if login else ""
        monkeypatch.setenv("ALL_PROXY", f"socks5://{at}127.0.0.1:{unused_tcp_port}")
        async with Downloader(QUICK) as downloader:
            fetched = await downloader.fetch(FileRequest(f"{server.url}/a.bin", tmp_path))
        microsocks.kill()
    assert fetched.path.read_bytes() == BODY


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but its loopback's")
        found: str = probe.getsockname()[0]
        return found


async def listens(port: int) -> bool:
    try:
        stream = await anyio.connect_tcp("127.0.0.1", port)
    except OSError:
        return False
    await stream.aclose()
    return True

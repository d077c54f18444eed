"""Bodies over TLS in records of odd sizes, cut anywhere, or with new keys on the way."""

from __future__ import annotations

import array
import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
import trustme

from asyncdl.errors import NetworkError
from asyncdl.transfer import FileRequest
from tests.ports import free_ports
from tests.transfer.fault_server import QUICK, HostedFile, downloading, rig

BODY = bytes(range(256)) * 200
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
ONE_TRY = replace(QUICK, backoff=replace(QUICK.backoff, attempts=1))


@pytest.fixture(autouse=True)
def is_secure(client: str) -> None:
    """Leave the runs without TLS to the other files."""
    if client != "tls":
        pytest.skip("needs no run without TLS")


class Host:
    """The server's end of one connection, record by record."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self.plain = plain
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def until_done(self, step: Callable[[], object]) -> object:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self.plain.sendall(self.outgoing.read())
                self.incoming.write(self.plain.recv(65536))

    def records(self, data: bytes, size: int) -> bytes:
        """Return data as it is sent, in records of one size."""
        for start in range(0, len(data), size):
            self.tls.write(data[start : start + size])
        return self.outgoing.read()


@contextmanager
def host(context: ssl.SSLContext, respond: Callable[[Host], None]) -> Iterator[str]:
    """Serve one connection in a thread: shake hands, read the request, respond, close."""

    def serve() -> None:
        with suppress(OSError):
            plain, _ = listener.accept()
            with plain:
                end = Host(plain, context)
                end.until_done(end.tls.do_handshake)
                end.until_done(lambda: end.tls.read(65536))
                respond(end)
                plain.shutdown(socket.SHUT_WR)
                while plain.recv(65536):
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}/file.bin"
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("size", [1, 100, 16_384])
async def test_records_of_any_size_make_the_same_file(
    tmp_path: Path, server_tls: ssl.SSLContext, size: int
) -> None:
    def respond(end: Host) -> None:
        end.plain.sendall(end.records(HEAD + BODY, size))

    with host(server_tls, respond) as url:
        async with downloading(ONE_TRY) as downloader:
            fetched = await downloader.fetch(FileRequest(url, tmp_path))
    assert fetched.path.read_bytes() == BODY


async def test_a_cut_within_a_record_keeps_the_records_before_it(
    tmp_path: Path, server_tls: ssl.SSLContext
) -> None:
    def respond(end: Host) -> None:
        end.plain.sendall(end.records(HEAD + BODY[:30_000], 10_000))
        end.plain.sendall(end.records(BODY[30_000:], 16_384)[:5_000])

    with host(server_tls, respond) as url:
        async with downloading(ONE_TRY) as downloader:
            with pytest.raises(NetworkError, match="Connection reset"):
                await downloader.fetch(FileRequest(url, tmp_path))
    assert (tmp_path / "file.bin.part").read_bytes() == BODY[:30_000]


async def test_an_end_of_tls_before_the_end_of_the_body_is_a_cut(
    tmp_path: Path, server_tls: ssl.SSLContext
) -> None:
    def respond(end: Host) -> None:
        end.plain.sendall(end.records(HEAD + BODY[:30_000], 10_000))
        with suppress(ssl.SSLError):
            end.tls.unwrap()
        end.plain.sendall(end.outgoing.read())

    with host(server_tls, respond) as url:
        async with downloading(ONE_TRY) as downloader:
            with pytest.raises(NetworkError, match="cut short"):
                await downloader.fetch(FileRequest(url, tmp_path))
    assert (tmp_path / "file.bin.part").read_bytes() == BODY[:30_000]


async def test_connections_side_by_side_mix_no_bytes(tmp_path: Path) -> None:
    """What is encrypted passes through one buffer, for all of them."""
    bodies = [bytes([n]) * 700_000 for n in range(6)]
    limits = replace(QUICK, flush_bytes=65_536, max_rate_bytes_s=40e6)
    async with rig(tmp_path, *map(HostedFile, bodies), limits=limits) as r:
        await asyncio.gather(*(r.fetch(f"{n}.bin") for n in range(6)))
    assert sorted(r.content(f"{n}.bin") for n in range(6)) == bodies


@pytest.mark.unix("asks a pipe what is unread in it")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl")
async def test_new_keys_within_a_body_change_nothing(tmp_path: Path, authority: trustme.CA) -> None:
    """OpenSSL's own server sends KeyUpdate, and wants one in return (RFC 8446, section 4.6.3)."""
    certificate = authority.issue_cert("127.0.0.1")
    pem = tmp_path / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(pem))
    (port,) = free_ports(1)
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pem), "-tls1_3"]
    server = await asyncio.to_thread(
        subprocess.Popen, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    try:
        assert await asyncio.to_thread(_says, server, b"ACCEPT")
        responding = asyncio.create_task(asyncio.to_thread(_respond_with_new_keys, server))
        async with downloading(ONE_TRY) as downloader:
            url = f"https://127.0.0.1:{port}/file.txt"
            fetched = await downloader.fetch(FileRequest(url, tmp_path))
        await responding
    finally:
        server.kill()
        await asyncio.to_thread(server.communicate)
    assert fetched.path.read_bytes() == b"".join(LINES)


LINES = [b"%05d 0123456789\n" % number * 60 for number in range(8)]


def _says(server: subprocess.Popen[bytes], word: bytes) -> bool:
    assert server.stdout is not None
    said = b""
    while word not in said and (more := server.stdout.read(4096)):
        said += more
    return word in said


def _respond_with_new_keys(server: subprocess.Popen[bytes]) -> None:
    assert _says(server, b"GET /file.txt")
    size = len(b"".join(LINES))
    _type(server, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    for line in LINES:
        _type(server, b"K\n")
        _type(server, line)


def _type(server: subprocess.Popen[bytes], line: bytes) -> None:
    """Write a line, and wait until it has been read: what comes with a command is part of it."""
    import fcntl  # neither is there on Windows
    import termios

    assert server.stdin is not None
    server.stdin.write(line)
    unread = array.array("i", [1])
    while unread[0]:
        fcntl.ioctl(server.stdin, termios.FIONREAD, unread)

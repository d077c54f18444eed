"""``asyncdl get`` as people use it, against real servers and beside other clients."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest

from tests.e2e.conftest import COMMAND, Ended, Run, environment
from tests.transfer.fault_server import (
    LONG_AGO,
    End,
    FaultServer,
    HostedFile,
    Received,
    Reply,
    Responder,
    fixed,
    redirect,
    serving,
    silent,
    status,
)

A, B = bytes(range(256)) * 12, bytes(range(255)) * 20
SHA_A, SHA_B = (hashlib.sha256(body).hexdigest() for body in (A, B))
FILES: dict[str, Responder] = {
    "/a.bin": HostedFile(A, etag='"a"', last_modified=LONG_AGO),
    "/b.bin": HostedFile(B, etag='"b"'),
    "/bad/b.bin": HostedFile(B[::-1], etag='"bad"'),
    "/sums/SHA256SUMS": HostedFile(f"{SHA_A}  a.bin\n{SHA_B}  ./b.bin\n".encode()),
    "/page": fixed(body=b"<!doctype html>", Content_Type="text/html"),
}
MISSING = status(404)


def respond(received: Received) -> Reply:
    path = received.target.partition("?")[0]
    if path == "/api":
        # As an API whose assets are described by JSON, unless the bytes are asked for.
        wants_bytes = received.headers.get("accept") == "application/octet-stream"
        return FILES["/a.bin"](received) if wants_bytes else fixed(body=b"{}")(received)
    return FILES.get(path, MISSING)(received)


@pytest.fixture
async def host() -> AsyncIterator[FaultServer]:
    async with serving(respond) as server:
        yield server


@pytest.fixture
def get(asyncdl_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``asyncdl get`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: str | Path, **env: str) -> Ended:
        return await asyncdl_run("get", "--no-progress", "--attempts", "1", *arguments, **env)

    return run


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".txt", ".sums")
    }


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["-o", "x.bin"], "x.bin"),
        (["-o", "sub/deep/x.bin"], "sub/deep/x.bin"),
        (["-o", "there"], "there/a.bin"),
        (["-o", "new/"], "new/a.bin"),
        (["-d", "new"], "new/a.bin"),
        (["-d", "new", "-o", "x.bin"], "new/x.bin"),
        (["-d", "new", "-o", "sub/"], "new/sub/a.bin"),
        ([], "a.bin"),
    ],
)
async def test_one_url_goes_where_it_is_said(
    get: Run, host: FaultServer, tmp_path: Path, arguments: list[str], name: str
) -> None:
    (tmp_path / "there").mkdir()
    ended = await get(f"{host.url}/a.bin", *arguments)
    assert ended.status == 0, ended.stderr
    assert files(tmp_path) == {name: A}


async def test_with_several_urls_o_is_the_folder(
    get: Run, host: FaultServer, tmp_path: Path
) -> None:
    ended = await get(f"{host.url}/a.bin", f"{host.url}/b.bin", "-o", "out")
    assert ended.status == 0, ended.stderr
    assert files(tmp_path) == {"out/a.bin": A, "out/b.bin": B}


ONE = "http://127.0.0.1:9/a"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([ONE, "-o", "-"], "stdout"),
        ([ONE, "-o", ""], "name of a file"),
        ([ONE, "-o", "x.part"], "x.part_"),
        ([ONE, ONE + "b", "-d", "x", "-o", "y"], "-o together with -d needs exactly one URL"),
        ([ONE, ONE + "b", "--checksum", f"sha-256={SHA_A}"], "--checksum needs exactly one"),
        ([ONE, "--checksum", "sha-256=12"], "64 hexadecimal digits"),
        ([ONE, "--checksum", "rot13=12"], "TYPE is one of"),
        ([ONE, "--checksums", "nowhere.sums"], "nowhere.sums: No such file"),
        ([ONE, "-H", "Range: bytes=0-5"], "Range cannot be set"),
        ([ONE, "-H", "Accept-Encoding: gzip"], "allowed: identity"),
        ([ONE, "-H", "Content-Length: 5"], "Content-Length cannot be set"),
        ([ONE, "--header-timeout", "0"], "seconds above 0"),
        ([ONE, "--limit-rate", "1Q"], "unknown unit"),
        (["nonsense"], "command line: 'nonsense' (allowed: a URL of http or https"),
        (["http://a b.tést/"], "not a host name by IDNA 2008"),
    ],
)
async def test_wrong_usage_is_named_before_any_network(
    get: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    ended = await get(*arguments)
    assert ended.status == 2, ended.stderr
    assert words in " ".join(ended.stderr.split())
    assert files(tmp_path) == {}


async def test_the_callers_headers_win(get: Run, host: FaultServer, tmp_path: Path) -> None:
    wish = ["-H", "Accept: application/octet-stream", "-H", "user-agent: me/1", "-H", "X-Empty;"]
    ended = await get(f"{host.url}/api", "-o", "x.bin", *wish, "-H", "Cookie: a", "-H", "Cookie: b")
    assert ended.status == 0, ended.stderr
    assert files(tmp_path) == {"x.bin": A}
    sent = host.requests[0].headers
    assert (sent["user-agent"], sent["x-empty"], sent["cookie"]) == ("me/1", "", "a; b")


async def test_a_header_is_taken_away_as_with_curl(
    get: Run, host: FaultServer, tmp_path: Path
) -> None:
    url = f"{host.url}/a.bin"
    await get(url, "-o", "x.bin", "-H", "Accept:", "-H", "User-Agent:")
    curl = ["curl", "-s", "-o", str(tmp_path / "y.bin"), "-H", "Accept:", "-H", "User-Agent:", url]
    if shutil.which("curl"):
        await anyio.run_process(curl)
    assert all(not {"accept", "user-agent"} & set(r.headers) for r in host.requests)


def write_aria2_list(folder: Path, host: FaultServer) -> Path:
    listed = folder / "list.txt"
    listed.write_text(
        f"# two files\n{host.url}/missing.bin\t{host.url}/a.bin\n  out=first.bin\n"
        f"  checksum=sha-256={SHA_A}\n  user-agent=me/1\n"
        f"{host.url}/b.bin\n  dir={folder}/other\n  header=X-Key: b\n"
    )
    return listed


@pytest.mark.parametrize("client", ["asyncdl", "aria2c"])
async def test_an_input_file_of_aria2_means_the_same_to_both(
    get: Run, host: FaultServer, tmp_path: Path, client: str
) -> None:
    listed = write_aria2_list(tmp_path, host)
    if client == "asyncdl":
        ended = await get("-i", listed, "-d", tmp_path / "out")
        assert ended.status == 0, ended.stderr
    elif shutil.which("aria2c"):
        aria2c = ["aria2c", "--no-conf", "-q", "-i", str(listed), "-d", str(tmp_path / "out")]
        await anyio.run_process(aria2c)
    else:
        pytest.skip("no aria2c here")
    assert files(tmp_path) == {"out/first.bin": A, "other/b.bin": B}
    sent = {request.target: request.headers for request in host.requests}
    assert sent["/a.bin"]["user-agent"] == "me/1"
    assert sent["/b.bin"]["x-key"] == "b"


async def test_bad_lines_are_named_all_at_once_and_nothing_is_fetched(
    get: Run, host: FaultServer, tmp_path: Path
) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes(
        f"{host.url}/a.bin\r\n  checksum=sha-256=12\r\n  gid=1\r\nftp://x/y\r\n".encode("utf-16")
    )
    ended = await get("-i", listed)
    assert ended.status == 2
    assert f"{listed}: line 2: checksum='sha-256=12' (allowed: for sha256 64" in ended.stderr
    assert f"{listed}: line 4: 'ftp://x/y' (allowed: a URL of http or https" in ended.stderr
    assert f"{listed}: line 3: the option 'gid' has no effect" in ended.stderr
    assert "2 entries are wrong; nothing was fetched" in ended.stderr
    assert (host.requests, files(tmp_path)) == ([], {})


async def test_what_is_wrong_in_a_pipe_loses_nothing_else(
    host: FaultServer, tmp_path: Path
) -> None:
    """A pipe cannot be looked through beforehand: the good entries are fetched, then it fails."""
    listed = f"{host.url}/a.bin\n  out=x.bin\nnonsense\n{host.url}/b.bin\n"
    done = await anyio.run_process(
        [*COMMAND, "get", "--no-progress", "-i", "-", "-d", str(tmp_path)],
        env=environment(),
        input=listed.encode(),
        check=False,
    )
    assert done.returncode == 2
    assert b"standard input: line 3: a text of 8 characters" in done.stderr
    assert files(tmp_path) == {"x.bin": A, "b.bin": B}


@pytest.mark.posix("files carry where they are from")
@pytest.mark.parametrize("as_url", [False, True])
async def test_a_table_of_checksums_proves_every_file(
    get: Run, host: FaultServer, tmp_path: Path, as_url: bool
) -> None:
    sums = tmp_path / "SHA256.sums"
    sums.write_text(f"SHA256 (a.bin) = {SHA_A}\nSHA256 (b.bin) = {SHA_B}\n")
    source = f"{host.url}/sums/SHA256SUMS?x=1" if as_url else str(sums)
    urls = [f"{host.url}/a.bin", f"{host.url}/b.bin?token=1"]
    ended = await get(*urls, "--checksums", source, "--json")
    assert ended.status == 0, ended.stderr
    assert {line["proof"] for line in ended.lines[:-1]} == {"length+sha256"}
    (tmp_path / "b.bin").write_bytes(B[::-1])
    again = await get(*urls, "--checksums", source, "--json")
    assert again.summary["files"]["downloaded"] == 1
    assert files(tmp_path)["b.bin"] == B


async def test_a_file_that_no_table_names_is_not_fetched(
    get: Run, host: FaultServer, tmp_path: Path
) -> None:
    (tmp_path / "my.sums").write_text(f"{SHA_A}  a.bin\n")
    ended = await get(f"{host.url}/b.bin", "--checksums", "my.sums")
    assert ended.status == 2
    assert "/b.bin: not listed in my.sums" in ended.stderr
    named = await get(f"{host.url}/a.bin?v=2", "-o", "a.bin", "--checksums", "my.sums")
    assert (named.status, len(host.requests)) == (0, 1)


async def test_a_mirror_with_wrong_bytes_is_dropped(
    get: Run, host: FaultServer, tmp_path: Path
) -> None:
    (tmp_path / "my.sums").write_text(f"{SHA_B}  b.bin\n")
    (tmp_path / "list.txt").write_text(f"{host.url}/bad/b.bin\t{host.url}/b.bin\n")
    ended = await get("-i", "list.txt", "--checksums", "my.sums")
    assert ended.status == 0, ended.stderr
    assert "/bad/b.bin: sha256 is" in ended.stderr and "not asked again" in ended.stderr
    assert files(tmp_path) == {"b.bin": B}


@pytest.mark.posix("files carry where they are from")
@pytest.mark.parametrize("flags", [[], ["-N"], ["-o", "a.bin"], ["-N", "-o", "a.bin"]])
async def test_a_file_that_its_host_has_changed_is_fetched_again(
    get: Run, host: FaultServer, tmp_path: Path, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{host.url}/a.bin"
    await get(url, *flags)
    second = await get(url, *flags, "--json")
    assert second.summary["files"]["skipped"] == 1
    later = HostedFile(A[::-1], etag='"c"', last_modified="Wed, 01 Jan 2098 00:00:00 GMT")
    monkeypatch.setitem(FILES, "/a.bin", later)
    third = await get(url, *flags, "--json")
    assert third.summary["files"]["downloaded"] == 1
    assert files(tmp_path) == {"a.bin": later.body}


async def test_the_time_of_the_host_is_that_which_curl_sets(
    get: Run, host: FaultServer, tmp_path: Path
) -> None:
    url = f"{host.url}/a.bin"
    await get(url, "-R", "-o", "x.bin")
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    await anyio.run_process(["curl", "-s", "-R", "-o", str(tmp_path / "y.bin"), url])
    times = {os.stat(tmp_path / name).st_mtime for name in ("x.bin", "y.bin")}
    assert len(times) == 1


async def test_a_page_is_kept_where_it_is_wanted(
    get: Run, host: FaultServer, tmp_path: Path
) -> None:
    refused = await get(f"{host.url}/page")
    assert (refused.status, files(tmp_path)) == (1, {})
    assert "--accept-html" in refused.stderr and "same command again" not in refused.stderr
    ended = await get(f"{host.url}/page", "--accept-html")
    assert (ended.status, files(tmp_path)) == (0, {"page": b"<!doctype html>"})
    asked = await get(f"{host.url}/page", "-H", "Accept: text/html", "-o", "other")
    named = await get(f"{host.url}/page", "-o", "page.html")
    assert (asked.status, named.status) == (0, 0)


async def test_names_in_any_script_are_those_of_the_host(
    host: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc e\u0301.bin"
    disposition = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    monkeypatch.setitem(FILES, "/x", HostedFile(A, headers=disposition))
    done = await anyio.run_process(
        [*COMMAND, "get", f"{host.url}/x", "--json", "-d", str(tmp_path)],
        env=environment(PYTHONUTF8="1"),
        stderr=subprocess.PIPE,
    )
    assert done.returncode == 0
    assert files(tmp_path) == {name: A}


async def test_a_chain_of_redirects_is_followed_as_far_as_by_curl(get: Run, tmp_path: Path) -> None:
    chain = [redirect(f"/{number}") for number in range(6)]
    async with serving(*chain, FILES["/a.bin"]) as server:
        ended = await get(f"{server.url}/a.bin", "-o", "x.bin")
        assert ended.status == 0, ended.stderr
    async with serving(*chain, FILES["/a.bin"]) as server:
        ended = await get(f"{server.url}/a.bin", "-o", "y.bin", "--max-redirects", "2")
    assert (ended.status, len(server.requests)) == (1, 3)
    assert "--max-redirects" in ended.stderr and "same command again" not in ended.stderr
    assert files(tmp_path) == {"x.bin": A}


async def test_the_patience_for_a_first_byte_can_be_set(get: Run, tmp_path: Path) -> None:
    async with serving(silent(End.HANG)) as server:
        ended = await get(f"{server.url}/a.bin", "--header-timeout", "0.2s", "--json")
    assert ended.status == 1
    assert "timed out while waiting for the response" in ended.summary["failures"][0]["detail"]

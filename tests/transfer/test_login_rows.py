"""FIELD E17: names and passwords, of a URL or a netrc, and who is sent them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import TransferError, WrongContent
from asyncdl.redact import SecretBytes
from asyncdl.transfer import Digest, Downloader, Netrc
from asyncdl.transfer.http import next_url
from asyncdl.transfer.logins import LoginBook
from asyncdl.transfer.netrc import parse_netrc
from tests.transfer.fault_server import (
    QUICK,
    FaultServer,
    HostedFile,
    Received,
    Reply,
    Responder,
    Rig,
    after,
    cut,
    fixed,
    redirect,
    rig,
    serving,
    status,
)

BODY = bytes(range(256)) * 400
FILE = HostedFile(BODY)
LOGIN_HOST = "127.0.0.2"
SPLIT = replace(
    QUICK,
    split_from_bytes=1,
    first_look_s=0.0,
    split_after_s=0.0,
    smallest_piece_bytes=8_000,
    connections_per_file=2,
)


def netrc(text: str = f"machine {LOGIN_HOST} login me password s3cret") -> Netrc:
    return parse_netrc(SecretBytes(text.encode()), "~/.netrc")


def basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def sent(host: FaultServer) -> list[str | None]:
    return [request.headers.get("authorization") for request in host.requests]


DENIED = fixed("401 Unauthorized", b"no", WWW_Authenticate='Basic realm="Enter your login"')


@dataclass
class LoginHost:
    """A host of passwords: whoever brings the right one is sent back with a code."""

    back: str = ""
    """Where to; known once the host of the files listens."""

    def __call__(self, received: Received) -> Reply:
        if received.headers.get("authorization") != basic("me:s3cret"):
            return DENIED(received)
        return redirect(f"{self.back}/login?code=c0de&state=%2Fdata%2Ffile.bin")(received)


@dataclass
class DataHost:
    """A host of files: sends those without its cookie to the host of passwords."""

    file: Responder
    login_url: str
    served: int = 0
    expires_after: int = 1000
    """So many answers with data, and the cookie is worth nothing any more, once."""
    paths: list[str] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        path, _, query = received.target.partition("?")
        self.paths.append(path)
        if path == "/login":
            assert query.startswith("code=c0de")
            cookie = f"session=ok{self.served >= self.expires_after}; Path=/; HttpOnly"
            return fixed("307 Back", Location="/data/file.bin", Set_Cookie=cookie)(received)
        if f"session=ok{self.served >= self.expires_after}" not in received.headers.get(
            "cookie", ""
        ):
            away = f"{self.login_url}/oauth/authorize?client_id=1&response_type=code"
            return redirect(away)(received)
        self.served += 1
        return self.file(received)


@asynccontextmanager
async def two_hosts(
    directory: Path,
    file: Responder = FILE,
    *,
    passwords: Netrc | None = None,
    expires_after: int = 1000,
    limits: object = QUICK,
) -> AsyncIterator[tuple[Rig, FaultServer, DataHost]]:
    login_host = LoginHost()
    async with serving(login_host, address=LOGIN_HOST) as login:
        data = DataHost(file, login.url, expires_after=expires_after)
        async with rig(directory, data, limits=limits, netrc=passwords) as r:  # type: ignore[arg-type]
            login_host.back = r.server.url
            yield r, login, data


async def test_row_e17_a_login_on_another_host_is_gone_through(tmp_path: Path) -> None:
    async with two_hosts(tmp_path, passwords=netrc()) as (r, login, data):
        fetched = await r.fetch(name=None)
    assert (r.content(), fetched.attempts) == (BODY, 1)
    assert sent(login) == [basic("me:s3cret")]
    assert sent(r.server) == [None] * 3
    assert data.paths == ["/data/file.bin", "/login", "/data/file.bin"]
    assert login.requests[0].headers.get("range") == "bytes=0-"
    assert r.ranges == ["bytes=0-"] * 3


async def test_row_e17_a_cut_is_continued_through_the_login(tmp_path: Path) -> None:
    script: list[Responder] = [cut(FILE, 30_000), cut(FILE, 40_000), FILE]

    def in_turn(received: Received) -> Reply:
        return (script.pop(0) if len(script) > 1 else script[0])(received)

    async with two_hosts(tmp_path, in_turn, passwords=netrc()) as (r, _, _):
        await r.fetch()
    assert r.content() == BODY
    assert [r.ranges[at] for at in (2, 5, 8)] == ["bytes=0-", "bytes=30000-", "bytes=70000-"]


async def test_row_e17_another_run_continues_through_the_login(tmp_path: Path) -> None:
    once = replace(QUICK, backoff=replace(QUICK.backoff, attempts=1))
    async with two_hosts(tmp_path, cut(FILE, 30_000), passwords=netrc(), limits=once) as (r, _, _):
        with pytest.raises(Exception, match="cut short"):
            await r.fetch()
        port = r.server.port
    async with two_hosts(tmp_path, FILE, passwords=netrc()) as (r, login, _):
        # Its source names the host, so the second one has to have the port of the first.
        note = next(tmp_path.glob("*.part.state"))
        note.write_bytes(note.read_bytes().replace(str(port).encode(), str(r.server.port).encode()))
        await r.fetch()
    assert r.content() == BODY
    assert len(login.requests) == 1


@pytest.mark.parametrize("expires_after", [1000, 1])
async def test_row_e17_pieces_go_by_the_cookie_of_the_first(
    tmp_path: Path, expires_after: int
) -> None:
    gate = asyncio.Event()
    answers = 0

    def file(received: Received) -> Reply:
        nonlocal answers
        answers += 1
        return (after(gate, FILE, first_bytes=1000) if answers == 1 else FILE)(received)

    hosts = two_hosts(tmp_path, file, passwords=netrc(), limits=SPLIT, expires_after=expires_after)
    async with hosts as (r, login, _), anyio.create_task_group() as tasks:
        tasks.start_soon(r.fetch)
        with anyio.fail_after(60):
            while answers < 2 or r.server.active > 1:
                await anyio.sleep(0.001)
        gate.set()
    assert r.content() == BODY
    assert answers > 1
    assert len(login.requests) == (1 if expires_after == 1000 else 2)


async def test_row_e17_a_wrong_password_is_sent_once_for_all_files(tmp_path: Path) -> None:
    wrong = netrc(f"# mine\nmachine {LOGIN_HOST} login me password wr0ng")
    async with two_hosts(tmp_path, passwords=wrong) as (r, login, _):
        errors: list[TransferError] = []

        async def fails(name: str) -> None:
            with pytest.raises(TransferError) as refused:
                await r.fetch(name)
            errors.append(refused.value)

        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(fails, f"{number}.bin")
        await fails("later.bin")
    assert len(login.requests) == 1
    for error in errors:
        assert (error.reason, error.retryable) == ("login-failed", False)
        assert "~/.netrc, line 2" in str(error) and f"{LOGIN_HOST} responded with 401" in str(error)
        assert "wr0ng" not in str(error) and "locked" in error.remedy
    assert r.names == []


async def test_row_e17_a_password_that_is_good_elsewhere_is_sent_for_other_files(
    tmp_path: Path,
) -> None:
    script = FILE, DENIED, FILE
    async with rig(tmp_path, *script, netrc=netrc("machine 127.0.0.1 login a password b")) as r:
        await r.fetch("1.bin")
        with pytest.raises(TransferError) as refused:
            await r.fetch("2.bin")
        await r.fetch("3.bin")
    assert refused.value.reason == "login-failed"
    assert len(r.server.requests) == 3


async def test_row_e17_a_host_in_trouble_says_nothing_about_a_password(tmp_path: Path) -> None:
    wrong = netrc("machine 127.0.0.1 login a password b")
    async with rig(tmp_path, status(503), DENIED, netrc=wrong) as r:
        for name in ("1.bin", "2.bin"):
            with pytest.raises(TransferError) as refused:
                await r.fetch(name)
            assert refused.value.reason == "login-failed"
    assert len(r.server.requests) == 2


async def test_row_e17_another_password_for_the_same_host_is_tried(tmp_path: Path) -> None:
    def host(received: Received) -> Reply:
        is_right = received.headers.get("authorization") == basic("you:right")
        return (FILE if is_right else DENIED)(received)

    async with rig(tmp_path, host) as r:
        scheme, _, rest = r.server.url.partition("://")
        with pytest.raises(TransferError, match="the name and password in the URL"):
            await r.fetch(url=f"{scheme}://me:wrong@{rest}/x")
        await r.fetch(url=f"{scheme}://you:right@{rest}/x")
    assert r.content() == BODY


async def test_row_e17_a_login_that_is_not_basic_is_named(tmp_path: Path) -> None:
    digest = fixed("401 No", WWW_Authenticate='Digest realm="a", nonce="b"')
    async with rig(tmp_path, digest, netrc=netrc("machine 127.0.0.1 login a password b")) as r:
        with pytest.raises(TransferError, match="a login by Digest, not Basic"):
            await r.fetch()
    assert len(r.server.requests) == 1


async def test_row_e17_a_host_that_takes_basic_among_others_has_refused_the_password(
    tmp_path: Path,
) -> None:
    fields = {"WWW-Authenticate": "Negotiate", "www-authenticate": 'Basic realm="a"'}
    several = fixed("401 No", **fields)  # type: ignore[arg-type]
    async with rig(tmp_path, several, netrc=netrc("machine 127.0.0.1 login a password b")) as r:
        with pytest.raises(TransferError, match="it refuses the password of"):
            await r.fetch()


URS = "https://urs.earthdata.nasa.gov/oauth/authorize?client_id=a"


def test_row_e17_without_a_password_it_is_said_what_earthdata_needs() -> None:
    for passwords in (None, LoginBook(netrc()).of("https://data.host/a")):
        with pytest.raises(
            WrongContent, match=r"machine urs\.earthdata\.nasa\.gov login"
        ) as refused:
            next_url("https://data.host/a", URS, passwords)
        assert "`netrc`" in refused.value.remedy
    known = LoginBook(netrc("machine urs.earthdata.nasa.gov login a password b"))
    assert next_url("https://data.host/a", URS, known.of("https://data.host/a")) == URS


# Names and passwords in URLs.


@pytest.mark.parametrize(
    ("userinfo", "pair"),
    [
        ("me:s3cret", "me:s3cret"),
        ("me:p@ss:w", "me:p@ss:w"),
        ("me%40here:p%2Fq%3F%23%25", "me@here:p/q?#%"),
        ("m%C3%A9:p\u00e4ss\u20ac", "m\u00e9:p\u00e4ss\u20ac"),
        ("me:", "me:"),
        ("me", "me:"),
        (":pw", ":pw"),
        ("me:100%", "me:100%"),
    ],
)
async def test_row_e17_a_password_in_a_url_is_sent_at_once(
    tmp_path: Path, userinfo: str, pair: str
) -> None:
    """As curl does: before anybody asks for it."""
    async with rig(tmp_path, FILE) as r:
        scheme, _, rest = r.server.url.partition("://")
        await r.fetch(url=f"{scheme}://{userinfo}@{rest}/x")
    assert sent(r.server) == [basic(pair)]


async def test_row_e17_odd_bytes_of_a_password_are_sent_as_they_are(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        scheme, _, rest = r.server.url.partition("://")
        await r.fetch(url=f"{scheme}://me:%FF@{rest}/x")
    assert sent(r.server) == [f"Basic {base64.b64encode(b'me:' + bytes([255])).decode()}"]


async def test_row_e17_it_goes_along_within_its_origin_and_no_further(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as other:
        script: list[Responder] = [redirect("/again"), redirect(f"{other.server.url}/x"), FILE]
        async with rig(tmp_path / "here", *script) as r:
            scheme, _, rest = r.server.url.partition("://")
            await r.fetch(url=f"{scheme}://me:s3cret@{rest}/x")
    assert sent(r.server) == [basic("me:s3cret")] * 2
    assert sent(other.server) == [None]


async def test_row_e17_pieces_are_asked_for_with_it(tmp_path: Path) -> None:
    gate = asyncio.Event()
    first = after(gate, FILE, first_bytes=1000)
    async with rig(tmp_path, redirect("/there"), first, FILE, limits=SPLIT) as r:
        scheme, _, rest = r.server.url.partition("://")
        url = f"{scheme}://me:s3cret@{rest}/x"
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: r.fetch(url=url))
            with anyio.fail_after(60):
                while len(r.server.requests) < 3 or r.server.active > 1:
                    await anyio.sleep(0.001)
            gate.set()
    assert r.content() == BODY
    assert set(sent(r.server)) == {basic("me:s3cret")}


async def test_row_e17_a_name_in_the_url_picks_its_password_from_the_netrc(tmp_path: Path) -> None:
    two = "machine 127.0.0.1 login a password 1 machine 127.0.0.1 login b password 2"
    async with rig(tmp_path, FILE, netrc=netrc(two)) as r:
        scheme, _, rest = r.server.url.partition("://")
        for number, user in enumerate(("", "b@", "c@", "b:own@")):
            await r.fetch(f"{number}.bin", url=f"{scheme}://{user}{rest}/{number}")
    assert sent(r.server) == [basic(pair) for pair in ("a:1", "b:2", "c:", "b:own")]


async def test_row_e17_the_callers_own_header_wins(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE, netrc=netrc("machine 127.0.0.1 login a password 1")) as r:
        await r.fetch("1.bin", headers={"authorization": "Bearer mine"})
        await r.fetch("2.bin", headers={"Authorization": None})
    assert sent(r.server) == ["Bearer mine", None]


async def test_row_e17_default_is_for_the_host_that_the_caller_named(tmp_path: Path) -> None:
    async with serving(FILE, address=LOGIN_HOST) as other:
        passwords = netrc("default login a password 1")
        async with rig(tmp_path, redirect(f"{other.url}/x"), netrc=passwords) as r:
            await r.fetch()
    assert (sent(r.server), sent(other)) == ([basic("a:1")], [None])


async def test_row_e17_without_a_netrc_none_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / ".netrc"
    home.write_text("machine 127.0.0.1 login a password 1")
    home.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(home))
    async with rig(tmp_path, status(401)) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch()
    assert (sent(r.server), refused.value.reason) == ([None], "http-401")
    assert "`netrc`" in refused.value.remedy


async def test_row_e17_a_mirror_gets_its_own_password(tmp_path: Path) -> None:
    passwords = netrc("machine 127.0.0.1 login a password 1")
    digests = (Digest("sha256", hashlib.sha256(BODY).hexdigest()),)
    async with rig(tmp_path, FILE) as other, rig(tmp_path, status(404), netrc=passwords) as r:
        scheme, _, rest = other.server.url.partition("://")
        mirrors = (f"{scheme}://b:2@{rest}/x",)
        await r.fetch(mirrors=mirrors, digests=digests)
    assert {*sent(r.server)} == {basic("a:1")}
    assert {*sent(other.server)} == {basic("b:2")}
    assert r.content() == BODY


async def test_what_is_no_netrc_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="read_netrc"):
        Downloader(netrc="~/.netrc")  # type: ignore[arg-type]

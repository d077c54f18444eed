"""A secret goes where its owner meant it to go: attacks by configs, addresses and environments.

The attacker's server answers as the service would, has certificates that are trusted, and every
name leads to it; so what is not refused arrives.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import trustme
from anyio.from_thread import start_blocking_portal

from asyncdl import sync
from asyncdl.config import parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.job import Job
from asyncdl.m2m import ClientOptions, Credentials, M2MClient, find_credentials
from asyncdl.m2m.account.stored_account import (
    USGS_HOST,
    account_host,
    credentials_path,
    store_account,
)
from asyncdl.m2m.account.tokens import HOSTS_VARIABLE, check_confirmed
from asyncdl.net.retry import Backoff
from tests.cli.conftest import no_keyring as no_keyring
from tests.cli.conftest import terminal as terminal
from tests.cli.terminal import Terminal
from tests.proxy import open_proxy
from tests.security.attacker import Attacker, listening
from tests.tls_door import server_context

TOKEN = "Zq7!the_token@of-ann"
CA = trustme.CA()
NAMES = (
    "evil.test",
    "m2m.cr.usgs.gov",
    "m2m.cr.usgs.gov.evil.test",
    "m2m.cr.usgs.gov.test",
    "m2m-cr-usgs.gov.test",
    "m2m.xn--r-6tb.usgs.gov",
)
ONCE = ClientOptions(backoff=Backoff(attempts=1), connect_timeout_s=60)

CONFIG = """
[service]
url = "{url}"
stac_url = ""
max_wait = 0
{keys}
[search]
dataset = "landsat_ot_c2_l2"
bbox = [-151, 61, -149, 62]
[[products]]
kind = "bundle"
[download]
directory = "data"
"""


@pytest.fixture
def attacker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Attacker]:
    """Whoever is asked for, by TLS, the attacker it is."""
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setattr("tests.proxy._address_of", lambda host: "127.0.0.1")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(open_proxy()) as proxy,
        portal.wrap_async_context_manager(listening(server_context(CA, names=NAMES))) as attacker,
    ):
        for variable in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        yield attacker
        # Without TLS the proxy alone would see it.
        attacker.heard += "".join(proxy.heads).encode()
        assert TOKEN.encode() not in "".join((*proxy.asked, *proxy.heads)).encode()


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Path]:
    def write(url: str, keys: str = "") -> Path:
        path = tmp_path / "job.toml"
        path.write_text(CONFIG.format(url=url, keys=keys), encoding="utf-8")
        return path

    return write


# --- where a token may be -------------------------------------------------------------------


def by_login(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    return ""


def by_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("M2M_USERNAME", "ann")
    monkeypatch.setenv("M2M_TOKEN", TOKEN)
    return ""


def by_token_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    return 'username = "ann"\ntoken_file = "token"'


def by_keyring(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    keyring = ModuleType("keyring")
    kept = SimpleNamespace(username="ann", password=TOKEN)
    keyring.get_credential = (  # type: ignore[attr-defined]
        lambda service, username: kept if service == "asyncdl" else None
    )
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    return 'username = "ann"'


def by_the_stored_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    by_login(folder, monkeypatch)
    return f'username = "ann"\ntoken_file = "{credentials_path()}"'


PLACES = [by_login, by_environment, by_token_file, by_keyring, by_the_stored_file]
Place = Callable[[Path, pytest.MonkeyPatch], str]


@pytest.mark.parametrize("command", ["run", "plan", "search", "doctor", "login", "map -o m.html"])
@pytest.mark.parametrize("place", PLACES)
def test_no_config_leads_a_token_to_its_host(
    command: str,
    place: Place,
    terminal: Terminal,
    attacker: Attacker,
    job: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = place(tmp_path, monkeypatch)
    host = f"evil.test:{attacker.port}"
    command, *options = command.split()
    status = terminal.run(command, job(f"https://{host}/", keys), *options)
    assert status == (1 if command == "doctor" else 2), terminal.err
    assert (
        f"no token is sent to {host}, which you have not confirmed" in terminal.out + terminal.err
    )
    assert f"login --url https://{host}/" in terminal.out + terminal.err
    assert b"login-token" not in attacker.heard and TOKEN.encode() not in attacker.heard
    assert TOKEN not in terminal.out + terminal.err


@pytest.mark.parametrize("command", ["run", "search", "doctor", "login"])
@pytest.mark.parametrize("file", ["stored", "key", "accounts"])
def test_no_file_of_the_user_is_posted_as_a_token(
    file: str,
    command: str,
    terminal: Terminal,
    job: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor to this machine, where the attacker listens as another user."""
    by_login(tmp_path, monkeypatch)
    path = {"stored": credentials_path()}.get(file, tmp_path / file)
    if file == "key":
        path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{TOKEN}\n-----END-----\n")
    elif file == "accounts":
        path.write_text(f'{{"auths":{{"evil.test":{{"auth":"{TOKEN}"}}}}}}')
    path.chmod(0o600)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(listening()) as attacker,
    ):
        config = job(attacker.url, f'username = "ann"\ntoken_file = "{path}"')
        assert terminal.run(command, config) == 3, terminal.err
        assert b"login-token" not in attacker.heard and TOKEN.encode() not in attacker.heard
    assert TOKEN not in terminal.out + terminal.err


@pytest.mark.parametrize("place", PLACES[1:3])
def test_after_a_login_by_its_address_it_does(
    place: Place,
    terminal: Terminal,
    attacker: Attacker,
    job: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So the attacks above would arrive; and a logout takes it back."""
    keys = place(tmp_path, monkeypatch)
    url = f"https://evil.test:{attacker.port}/"
    login = ("login", "--url", url, "--username", "bob", "--token-stdin")
    assert terminal.run(*login, stdin="another-token") == 0, terminal.err
    assert b"another-token" in attacker.heard and TOKEN.encode() not in attacker.heard
    terminal.run("search", job(url, keys))
    assert TOKEN.encode() in attacker.heard
    assert terminal.run("logout", "--url", url) == 0
    attacker.heard.clear()
    assert terminal.run("search", job(url, keys)) == 2
    assert not attacker.heard


@pytest.mark.parametrize(
    "named", ["evil.test:{port}", "other.test, https://EVIL.test.:{port}/api/ x"]
)
def test_the_environment_may_name_hosts_that_may_have_it(
    named: str,
    terminal: Terminal,
    attacker: Attacker,
    job: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = by_environment(tmp_path, monkeypatch)
    monkeypatch.setenv(HOSTS_VARIABLE, named.format(port=attacker.port))
    terminal.run("search", job(f"https://evil.test:{attacker.port}/", keys))
    assert TOKEN.encode() in attacker.heard


@pytest.mark.parametrize(
    "named", ["evil.test", "test", "*", "*.test:{port}", "evil.test:{port}0", ".test"]
)
def test_no_pattern_and_no_other_port_is_a_host(named: str, attacker: Attacker) -> None:
    environ = {HOSTS_VARIABLE: named.format(port=attacker.port)}
    with pytest.raises(ConfigError, match="not confirmed"):
        check_confirmed(f"evil.test:{attacker.port}", environ)


@pytest.mark.parametrize(
    "address",
    [
        "https://m2m.cr.usgs.gov.evil.test:{port}/api/",
        "https://m2m.cr.usgs.gov.test:{port}/",
        "https://m2m.cr.usgs.gov:{port}/",
        "https://m2m-cr-usgs.gov.test:{port}/",
        "https://m2m.\N{CYRILLIC SMALL LETTER ES}r.usgs.gov:{port}/",
        "https://m2m.cr.usgs.gov@evil.test:{port}/",
        "https://m2m.cr.usgs.gov:443@evil.test:{port}/",
        "https://m2m.cr.usgs.gov%2F@evil.test:{port}/",
        "https://m2m.cr.usgs.gov;@evil.test:{port}/",
        "https://evil.test:{port}/?@m2m.cr.usgs.gov/",
        "https://evil.test:{port}/#@m2m.cr.usgs.gov/",
        "https://evil.test:{port}\\\\@m2m.cr.usgs.gov/",
        "https://m2m.cr.usgs.gov\\\\@evil.test:{port}/",
        "https://evil.test:{port}/https://m2m.cr.usgs.gov/",
        "https://localhost.evil.test:{port}/",
        "https://127.0.0.1.evil.test:{port}/",
        "https://m2m.cr.usgs.gov\\u3002evil.test:{port}/",
        "HTTPS://EVIL.TEST.:{port}/",
    ],
)
@pytest.mark.parametrize("place", [by_login, by_environment])
def test_no_address_that_looks_like_the_right_one_gets_it(
    address: str,
    place: Place,
    terminal: Terminal,
    attacker: Attacker,
    job: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = place(tmp_path, monkeypatch)
    assert terminal.run("search", job(address.format(port=attacker.port), keys)) == 2, terminal.err
    assert not attacker.heard


@pytest.mark.parametrize(
    "url",
    [
        "https://m2m.cr.usgs.gov/api/api/json/stable/",
        "https://M2M.CR.USGS.GOV:443/",
        "HTTPS://m2m.cr.usgs.gov./",
        "https://m2m.cr.usgs.gov:0443",
        "https://\N{FULLWIDTH LATIN SMALL LETTER M}2m.cr.usgs.gov/",
    ],
)
def test_the_right_host_is_known_however_it_is_written(url: str) -> None:
    assert account_host(url) == USGS_HOST
    check_confirmed(account_host(url), {})


def test_what_an_earlier_version_stored_with_the_usual_port_is_found() -> None:
    path = credentials_path()
    path.parent.mkdir(parents=True)
    path.write_text(f'{{"m2m.cr.usgs.gov:443":{{"username":"ann","token":"{TOKEN}"}}}}')
    path.chmod(0o600)
    assert find_credentials() == Credentials("ann", TOKEN)


def test_a_person_is_not_asked_for_a_token_that_goes_there(
    terminal: Terminal,
    attacker: Attacker,
    job: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return TOKEN

    url = f"https://evil.test:{attacker.port}/"
    for module in ("service_access", "login"):
        monkeypatch.setattr(f"asyncdl.cli.{module}.terminal_prompt", lambda: ask)
    for command in ("search", "login"):
        assert terminal.run(command, job(url)) == 2
    assert not asked and not attacker.heard
    monkeypatch.setenv(HOSTS_VARIABLE, url)
    terminal.run("search", job(url))
    host = f"evil.test:{attacker.port}"
    assert asked == [f"{host} user name: ", f"{host} application token: "]


# --- programs -------------------------------------------------------------------------------


@pytest.mark.allow_blocking  # accounts are found on the loop
@pytest.mark.parametrize("place", [by_login, by_environment])
async def test_what_a_program_has_found_goes_to_no_other_host(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of a config that somebody sent, with the account that was found for the USGS."""
    place(tmp_path, monkeypatch)
    account = find_credentials()
    for url in ("https://evil.test/", "https://m2m.cr.usgs.gov:8443/"):
        with pytest.raises(ConfigError, match="not confirmed"):
            M2MClient(account, url=url)
        with pytest.raises(ConfigError, match="not confirmed"):
            sync.M2MClient(account, url=url).__enter__()
        raw = {
            "service": {"url": url},
            "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
            "products": [{"kind": "bundle"}],
            "download": {"directory": str(tmp_path / "data")},
        }
        with pytest.raises(ConfigError, match="not confirmed"):
            await Job(parse_config(raw), credentials=account).run()


@pytest.mark.allow_blocking
async def test_what_a_login_stored_does_not_even_go_to_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_login(tmp_path, monkeypatch)
    async with listening() as attacker:
        with pytest.raises(ConfigError, match="not confirmed"):
            M2MClient(find_credentials(), url=attacker.url)
        monkeypatch.setenv("USGS_TOKEN", "of-a-test")
        async with M2MClient(find_credentials(), url=attacker.url, options=ONCE) as client:
            await client.call("permissions")
    assert b"of-a-test" in attacker.heard and TOKEN.encode() not in attacker.heard


async def test_what_a_program_names_itself_goes_where_it_says() -> None:
    async with (
        listening() as attacker,
        M2MClient(
            find_credentials(username="ann", token=TOKEN), url=attacker.url, options=ONCE
        ) as client,
    ):
        await client.call("permissions")
    assert TOKEN.encode() in attacker.heard
    M2MClient(Credentials("ann", TOKEN), url="https://gateway.example/")  # is not refused


# --- clear text -----------------------------------------------------------------------------

CLEAR = [
    "http://m2m.cr.usgs.gov/api/api/json/stable/",
    "http://m2m.cr.usgs.gov:443/",
    "HTTP://M2M.CR.USGS.GOV./",
    "http://evil.test:{port}/",
    "http://localhost.evil.test:{port}/",
    "http://127.0.0.1.evil.test:{port}/",
    "http://127.0.0.1@evil.test:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:10.0.0.1]:{port}/",
    "http://[fe80::1]:{port}/",
    "http://10.0.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://127.1:{port}/",
    "http://\N{FULLWIDTH DIGIT ONE}27.0.0.1.evil.test:{port}/",
]


@pytest.mark.parametrize("address", CLEAR)
def test_no_secret_goes_without_tls(
    address: str,
    terminal: Terminal,
    attacker: Attacker,
    job: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither by a config nor by an option, nor where the user trusts the host."""
    keys = by_environment(tmp_path, monkeypatch)
    by_login(tmp_path, monkeypatch)
    url = address.format(port=attacker.port)
    monkeypatch.setenv(HOSTS_VARIABLE, url)
    for arguments in (
        ("search", job(url, keys)),
        ("doctor", job(url, keys)),
        ("login", "--url", url),
        ("datasets", "--url", url),
    ):
        assert terminal.run(*arguments) == 2, terminal.out
        assert "an https URL" in terminal.err or "without the part up to @" in terminal.err
        assert "Traceback" not in terminal.err and "unexpected" not in terminal.err
    with pytest.raises(ConfigError):
        M2MClient(Credentials("ann", TOKEN), url=url)
    assert not attacker.heard


def test_what_to_write_instead_is_said(terminal: Terminal, job: Callable[..., Path]) -> None:
    path = job("http://m2m.cr.usgs.gov/api/api/json/stable/")
    assert terminal.run("run", path) == 2
    assert terminal.err == (
        f"asyncdl: {path}: service.url = 'http://m2m.cr.usgs.gov/api/api/json/stable/': would send "
        "the token unencrypted (allowed: an https URL; http is for this very machine "
        "alone (localhost, 127.0.0.1, [::1]))\n"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST.", "m2m.localhost"])
async def test_this_machine_is_spoken_to_without_tls_and_without_a_proxy(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does any naming service say where it is."""

    async def astray(*arguments: object, **options: object) -> object:
        raise AssertionError(f"looked up: {arguments}")

    monkeypatch.setattr("aiohttp.ThreadedResolver.resolve", astray)
    async with open_proxy() as proxy, listening() as served:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        url = f"http://{host}:{served.port}/"
        async with M2MClient(Credentials("ann", TOKEN), url=url, options=ONCE) as client:
            await client.call("permissions")
    assert TOKEN.encode() in served.heard and not proxy.asked


# --- what configs could smuggle -------------------------------------------------------------


@pytest.mark.parametrize("spelt", ["$M2M_TOKEN", "${{M2M_TOKEN}}", "%M2M_TOKEN%", "{{M2M_TOKEN}}"])
def test_no_variable_is_put_into_an_address_or_a_path(
    spelt: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("M2M_TOKEN", TOKEN)
    raw: dict[str, Any] = {
        "service": {"url": f"https://evil.test/{spelt}/", "stac_url": f"https://x/{spelt}"},
        "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
        "products": [{"kind": "bundle"}],
    }
    config = parse_config(raw, base=tmp_path)
    assert TOKEN not in repr(config)
    assert config.service.url == f"https://evil.test/{spelt}/"
    with suppress(ConfigError):  # some spellings are refused as such
        config = parse_config({**raw, "download": {"directory": spelt}}, base=tmp_path)
        assert config.directory == tmp_path / spelt


@pytest.mark.parametrize("key", ["url", "stac_url"])
@pytest.mark.parametrize("user", ["Zq7secret", "ann:Zq7secret", ":Zq7secret", "ann:p@Zq7secret"])
def test_no_address_of_a_config_holds_a_secret(
    key: str, user: str, terminal: Terminal, job: Callable[..., Path]
) -> None:
    """It would be the name of the service in journal and report."""
    path = job("https://m2m.cr.usgs.gov/")
    text = path.read_text().replace('stac_url = ""', "")
    line = f'{key} = "https://{user}@gateway.test/"'
    path.write_text(
        text.replace('url = "https://m2m.cr.usgs.gov/"', line) if key == "url"
        else text.replace("max_wait", f"{line}\nmax_wait")
    )  # fmt: skip
    for arguments in ("run", "plan", "status", "report", "doctor"):
        assert terminal.run(arguments, path) == 2
        assert "secrets do not belong in a config" in terminal.err
        assert "Zq7secret" not in terminal.err

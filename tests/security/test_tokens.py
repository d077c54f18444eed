"""A token comes from safe places only, and no command takes it as an argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import pytest

from asyncdl.cli.main import COMMANDS, cli
from asyncdl.errors import AuthError, ConfigError
from asyncdl.m2m import M2MClient
from asyncdl.m2m.account.credentials import Credentials, find_credentials, read_token_file
from asyncdl.m2m.account.stored_account import (
    USGS_HOST,
    credentials_path,
    forget_accounts,
    store_account,
)
from tests.cli.conftest import no_keyring as no_keyring
from tests.cli.conftest import terminal as terminal
from tests.cli.terminal import Terminal

TOKEN = "a!token@with_signs"

posix = pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return path


@posix
@pytest.mark.parametrize("bits", [0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001])
def test_any_bit_for_others_is_too_many(token_file: Path, bits: int) -> None:
    token_file.chmod(0o600 | bits)
    if bits & 0o077:
        with pytest.raises(AuthError, match="chmod 600") as refused:
            read_token_file(token_file)
        assert TOKEN not in str(refused.value)
    else:
        assert read_token_file(token_file) == TOKEN


@posix
def test_a_link_is_as_good_as_the_file_it_leads_to(token_file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(token_file)
    assert read_token_file(link) == TOKEN
    token_file.chmod(0o644)
    with pytest.raises(AuthError, match="accessible to others"):
        read_token_file(link)


@posix
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    """Nobody writes into the pipe."""
    path = tmp_path / "token"
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "folder":
        path.mkdir(0o700)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(AuthError, match=r"cannot read|is not a regular file|accessible to others"):
        read_token_file(path)


FOREIGN = {
    "accounts": '{"m2m.cr.usgs.gov":{"username":"ann","token":"Zq7secret"}}',
    "passwords": "root:x:0:0:root:/root:/bin/bash\n",
    "one password": "Zq7secret:x:0:0::/:",
    "private key": "-----BEGIN OPENSSH PRIVATE KEY-----\nZq7secret\n-----END\n",
    "half a key": "Zq7secret\nZq7secret",
    "netrc": "machine evil.test login ann password Zq7secret",
    "netrc in lines": "machine\nevil.test\npassword\nZq7secret\n",
    "cloud account": "[default]\naws_secret_access_key=Zq7secret\n",
    "TOML": 'token="Zq7secret"',
    "YAML": "token:Zq7secret",
    "list": "[1,2]",
    "registry": "//registry.test/:_authToken=Zq7secret",
    "git account": "https://ann:Zq7secret@git.test",
    "XML": "<token>Zq7secret</token>",
    "too long": "Zq7secret" * 60,
    "two lines in one": "Zq7secret\rZq7secret",
    "a NUL": "Zq7secret\0",
    "other letters": "Zq7secret\N{LATIN SMALL LETTER E WITH ACUTE}",
    "a line end of its own": "Zq7\x0bsecret",
}
"""What people have in files that only they can read."""


@pytest.mark.parametrize("kind", FOREIGN)
def test_no_other_secret_is_taken_for_a_token(
    token_file: Path, kind: str, terminal: Terminal
) -> None:
    """By file, by variable, by standard input: refused, and not repeated."""
    token_file.write_text(FOREIGN[kind], encoding="utf-8")
    with pytest.raises(AuthError, match="does not contain exactly one token") as refused:
        read_token_file(token_file)
    assert "Zq7secret" not in f"{refused.value} {refused.value!r}"
    with pytest.raises(AuthError, match="USGS_TOKEN does not contain exactly one token") as refused:
        find_credentials(username="ann", environ={"USGS_TOKEN": FOREIGN[kind]})
    assert "Zq7secret" not in f"{refused.value} {refused.value!r}"
    login = ("login", "--url", "http://127.0.0.1:1/", "--username", "ann", "--token-stdin")
    assert terminal.run(*login, stdin=FOREIGN[kind]) == 2
    assert "does not contain exactly one token" in terminal.err and "Zq7secret" not in terminal.err


@pytest.mark.parametrize(
    "token", [TOKEN, "x", "A" * 512, "eyJhbGciOi.eyJz-_=.x", f"\n {TOKEN} \r\n", "a+b/c=!@_,~$"]
)
def test_what_may_be_a_token_is_one(token_file: Path, token: str) -> None:
    token_file.write_text(token)
    assert read_token_file(token_file) == token.strip()


@posix
@pytest.mark.parametrize(
    "way", ["itself", "link", "hard link", "relative", "folder as a link", "moved"]
)
def test_what_a_login_stores_is_no_token_file_by_any_name(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even with the shape of one, as the file of a later version may have."""
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    stored = credentials_path()
    stored.write_text(TOKEN)
    monkeypatch.chdir(stored.parent)
    path = tmp_path / "token"
    environ = dict(os.environ)
    if way == "link":
        path.symlink_to(stored)
    elif way == "hard link":
        path.hardlink_to(stored)
    elif way == "folder as a link":
        (tmp_path / "link").symlink_to(stored.parent)
        path = tmp_path / "link" / stored.name
    elif way == "moved":
        path = stored.rename(tmp_path / stored.name)
        environ["ASYNCDL_CONFIG_DIR"] = str(tmp_path)
    else:
        path = stored if way == "itself" else Path("../asyncdl/./credentials")
    with pytest.raises(AuthError, match="is the credentials file of `asyncdl login`"):
        find_credentials(username="ann", token_file=path, environ=environ)


def test_a_token_shows_itself_nowhere_unasked() -> None:
    credentials = find_credentials(username="ann", environ={"ASYNCDL_TOKEN": TOKEN})
    assert credentials == Credentials("ann", TOKEN) and credentials.token == TOKEN
    for shown in (credentials, credentials.token, [credentials.token], {"t": credentials.token}):
        assert TOKEN not in repr(shown)


# --- what others may have put where ours is ---------------------------------------------------


@posix
@pytest.mark.parametrize("kind", ["link", "hard link", "pipe", "folder", "open"])
def test_credentials_that_somebody_planted_are_refused(tmp_path: Path, kind: str) -> None:
    """A host that they name would count as confirmed; and nothing is written through them."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text('{"evil.test":{"username":"ann"}}')
    elsewhere.chmod(0o600)
    before = elsewhere.read_bytes()
    path = credentials_path()
    path.parent.mkdir(parents=True)
    if kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "hard link":
        path.hardlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(before)
        path.chmod(0o666)
    with pytest.raises(AuthError):
        find_credentials(host="evil.test", environ={"M2M_TOKEN": TOKEN, "M2M_USERNAME": "ann"})
    for change in (
        lambda: store_account(USGS_HOST, "ann", TOKEN, path),
        lambda: forget_accounts(None, path),
    ):
        with pytest.raises(AuthError):
            change()
    assert elsewhere.read_bytes() == before


@posix
@pytest.mark.parametrize("what", ["file", "folder"])
def test_credentials_of_another_user_are_refused(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    whose = {"file": credentials_path(), "folder": credentials_path().parent}[what]
    numbers = (whose.stat().st_dev, whose.stat().st_ino)

    def of_a_stranger(found: os.stat_result) -> os.stat_result:
        if (found.st_dev, found.st_ino) != numbers:
            return found
        values = list(found)
        values[4] = 12345
        return os.stat_result(values)

    for name in ("fstat", "stat", "lstat"):
        ask = getattr(os, name)
        monkeypatch.setattr(
            f"os.{name}", lambda *where, ask=ask, **how: of_a_stranger(ask(*where, **how))
        )
    with pytest.raises(AuthError, match=r"belongs to another user \(12345\)"):
        find_credentials()
    with pytest.raises(AuthError, match=r"belongs to another user \(12345\)"):
        store_account(USGS_HOST, "bob", "another", credentials_path())


@posix
def test_a_new_folder_and_file_are_their_owners_alone() -> None:
    before = os.umask(0)
    try:
        store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    finally:
        os.umask(before)
    path = credentials_path()
    assert (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)


@posix
@pytest.mark.parametrize(
    "unset", [{"XDG_CONFIG_HOME": "shared"}, {"XDG_CONFIG_HOME": "", "HOME": None}]
)
def test_without_a_folder_of_ones_own_nothing_is_stored_in_the_current_one(
    unset: dict[str, str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which may be shared, and hold what somebody planted there."""
    monkeypatch.chdir(tmp_path)
    for name, value in unset.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user without a name
    with pytest.raises(AuthError, match="set ASYNCDL_CONFIG_DIR"):
        find_credentials()
    with pytest.raises(AuthError, match="set ASYNCDL_CONFIG_DIR"):
        store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    given = {"M2M_TOKEN": TOKEN, "M2M_USERNAME": "ann"}
    assert find_credentials(environ=given) == Credentials("ann", TOKEN)
    monkeypatch.delenv("XDG_STATE_HOME")
    with pytest.raises(ConfigError, match="HOME or XDG_STATE_HOME"):
        M2MClient(Credentials("ann", TOKEN))
    assert list(tmp_path.iterdir()) == []


def test_no_command_takes_a_token_as_an_argument() -> None:
    """Arguments are seen by every user of the machine, in the list of processes."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert isinstance(command, click.Command)
        # The name of a file, such as that of a private key, is no secret.
        values = [p for p in command.params if not isinstance(p.type, click.Path)]
        options = {opt.strip("-").lower() for p in values for opt in p.opts}
        assert not options & {"token", "password", "key", "api-key", "secret"}, name

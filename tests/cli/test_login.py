"""A token that was checked once is found again, by its owner and for its host alone."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from asyncdl.errors import AuthError
from asyncdl.m2m.account.credentials import Credentials, find_credentials
from asyncdl.m2m.account.stored_account import (
    USGS_HOST,
    account_host,
    credentials_path,
    forget_accounts,
    store_account,
)
from asyncdl.sandbox import Service
from tests.cli.terminal import Terminal

TOKEN = "sandbox-token"


class Keyring(ModuleType):
    """A keyring in memory that, as some do, needs the user name."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}

    def get_credential(self, service: str, username: str | None) -> object:
        token = self.kept.get((service, username or ""))
        return SimpleNamespace(username=username, password=token) if token else None

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Keyring:
    keyring = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    return keyring


@pytest.fixture(autouse=True)
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASYNCDL_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def log_in(terminal: Terminal, served: Service, token: str = TOKEN) -> int:
    return terminal.run(
        "login", "--url", served.url, "--username", served.username, "--token-stdin",
        stdin=f"{token}\n",
    )  # fmt: skip


def test_a_token_from_stdin_is_checked_and_kept_in_a_file_of_its_owner(
    terminal: Terminal, served: Service, config_dir: Path
) -> None:
    assert log_in(terminal, served) == 0, terminal.err
    path = config_dir / "credentials"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in config_dir.iterdir()] == ["credentials"]
    assert str(path) in terminal.out
    assert TOKEN not in terminal.out + terminal.err
    assert served.calls["login-token"] == 1


def test_later_commands_find_it(terminal: Terminal, served: Service) -> None:
    assert terminal.run("datasets", "landsat", "--url", served.url) == 3
    log_in(terminal, served)
    assert terminal.run("datasets", "landsat", "--url", served.url) == 0


def test_it_is_for_its_own_host_alone(terminal: Terminal, served: Service) -> None:
    log_in(terminal, served)
    assert find_credentials(host=account_host(served.url)) == Credentials(served.username, TOKEN)
    with pytest.raises(AuthError, match="no user name"):
        find_credentials()


def test_a_token_that_is_refused_is_not_kept(
    terminal: Terminal, served: Service, config_dir: Path
) -> None:
    assert log_in(terminal, served, token="wrong-token") == 3
    assert not config_dir.exists()
    assert "wrong-token" not in terminal.out + terminal.err


def test_without_a_token_nobody_is_called(terminal: Terminal, served: Service) -> None:
    assert terminal.run("login", "--url", served.url, "--username", "ann") == 3
    assert "no USGS application token, and no terminal for a prompt" in terminal.err
    assert "--token-stdin" in terminal.err and "ASYNCDL_TOKEN" in terminal.err
    assert terminal.run("login", "--url", served.url) == 3
    assert "no USGS user name" in terminal.err and "--username" in terminal.err
    assert log_in(terminal, served, token="two words") == 2
    assert served.calls["login-token"] == 0


def test_a_terminal_prompts_for_both_and_does_not_show_the_token(
    terminal: Terminal, served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompted = {}

    def respond(question: str, *, hide_input: bool, err: bool) -> str:
        prompted[question] = hide_input
        return TOKEN if hide_input else served.username

    monkeypatch.setattr("click.prompt", respond)
    monkeypatch.setattr(
        "asyncdl.cli.login.terminal_prompt",
        lambda: sys.modules["asyncdl.cli.service_access"]._prompt,
    )
    assert terminal.run("login", "--url", served.url) == 0
    assert prompted == {"USGS user name": False, "USGS application token": True}


def test_a_second_login_takes_the_place_of_the_first(terminal: Terminal, served: Service) -> None:
    store_account(account_host(served.url), "bob", "old", credentials_path())
    log_in(terminal, served)
    assert find_credentials(host=account_host(served.url)).username == served.username


def test_with_a_keyring_the_file_knows_only_whose_the_token_is(
    terminal: Terminal, served: Service, keyring: Keyring, config_dir: Path
) -> None:
    assert log_in(terminal, served) == 0
    assert "keyring" in terminal.out
    assert TOKEN not in (config_dir / "credentials").read_text()
    assert find_credentials(host=account_host(served.url)) == Credentials(served.username, TOKEN)


def test_a_keyring_that_keeps_nothing_is_not_relied_on(
    keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring, "set_password", lambda *arguments: None)
    assert store_account(USGS_HOST, "ann", TOKEN, credentials_path()) == str(credentials_path())
    assert find_credentials().token == TOKEN
    assert len(forget_accounts(None, credentials_path())) == 1


def test_the_keyring_keeps_no_token_of_an_earlier_login(keyring: Keyring) -> None:
    store_account(USGS_HOST, "bob", "old", credentials_path())
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    assert list(keyring.kept.values()) == [TOKEN]
    assert find_credentials() == Credentials("ann", TOKEN)


def test_the_environment_goes_before_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    monkeypatch.setenv("USGS_TOKEN", "other")
    assert find_credentials() == Credentials("ann", "other")


def test_the_token_of_one_user_is_not_that_of_another() -> None:
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    with pytest.raises(AuthError, match="no application token"):
        find_credentials(username="bob")


@pytest.mark.posix("a mode says who may open a file")
@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_a_credentials_file_that_others_may_open_is_refused() -> None:
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    credentials_path().chmod(0o640)
    with pytest.raises(AuthError, match="chmod 600") as caught:
        find_credentials()
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'{"a": {"token": "s3cret"}}'])
def test_a_broken_credentials_file_is_an_error_without_its_contents(content: bytes) -> None:
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    credentials_path().write_bytes(content)
    with pytest.raises(AuthError, match="log in again") as caught:
        find_credentials()
    assert "s3cret" not in str(caught.value)


def test_logout_forgets_both_places_and_says_so(
    terminal: Terminal, served: Service, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(terminal, served)
    monkeypatch.setattr(keyring, "set_password", lambda *arguments: None)
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    assert terminal.run("logout") == 0
    assert terminal.out.splitlines() == [
        f"Removed the token of {served.username} for {account_host(served.url)} from the keyring",
        f"Removed the token of ann for {USGS_HOST} from {credentials_path()}",
    ]
    assert keyring.kept == {}
    assert not credentials_path().exists()
    assert terminal.run("logout") == 0
    assert terminal.out == "No token is stored.\n"


def test_logout_of_one_service_leaves_the_others(terminal: Terminal, served: Service) -> None:
    store_account(USGS_HOST, "ann", TOKEN, credentials_path())
    log_in(terminal, served)
    assert terminal.run("logout", "--url", served.url) == 0
    assert find_credentials().username == "ann"
    with pytest.raises(AuthError):
        find_credentials(host=account_host(served.url))

"""User name and token come from the first place that has them, and stay secret."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from asyncdl.errors import AuthError
from asyncdl.m2m.account.credentials import (
    MAX_TOKEN_FILE_BYTES,
    Credentials,
    find_credentials,
    read_token_file,
)

TOKEN = "a!token@with_signs"

WriteToken = Callable[..., Path]


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the keyring of whoever runs them."""
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.fixture
def write_token(tmp_path: Path) -> WriteToken:
    def write(content: bytes = f"{TOKEN}\n".encode(), mode: int = 0o600) -> Path:
        path = tmp_path / "token"
        path.write_bytes(content)
        path.chmod(mode)
        return path

    return write


def use_keyring(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], object]) -> None:
    keyring = ModuleType("keyring")
    keyring.get_credential = lambda service, username: answer()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)


@pytest.mark.parametrize("prefix", ["ASYNCDL", "USGS", "M2M"])
def test_three_pairs_of_variables_are_known(prefix: str) -> None:
    environ = {f"{prefix}_USERNAME": "ann", f"{prefix}_TOKEN": TOKEN}
    assert find_credentials(environ=environ) == Credentials("ann", TOKEN)


def test_our_own_variables_go_before_shared_ones() -> None:
    environ = {"USGS_USERNAME": "bob", "ASYNCDL_USERNAME": "ann", "M2M_TOKEN": "x"}
    environ |= {"USGS_TOKEN": "y", "ASYNCDL_TOKEN": TOKEN}
    assert find_credentials(environ=environ) == Credentials("ann", TOKEN)


def test_the_argument_goes_before_the_environment() -> None:
    environ = {"ASYNCDL_USERNAME": "bob", "ASYNCDL_TOKEN": TOKEN}
    assert find_credentials(username="ann", environ=environ).username == "ann"


def test_empty_is_absent_and_blanks_do_not_count() -> None:
    environ = {"ASYNCDL_USERNAME": " ", "USGS_USERNAME": " ann\n"}
    environ |= {"ASYNCDL_TOKEN": "", "M2M_TOKEN": TOKEN}
    assert find_credentials(username="", environ=environ) == Credentials("ann", TOKEN)


def test_the_environment_goes_before_the_token_file(write_token: WriteToken) -> None:
    environ = {"M2M_TOKEN": "x"}
    path = write_token()
    assert find_credentials(username="a", token_file=path, environ=environ).token == "x"
    assert find_credentials(username="a", token_file=path, environ={}).token == TOKEN


def test_the_token_file_goes_before_the_keyring(
    write_token: WriteToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keyring(monkeypatch, lambda: SimpleNamespace(username="ann", password="x"))
    assert find_credentials(token_file=write_token(), environ={}) == Credentials("ann", TOKEN)
    assert find_credentials(environ={}) == Credentials("ann", "x")


def test_a_keyring_that_fails_is_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    use_keyring(monkeypatch, lambda: 1 / 0)
    with pytest.raises(AuthError, match="no user name"):
        find_credentials(environ={})


def test_a_person_is_asked_last_and_only_for_what_is_missing() -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return TOKEN

    assert find_credentials(username="ann", environ={}, prompt=answer).token == TOKEN
    assert asked == ["USGS application token: "]


def test_what_is_missing_is_told_with_what_would_do() -> None:
    with pytest.raises(AuthError, match=r"ASYNCDL_USERNAME or service\.username"):
        find_credentials(environ={})
    with pytest.raises(AuthError, match=r"ASYNCDL_TOKEN or USGS_TOKEN or M2M_TOKEN") as caught:
        find_credentials(username="ann", environ={})
    assert caught.value.endpoint == "login-token"


def test_the_token_is_not_shown() -> None:
    assert TOKEN not in repr(Credentials("ann", TOKEN))


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o620])
def test_a_token_file_that_others_may_open_is_refused(write_token: WriteToken, mode: int) -> None:
    with pytest.raises(AuthError, match="chmod 600") as caught:
        read_token_file(write_token(mode=mode))
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b" \n", b"user token", b"\xff\xfe", b"x" * (MAX_TOKEN_FILE_BYTES + 1)]
)
def test_a_file_that_holds_no_single_token_is_refused(
    write_token: WriteToken, content: bytes
) -> None:
    with pytest.raises(AuthError, match="does not contain exactly one token"):
        read_token_file(write_token(content))


def test_a_missing_token_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(AuthError, match="cannot read"):
        find_credentials(username="ann", token_file=tmp_path / "no", environ={})


def test_the_environment_goes_before_the_configs_user_name() -> None:
    environ = {"USGS_USERNAME": "from-environment", "USGS_TOKEN": "t"}
    found = find_credentials(configured_username="from-config", environ=environ)
    assert found.username == "from-environment"
    found = find_credentials(configured_username="from-config", environ={"USGS_TOKEN": "t"})
    assert found.username == "from-config"

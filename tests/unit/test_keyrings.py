"""The account in a real keyring, of the package keyring and its backends, as machines have them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from asyncdl.errors import AuthError
from asyncdl.m2m.account.credentials import Credentials, find_credentials
from asyncdl.m2m.account.stored_account import (
    credentials_path,
    delete_from_keyring,
    forget_accounts,
    read_keyring,
    store_account,
    store_in_keyring,
)

keyring = pytest.importorskip("keyring", reason="needs the extra keyring: make extras")
file_backends = pytest.importorskip("keyrings.alt.file", reason="needs keyrings.alt: make extras")

from keyring.backend import KeyringBackend  # noqa: E402
from keyring.backends import fail, null  # noqa: E402
from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordSetError  # noqa: E402

TOKEN = "a!token@with_signs"
USGS = "m2m.cr.usgs.gov"


@pytest.fixture(autouse=True)
def own_keyring() -> Iterator[None]:
    """Give the tests' process its keyring back afterwards."""
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"ASYNCDL_CONFIG_DIR": str(tmp_path / "config")}


@pytest.fixture
def in_a_file(tmp_path: Path) -> Any:
    backend = file_backends.PlaintextKeyring()
    backend.file_path = str(tmp_path / "keyring.cfg")
    keyring.set_keyring(backend)
    return backend


class Refusing(KeyringBackend):
    """A keyring that is there and of no use."""

    priority = 1

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error

    def delete_password(self, service: str, username: str) -> None:
        raise self.error


OF_NO_USE = {
    "a machine without any": fail.Keyring(),
    "one that is switched off": null.Keyring(),
    "locked, and nobody to unlock it": Refusing(KeyringLocked("Failed to unlock the collection!")),
    "no session bus": Refusing(InitError("Failed to connect to a D-Bus session")),
    "nowhere to write": Refusing(PasswordSetError("-25308")),
    "no backend recommended": Refusing(NoKeyringError("No recommended backend was available.")),
    "a backend that breaks": Refusing(OSError(13, "Permission denied")),
}


@pytest.mark.usefixtures("in_a_file")
def test_an_account_that_is_stored_is_found_again_and_forgotten(environ: dict[str, str]) -> None:
    path = credentials_path(environ)
    assert store_account(USGS, "ann", TOKEN, path) == "the keyring"
    assert TOKEN not in path.read_text()
    assert find_credentials(environ=environ) == Credentials("ann", TOKEN)
    assert forget_accounts(USGS, path)
    with pytest.raises(AuthError):
        find_credentials(environ=environ)


@pytest.mark.usefixtures("in_a_file")
def test_the_file_backend_keeps_and_drops_a_token() -> None:
    assert store_in_keyring("asyncdl", "ann", TOKEN)
    assert read_keyring("asyncdl", "ann") == ("ann", TOKEN)
    assert read_keyring("asyncdl", "bob") == (None, None)
    assert delete_from_keyring("asyncdl", "ann")
    assert not delete_from_keyring("asyncdl", "ann")
    assert read_keyring("asyncdl", "ann") == (None, None)


@pytest.mark.parametrize("kind", OF_NO_USE)
def test_a_keyring_of_no_use_is_an_empty_one(
    kind: str, environ: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """The token goes to the file of its owner, as on a machine without a keyring."""
    keyring.set_keyring(OF_NO_USE[kind])
    path = credentials_path(environ)
    assert store_account(USGS, "ann", TOKEN, path) == str(path)
    assert find_credentials(environ=environ) == Credentials("ann", TOKEN)
    assert not store_in_keyring("asyncdl", "ann", TOKEN)
    assert read_keyring("asyncdl", "ann") == (None, None)
    assert not delete_from_keyring("asyncdl", "ann")
    assert TOKEN not in caplog.text


def test_a_headless_machine_logs_in_without_a_question_or_a_trace(tmp_path: Path) -> None:
    """A process of its own finds its backend by itself; here is no desktop, so there is none."""
    program = (
        "import keyring, asyncdl.m2m.account.stored_account as k;"
        "print(k.read_keyring('asyncdl', 'ann'), k.store_in_keyring('asyncdl', 'ann', 'x'))"
    )
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd())}
    environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("(None, None) False\n", "")

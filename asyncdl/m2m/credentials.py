"""Where the user name and the application token come from."""

from __future__ import annotations

import importlib
import logging
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncdl.errors import AuthError
from asyncdl.redact import Secret, SecretBytes

log = logging.getLogger("asyncdl.m2m")

USERNAME_VARIABLES = ("ASYNCDL_USERNAME", "USGS_USERNAME", "M2M_USERNAME")
TOKEN_VARIABLES = ("ASYNCDL_TOKEN", "USGS_TOKEN", "M2M_TOKEN")
"""Our own first, then the pair that other USGS tools share, then that of the R package."""

KEYRING_SERVICE = "asyncdl"
"""Name under which the system's keyring keeps the user name and the token."""

USERNAME_PROMPT = "USGS user name: "
TOKEN_PROMPT = "USGS application token: "

MAX_TOKEN_FILE_BYTES = 4096
"""A token has about 64 characters; a file this long is some other file."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What ``login-token`` wants to know."""

    username: str
    token: str = field(repr=False)
    """The application token, made on the ERS profile page. A secret."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", Secret(self.token))


def find_credentials(
    *,
    username: str | None = None,
    configured_username: str | None = None,
    token_file: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    prompt: Callable[[str], str] | None = None,
) -> Credentials:
    """Find user name and token, each in the first place that has it.

    In this order: argument, environment, config and token file, keyring (if the
    extra is installed), prompt. Empty values count as absent.

    Args:
        username: Goes before all other places.
        configured_username: From a config; the environment goes before it.
        token_file: Holds the token alone; nobody but its owner may read it.
        environ: Looked up for ``USERNAME_VARIABLES`` and ``TOKEN_VARIABLES``.
        prompt: Asks a person, on a terminal; ``None`` asks nobody.
    Raises: AuthError, if one of the two is nowhere, or the token file cannot be trusted.
    """
    places = _Places(configured_username, token_file, environ, prompt)
    del environ  # Else a traceback that shows local variables shows what is in it.
    username = _first(places.usernames(username))
    if not username:
        raise _missing(f"no user name: set {USERNAME_VARIABLES[0]} or service.username")
    token = Secret(_first(places.tokens(username)))
    if not token:
        raise _missing(
            f"no application token: set {' or '.join(TOKEN_VARIABLES)}, or service.token_file"
        )
    return Credentials(username, token)


@dataclass(frozen=True, slots=True)
class _Places:
    """The places to look, each tried only when the ones before it had nothing."""

    configured_username: str | None
    token_file: Path | None
    environ: Mapping[str, str] = field(repr=False)
    prompt: Callable[[str], str] | None

    def usernames(self, argument: str | None) -> Iterator[str | None]:
        yield argument
        yield from map(self.environ.get, USERNAME_VARIABLES)
        yield self.configured_username
        yield _ask_keyring(None)[0]
        if self.prompt:
            yield self.prompt(USERNAME_PROMPT)

    def tokens(self, username: str) -> Iterator[str | None]:
        yield from map(self.environ.get, TOKEN_VARIABLES)
        if self.token_file:
            yield read_token_file(self.token_file)
        yield _ask_keyring(username)[1]
        if self.prompt:
            yield self.prompt(TOKEN_PROMPT)


def _first(values: Iterator[str | None]) -> str:
    return next((Secret(text) for text in ((value or "").strip() for value in values) if text), "")


def read_token_file(path: Path) -> str:
    """Return the token that stands alone in a file.

    Raises: AuthError, if the file cannot be read, holds no token, or (on POSIX)
        may be read by others than its owner. Of a link, the file it leads to counts.
    """
    try:
        content = _read_private(path)
    except OSError as error:
        raise _missing(f"cannot read {path}: {error.strerror or error}") from error
    token = _only_word(content)
    if not token:
        raise _missing(f"{path} does not hold one token and nothing else")
    return token


def _read_private(path: Path) -> SecretBytes:
    # Asked of the open file, so that nobody can swap it in between; and opened
    # without waiting, for a pipe would wait for somebody to write into it.
    with open(path, "rb", opener=_open_at_once) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            raise _missing(f"{path} is no regular file")
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise _missing(f"{path} is open to others than its owner; run: chmod 600 {path}")
        return SecretBytes(file.read(MAX_TOKEN_FILE_BYTES + 1))


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _only_word(content: bytes) -> Secret:
    """Return the one word in a file; empty if it holds anything else."""
    if len(content) > MAX_TOKEN_FILE_BYTES or not content.isascii():
        return Secret()
    words = content.decode("ascii").split()
    return Secret(words[0] if len(words) == 1 else "")


def _ask_keyring(username: str | None) -> tuple[str | None, str | None]:
    """Return user name and token as the keyring knows them."""
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError:
        return None, None
    # A keyring that is locked, broken or missing is as good as an empty one, and
    # its backends raise whatever they like.
    try:
        found = keyring.get_credential(KEYRING_SERVICE, username)
    except Exception as error:
        log.debug("the keyring gives no answer: %s", type(error).__name__)
        return None, None
    return (found.username, found.password) if found else (None, None)


def _missing(message: str) -> AuthError:
    return AuthError("login-token", message=message)

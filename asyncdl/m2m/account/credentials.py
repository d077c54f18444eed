"""Where the user name and the application token come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from asyncdl.m2m.account.private_file import read_private, refused
from asyncdl.m2m.account.stored import (
    KEYRING,
    USGS_HOST,
    credentials_path,
    keyring_service,
    read_account,
    stored_token,
)
from asyncdl.m2m.account.system_keyring import ask_keyring
from asyncdl.redact import Secret

USERNAME_VARIABLES = ("ASYNCDL_USERNAME", "USGS_USERNAME", "M2M_USERNAME")
TOKEN_VARIABLES = ("ASYNCDL_TOKEN", "USGS_TOKEN", "M2M_TOKEN")
"""Our own first, then the pair that other USGS tools share, then that of the R package."""

USERNAME_PROMPT = "USGS user name: "
TOKEN_PROMPT = "USGS application token: "
ARGUMENT = "the caller"
PERSON = "a prompt"

MAX_TOKEN_FILE_BYTES = 4096
"""A token has about 64 characters; a file this long is some other file."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What ``login-token`` wants to know."""

    username: str
    """Of the account at the ERS; no secret."""
    token: str = field(repr=False)
    """The application token, made on the ERS profile page. A secret."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", Secret(self.token))


@dataclass(frozen=True, slots=True)
class Found:
    """An account, and where its two halves were found."""

    credentials: Credentials
    username_from: str
    """Name of a variable, a config key, a path, or words for people."""
    token_from: str


def find_credentials(
    *,
    username: str | None = None,
    token: str | None = None,
    configured_username: str | None = None,
    token_file: Path | None = None,
    host: str | None = USGS_HOST,
    environ: Mapping[str, str] = os.environ,
    prompt: Callable[[str], str] | None = None,
) -> Credentials:
    """Find user name and token, each in the first place that has it.

    In this order: argument, environment, config and token file, keyring (if the
    extra is installed), the file that ``asyncdl login`` writes, prompt. Empty values
    count as absent.

    Args:
        username: Goes before all other places.
        token: Goes before all other places.
        configured_username: From a config; the environment goes before it.
        token_file: Holds the token alone; nobody but its owner may read it.
        host: Of the service; what is stored for another one does not count, and with
            ``None`` nothing that is stored does.
        environ: Looked up for ``USERNAME_VARIABLES`` and ``TOKEN_VARIABLES``.
        prompt: Asks a person, on a terminal; ``None`` asks nobody.
    Raises: AuthError, if one of the two is nowhere, or a file with a token cannot be trusted.
    """
    places = _Places(configured_username, token_file, host, environ, prompt)
    given = Secret(token or "")
    del environ, token  # Else a traceback that shows local variables shows what is in them.
    return _look(places, username, given).credentials


def locate_credentials(
    *,
    configured_username: str | None = None,
    token_file: Path | None = None,
    host: str | None = USGS_HOST,
    environ: Mapping[str, str] = os.environ,
    prompt: Callable[[str], str] | None = None,
) -> Found:
    """Find an account as :func:`find_credentials` does, and tell where."""
    places = _Places(configured_username, token_file, host, environ, prompt)
    del environ  # as above
    return _look(places, None, Secret())


def _look(places: _Places, username: str | None, token: Secret) -> Found:
    username_from, user = _first(places.usernames(username))
    if not user:
        raise refused(
            f"no user name: run `asyncdl login`, or set {USERNAME_VARIABLES[0]} or service.username"
        )
    token_from, found = _first(places.tokens(user, token))
    if not found:
        raise refused(
            "no application token: run `asyncdl login`, "
            f"or set {' or '.join(TOKEN_VARIABLES)}, or service.token_file"
        )
    return Found(Credentials(str(user), found), username_from, token_from)


@dataclass(frozen=True, slots=True)
class _Places:
    """The places to look, each tried only when the ones before it had nothing."""

    configured_username: str | None
    token_file: Path | None
    host: str | None
    environ: Mapping[str, str] = field(repr=False)
    prompt: Callable[[str], str] | None

    def usernames(self, argument: str | None) -> Iterator[tuple[str, str | None]]:
        yield ARGUMENT, argument
        for variable in USERNAME_VARIABLES:
            yield variable, self.environ.get(variable)
        yield "service.username", self.configured_username
        if self.host:
            yield KEYRING, ask_keyring(keyring_service(self.host), None)[0]
            path = credentials_path(self.environ)
            account = read_account(self.host, path)
            yield str(path), account.username if account else None
        if self.prompt:
            yield PERSON, self.prompt(USERNAME_PROMPT)

    def tokens(self, username: str, argument: Secret) -> Iterator[tuple[str, str | None]]:
        yield ARGUMENT, argument
        for variable in TOKEN_VARIABLES:
            yield variable, self.environ.get(variable)
        if self.token_file:
            yield str(self.token_file), read_token_file(self.token_file)
        if self.host:
            yield stored_token(self.host, username, credentials_path(self.environ))
        if self.prompt:
            yield PERSON, self.prompt(TOKEN_PROMPT)


def _first(places: Iterator[tuple[str, str | None]]) -> tuple[str, str]:
    """Return the first place that has something, and what it has; two empty texts if none."""
    for place, value in places:
        if text := Secret((value or "").strip()):
            return place, text
    return "", ""


def read_token_file(path: Path) -> str:
    """Return the token that stands alone in a file.

    Raises: AuthError, if the file cannot be read, holds no token, or (on POSIX)
        may be read by others than its owner. Of a link, the file it leads to counts.
    """
    try:
        content = read_private(path, max_bytes=MAX_TOKEN_FILE_BYTES)
    except OSError as error:
        raise refused(f"cannot read {path}: {error.strerror or error}") from error
    token = _only_word(content)
    if not token:
        raise refused(f"{path} does not hold one token and nothing else")
    return token


def _only_word(content: bytes) -> Secret:
    """Return the one word in a file; empty if it holds anything else."""
    if len(content) > MAX_TOKEN_FILE_BYTES or not content.isascii():
        return Secret()
    words = content.decode("ascii").split()
    return Secret(words[0] if len(words) == 1 else "")

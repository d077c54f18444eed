"""A token comes from safe places only, and no command takes it as an argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import pytest

from asyncdl.cli.main import COMMANDS, cli
from asyncdl.errors import AuthError
from asyncdl.m2m.account.credentials import Credentials, find_credentials, read_token_file

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
    with pytest.raises(AuthError, match="open to others"):
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
    with pytest.raises(AuthError, match=r"cannot read|is no regular file|open to others"):
        read_token_file(path)


def test_a_token_shows_itself_nowhere_unasked() -> None:
    credentials = find_credentials(username="ann", environ={"ASYNCDL_TOKEN": TOKEN})
    assert credentials == Credentials("ann", TOKEN) and credentials.token == TOKEN
    for shown in (credentials, credentials.token, [credentials.token], {"t": credentials.token}):
        assert TOKEN not in repr(shown)


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

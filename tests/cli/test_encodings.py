"""Whatever encoding the standard streams have, a command ends as it does in UTF-8."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import orjson
import pytest

from asyncdl.cli.main import COMMANDS, exit_status
from asyncdl.cli.printing import echo
from asyncdl.cli.stdio import replace_streams
from tests.cli.test_examples import AFTER_A_RUN, EXAMPLE_HOST, EXAMPLES, file_host

__all__ = ["file_host"]

ENCODINGS = ("ascii", "latin-1", "cp1252", "cp437", "shift_jis", "utf-16-le")
FIRST = {name: example for name, example in reversed(EXAMPLES) if not set("|<") & set(example)}
"""One example of each command."""
ODD = "Größe… 日本 ✓"


@contextmanager
def redirected(
    monkeypatch: pytest.MonkeyPatch, folder: Path, encoding: str
) -> Iterator[tuple[Path, Path]]:
    """Let stdout and stderr go to files, as a process finds them in such a locale."""
    out, err = folder / "out", folder / "err"
    with (
        monkeypatch.context() as patch,
        out.open("w", encoding=encoding) as one,
        err.open("w", encoding=encoding) as two,
    ):
        patch.setattr(sys, "stdout", one)
        patch.setattr(sys, "stderr", two)
        replace_streams()
        yield out, err
        sys.stdout.flush()


@pytest.mark.allow_blocking  # an area is read before the work begins, on the loop or not
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_ends_as_it_does_in_utf_8(
    name: str, folder: Path, file_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "urls.txt").write_text(f"{file_host}/one.bin\n{file_host}/{ODD}.bin\n", "utf-8")
    (folder / "token").write_text("sandbox-token\n")
    home = folder / ODD
    (folder / "examples").rename(home)
    monkeypatch.setattr(anyio, "sleep_forever", anyio.lowlevel.checkpoint)
    line = FIRST[name].replace(EXAMPLE_HOST, file_host).replace("examples/", f"'{home}'/")
    with redirected(monkeypatch, folder, "ascii") as (out, err):
        if FIRST[name].startswith(AFTER_A_RUN):
            run = ["run", str(home / "anchorage.toml"), "--sandbox", "--quiet"]
            assert exit_status(run) == 0
        status = exit_status(shlex.split(line)[1:])
        said = err.read_text("utf-8")
        assert status == 0, said
    out.read_text("utf-8")
    assert "defect" not in said and "UnicodeEncodeError" not in said


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_gets_utf_8_in_every_locale(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redirected(monkeypatch, tmp_path, encoding) as (out, err):
        echo(ODD)
        echo(ODD, err=True)
        echo("a lone surrogate: \udcff")
    assert out.read_bytes() == f"{ODD}\na lone surrogate: \\udcff\n".encode()
    assert err.read_bytes() == f"{ODD}\n".encode()


def test_json_is_utf_8_in_every_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with redirected(monkeypatch, tmp_path, "cp1252") as (out, _):
        assert exit_status(["bands", "landsat_ot_c2_l2", "--json"]) == 0
    assert all(orjson.loads(line) for line in out.read_bytes().splitlines())


@pytest.mark.posix("a terminal takes bytes")
@pytest.mark.parametrize("encoding", ["cp437", "ascii"])
def test_a_terminal_gets_its_own_encoding_and_escapes_for_the_rest(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.openpty()
    with open(ours, "rb", 0) as shown, open(theirs, "w", encoding=encoding) as terminal:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", terminal)
            replace_streams()
            echo(ODD)
            sys.stdout.flush()
        line = shown.readline().strip()
    assert line == ODD.encode(encoding, "backslashreplace")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_stream_of_somebody_else_gets_escapes_too(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bytes_ = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_, encoding=encoding))
    echo(ODD)
    sys.stdout.flush()
    assert bytes_.getvalue() == f"{ODD}\n".encode(encoding, "backslashreplace")

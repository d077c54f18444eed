"""Lists, tables and files without an end: bounded in memory, whatever they are read from."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from asyncdl.cli import checksum_tables, url_lists
from asyncdl.cli.checksum_tables import load_tables
from asyncdl.cli.url_lists import UrlList
from asyncdl.config import Aoi, SearchConfig, load_config, parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing import search_plan
from asyncdl.job.choosing.areas import area_of
from asyncdl.job.choosing.search_plan import ids_of
from asyncdl.job.itemizing import _read, _write
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.lists import checksums
from asyncdl.lists.checksums import read_checksums
from asyncdl.lists.entries import EntryReader, Problem
from asyncdl.lists.line_reader import MAX_LINE_CHARS, LineReader, lines_of
from asyncdl.net.tls import TlsSettings, tls_context
from asyncdl.outside import TooMuch
from asyncdl.transfer import Downloader
from tests.security.test_memory import MIB, Endless, at_most

ZERO = Path("/dev/zero")
needs_devices = pytest.mark.skipif(not ZERO.exists(), reason="this system has no /dev/zero")
SHA = "ab" * 32


def read(text: str) -> tuple[int, list[Problem]]:
    """Return how many entries a list has, and what is wrong in it."""
    problems: list[Problem] = []
    reader = EntryReader("list", problems.append)
    taken = [reader.take(line) for line in text.split("\n")]
    return len([entry for entry in (*taken, reader.end()) if entry]), problems


def listed(block: bytes, size_bytes: int = 1 << 40) -> UrlList:
    return UrlList(cast("BinaryIO", Seekable(block, size_bytes)), lambda place, name: None)


class Seekable(Endless):
    """A file of a terabyte that can be read twice."""

    def tell(self) -> int:
        return 0


@contextmanager
def pipe_with(block: bytes, times: int = 1) -> Iterator[Path]:
    """Give the name that a shell gives ``<(command)``."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            try:
                for _ in range(times):
                    file.write(block)
            except BrokenPipeError:
                pass

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield Path(f"/dev/fd/{reading}")
    finally:
        os.close(reading)
        writer.join()


# --- lists of URLs ----------------------------------------------------------------------------


@pytest.mark.parametrize("block", [b"x", b"http://a/", b"\t", b"\xff\xfe", b"#"])
def test_a_line_without_an_end_ends_a_list(block: bytes) -> None:
    urls = listed(block)
    with at_most(24):
        assert list(urls.check()) == []
    assert "a line of more than 1,048,576 characters" in str(urls.problems[-1])


def test_a_list_of_wrong_lines_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_lists, "MAX_PROBLEMS", 50)
    urls = listed(b"no url\n")
    with at_most(16):
        assert list(urls.check()) == []
    assert len(urls.problems) == 50


@pytest.mark.parametrize("option", ["header=A: " + "x" * 90, "out=" + "x" * 90, "y" * 90 + "=z"])
def test_options_without_an_end_belong_to_a_bad_entry(option: str) -> None:
    """Each header was put behind the one before it, in time that grew with the square."""
    lines = "".join(f"  {option}\n" for _ in range(12_000))
    with at_most(64):
        count, problems = read(f"http://one.test/a\n{lines}http://two.test/b\n")
    assert count >= 1
    assert all("at most 1,048,576 characters" in str(problem) for problem in problems)


def test_unknown_options_of_any_number_are_noted_some_times() -> None:
    noted: list[str] = []
    reader = EntryReader("list", lambda problem: None, lambda place, name: noted.append(name))
    reader.take("http://one.test/a")
    for number in range(1_000):
        reader.take(f"  x{number}=1")
    assert len(noted) == 100


@needs_devices
def test_a_device_without_an_end_ends() -> None:
    with ZERO.open("rb") as file:
        urls = UrlList(file, lambda place, name: None)
        with at_most(24), pytest.raises(ConfigError, match="without a byte order mark"):
            list(urls.check())


@pytest.mark.allow_blocking  # what can be read is read at once
@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
async def test_a_list_comes_through_a_pipe_of_the_shell() -> None:
    with pipe_with(b"http://one.test/a\nhttp://two.test/b\n") as path, path.open("rb") as file:
        urls = UrlList(file, lambda place, name: None)
        assert not urls.is_rereadable
        assert [entry.urls async for entry in urls.entries()] == [
            ("http://one.test/a",),
            ("http://two.test/b",),
        ]


@pytest.mark.allow_blocking
@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
async def test_a_pipe_without_a_line_end_ends() -> None:
    with pipe_with(b"x" * 65_536, 100) as path, path.open("rb") as file:
        urls = UrlList(file, lambda place, name: None)
        assert [entry async for entry in urls.entries()] == []
        assert len(urls.problems) == 1


# --- tables of checksums ----------------------------------------------------------------------


@needs_devices
@pytest.mark.parametrize("block", [b"", b"\n"])
async def test_a_table_without_an_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: bytes
) -> None:
    monkeypatch.setattr(checksum_tables, "MOST_TABLE_BYTES", 4 * MIB)
    path = tmp_path / "SUMS"
    path.write_bytes(block * (5 * MIB))
    with at_most(16), pytest.raises(ConfigError, match=r"is longer than 4,194,304 bytes"):
        await load_tables((str(path) if block else str(ZERO),), Downloader(), {})


async def test_a_table_of_empty_lines_takes_no_more_than_itself(tmp_path: Path) -> None:
    path = tmp_path / "SUMS"
    path.write_bytes(b"\n" * (MIB // 4))
    with at_most(2), pytest.raises(ConfigError, match="contains no checksum"):
        await load_tables((str(path),), Downloader(), {})


def test_a_table_of_very_many_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "MAX_ROWS", 2_000)
    rows = (f"{SHA}  {number}" for number in range(10**9))
    with at_most(8), pytest.raises(ConfigError, match="has more than 2,000 lines"):
        read_checksums("SUMS", rows)


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
async def test_a_table_comes_through_a_pipe_of_the_shell() -> None:
    with pipe_with(f"{SHA}  x\n".encode()) as path:
        tables = await load_tables((str(path),), Downloader(), {})
    assert [digest.value for digest in tables.digests_of(("http://a/x",), None)] == [SHA]


def test_lines_are_the_same_in_pieces_of_any_size() -> None:
    text = "".join(f"line {number}\r\n" for number in range(20_000))
    assert list(lines_of(text.encode("utf-16"))) == text.split("\r\n")[:-1]
    with pytest.raises(TooMuch):
        LineReader().feed(b"x" * (MAX_LINE_CHARS + 1))


# --- what configs name ------------------------------------------------------------------------


@needs_devices
def test_devices_and_pipes_are_no_files_of_a_config(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # which would be waited for until somebody writes into it
    for path in (ZERO, pipe):
        for key in ("aoi", "scenes_file"):
            search = {"dataset": "landsat_ot_c2_l2", key: str(path)}
            with pytest.raises(ConfigError, match=f"search.{key}"):
                parse_config({"search": search, "products": [{"kind": "bundle"}]})
    with at_most(32), pytest.raises(ConfigError, match="is longer than"):
        load_config(ZERO)


@needs_devices
def test_what_has_become_a_device_since_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_plan, "MAX_LIST_BYTES", 4 * MIB)
    with at_most(32), pytest.raises(ConfigError, match="is longer than"):
        ids_of(SearchConfig(dataset=None, scenes_file=str(ZERO)))
    with at_most(8), pytest.raises(ConfigError):
        area_of(SearchConfig(dataset="x", limit=1, aoi=Aoi(str(ZERO))))
    with at_most(64), pytest.raises(ConfigError, match="is longer than"):
        tls_context(TlsSettings(ca_file=str(ZERO)))


def test_an_item_of_others_is_read_to_its_bound_alone(tmp_path: Path) -> None:
    path = tmp_path / "item.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)  # which takes no room on the disk
    with at_most(24):
        assert _read(FolderPlacer(tmp_path), path.name) is None
        _write(FolderPlacer(tmp_path), path.name, {"a": 1})
    assert b'"a": 1' in path.read_bytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names there")
def test_a_pipe_in_place_of_an_item_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "item.json"
    os.mkfifo(path)
    assert _read(FolderPlacer(tmp_path), path.name) is None
    _write(FolderPlacer(tmp_path), path.name, {"a": 1})
    assert path.is_file()

"""Where a page goes: a file, what a link leads to, a pipe, a device, stdout."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from asyncdl.cli.page_files import write_page
from asyncdl.errors import DiskError

PAGE = "<!doctype html>\n<p>ä</p>\n"


def test_a_file_is_written_and_written_anew(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    write_page(page, PAGE)
    assert page.read_text(encoding="utf-8") == PAGE
    assert list(tmp_path.iterdir()) == [page]


@pytest.mark.parametrize("old", ["old", None])
def test_a_link_stays_and_what_it_leads_to_is_written(old: str | None, tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    real, link = tmp_path / "far" / "real.html", tmp_path / "link.html"
    if old is not None:
        real.write_text(old)
    link.symlink_to("far/real.html")
    write_page(link, PAGE)
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == PAGE


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text(encoding="utf-8")))
    reader.start()
    write_page(pipe, PAGE)
    reader.join()
    assert read == [PAGE]
    assert pipe.is_fifo()


def test_a_device_is_written_to_and_stays_a_device(tmp_path: Path) -> None:
    link = tmp_path / "null"
    link.symlink_to("/dev/null")  # were it replaced, it would be in this folder
    write_page(link, PAGE)
    assert link.is_char_device()
    link.unlink()
    link.symlink_to("/dev/full")
    with pytest.raises(DiskError, match="No space left"):
        write_page(link, PAGE)
    assert link.is_char_device()


def test_a_dash_is_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_page(Path("-"), "<!doctype html>\n<p>ä</p>")
    assert capsys.readouterr().out == PAGE

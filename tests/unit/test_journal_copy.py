"""The copy of a journal that goes into a store: whole, as of one moment, and not in memory."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from asyncdl.errors import DiskError
from asyncdl.journal import JOURNAL_NAME, copy_journal

MIB = 1024**2
_CHILD = """
import resource, sys
from pathlib import Path
from asyncdl.journal import copy_journal
kib = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = kib()
copy_journal(Path(sys.argv[1]), Path(sys.argv[2]))
print(kib() - before)
"""


def write(folder: Path, rows: int, row_bytes: int) -> None:
    with closing(sqlite3.connect(folder / JOURNAL_NAME)) as journal:
        journal.execute("PRAGMA journal_mode=WAL")
        journal.execute("CREATE TABLE files (name)")
        journal.executemany("INSERT INTO files VALUES (?)", [("x" * row_bytes,)] * rows)
        journal.commit()


def rows_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as copy:
        count: int = copy.execute("SELECT count(*) FROM files").fetchone()[0]
        return count


def test_a_copy_has_what_is_committed_while_the_journal_is_written_to(tmp_path: Path) -> None:
    write(tmp_path, 3, 10)
    with closing(sqlite3.connect(tmp_path / JOURNAL_NAME)) as journal:
        journal.execute("INSERT INTO files VALUES ('committed')")
        journal.commit()
        journal.execute("INSERT INTO files VALUES ('not yet')")
        copy_journal(tmp_path, tmp_path / "copy")
        journal.rollback()
    assert rows_of(tmp_path / "copy") == 4


def test_a_copy_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, 3, 10)
    with pytest.raises(DiskError):
        copy_journal(tmp_path, tmp_path / "missing" / "copy")


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is measured as on Linux")
def test_a_long_journal_is_not_in_memory(tmp_path: Path) -> None:
    write(tmp_path, 4000, 10_000)
    command = [sys.executable, "-c", _CHILD, str(tmp_path), str(tmp_path / "copy")]
    grown_kib = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert rows_of(tmp_path / "copy") == 4000
    assert grown_kib * 1024 < 15 * MIB

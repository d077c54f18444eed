"""Room on the disk, looked for before the bytes come."""

import errno
import os
from pathlib import Path

import pytest

from asyncdl.transfer.parts import disk


def test_a_file_larger_than_the_disk_has_no_room(tmp_path: Path) -> None:
    system = os.statvfs(tmp_path)
    with (tmp_path / "file.part").open("wb") as file:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
            disk.check_space(file.fileno(), tmp_path / "a", 2 * system.f_blocks * system.f_frsize)
        disk.check_space(file.fileno(), tmp_path / "a", 1)
    assert caught.value.errno == errno.ENOSPC


def test_a_file_system_that_counts_nothing_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Uncounted:
        f_blocks = f_bavail = f_frsize = 0

    monkeypatch.setattr(os, "statvfs", lambda _: Uncounted())
    with (tmp_path / "file.part").open("wb") as file:
        disk.check_space(file.fileno(), tmp_path / "a", 1 << 60)

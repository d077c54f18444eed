"""One run at a time holds a directory."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import DirectoryBusyError, DiskError
from asyncdl.journal import STATE_FOLDER, open_state, state_folder


async def test_a_second_run_is_told_who_holds_the_directory(tmp_path: Path) -> None:
    async with open_state(tmp_path, "usgs"):
        with pytest.raises(DirectoryBusyError, match=f"process {os.getpid()} on "):
            async with open_state(tmp_path, "usgs"):
                pass


async def test_the_directory_is_free_after_any_end(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_state(tmp_path, "usgs"):
            raise ZeroDivisionError
    with anyio.CancelScope() as scope:
        async with open_state(tmp_path, "usgs"):
            scope.cancel()
            await anyio.sleep_forever()
    async with open_state(tmp_path, "usgs"):
        pass
    assert not (tmp_path / STATE_FOLDER / "holder.json").exists()


async def test_a_holder_file_that_says_nothing_is_no_matter(tmp_path: Path) -> None:
    async with open_state(tmp_path, "usgs"):
        (tmp_path / STATE_FOLDER / "holder.json").write_text("[]")
        with pytest.raises(DirectoryBusyError, match="is in use;"):
            async with open_state(tmp_path, "usgs"):
                pass


async def test_a_directory_that_cannot_be_made_is_an_error_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="file"):
        async with open_state(tmp_path / "file" / "data", "usgs"):
            pass


async def test_a_directory_that_cannot_be_signed_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(state_folder, "write_file", _no_space)
        with pytest.raises(DiskError) as caught:
            async with open_state(tmp_path, "usgs"):
                pass
    assert caught.value.is_full
    async with open_state(tmp_path, "usgs"):
        pass


def _no_space(path: Path, *_: object, **__: object) -> None:
    raise OSError(28, "No space left on device", str(path))

"""What is done where a system lacks a call, with the call taken away."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest

from asyncdl.system import files, locks, signals, volumes


def open_to_write(path: Path) -> int:
    return files.open_unfollowed(path, os.O_RDWR | os.O_CREAT)


@pytest.mark.parametrize("has_call", [True, False])
def test_bytes_go_where_they_belong(
    has_call: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_call:
        monkeypatch.delattr(os, "pwrite", raising=False)
    fd = open_to_write(tmp_path / "a")
    assert files.write_at(fd, b"world\r\n", 6) == 7
    assert files.write_at(fd, memoryview(b"hello\n"), 0) == 6
    os.close(fd)
    assert (tmp_path / "a").read_bytes() == b"hello\nworld\r\n"


@pytest.mark.parametrize("has_flag", [True, False])
@pytest.mark.parametrize("target", ["there", "nowhere"])
def test_a_link_is_not_followed(
    has_flag: bool, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_flag:
        monkeypatch.setattr(files, "_NO_FOLLOW", None)
    (tmp_path / "there").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError) as refused:
        open_to_write(tmp_path / "link")
    assert refused.value.errno == errno.ELOOP
    assert (tmp_path / "there").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_link_that_comes_in_between_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_NO_FOLLOW", None)
    (tmp_path / "there").write_bytes(b"mine")
    (tmp_path / "link").symlink_to("there")
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    with pytest.raises(OSError, match="symbolic links"):
        open_to_write(tmp_path / "link")


@pytest.mark.parametrize("has_fcntl", [True, False])
def test_a_file_is_open_once_at_a_time(
    has_fcntl: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_fcntl:
        monkeypatch.setattr(locks, "_fcntl", None)
    path = tmp_path / "file.part"
    for _ in range(2):
        held = locks.open_alone(path, open_to_write)
        assert held is not None
        assert locks.open_alone(path, open_to_write) is None
        os.close(held.fd)
        held.let_go()
    assert [path.name for path in tmp_path.iterdir()] == ["file.part"]


def test_a_file_that_cannot_be_opened_leaves_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_fcntl", None)
    with pytest.raises(IsADirectoryError):
        locks.open_alone(tmp_path / "file.part", lambda path: os.open(tmp_path, os.O_RDWR))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_scanner_has_open_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TAKES_OPEN_FILES", False)
    pauses: list[float] = []
    monkeypatch.setattr(files, "time", SimpleNamespace(sleep=pauses.append))
    refusals = [PermissionError(errno.EACCES, "in use")] * 3
    replace = os.replace

    def busy(source: Path, target: Path) -> None:
        if refusals:
            raise refusals.pop()
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    (tmp_path / "a").write_bytes(b"a")
    files.replace(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"a"
    assert len(pauses) == 3 and sum(files._PAUSES_S) < 2


def test_a_file_that_stays_open_is_an_error_at_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "TAKES_OPEN_FILES", False)
    monkeypatch.setattr(files, "_PAUSES_S", ())

    def busy(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "in use")

    monkeypatch.setattr(os, "unlink", busy)
    with pytest.raises(PermissionError):
        files.remove(tmp_path / "a")


def test_room_is_told_without_statvfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=9, free=free))
    monkeypatch.delattr(os, "statvfs", raising=False)
    assert volumes.free_bytes(tmp_path) == free
    assert not volumes.is_read_only(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=0, free=0))
    assert volumes.free_bytes(tmp_path) is None


def test_what_a_file_takes_is_its_length_where_blocks_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(5000))
    found = (tmp_path / "a").stat()
    assert volumes.held_bytes(found) >= 5000
    told = SimpleNamespace(st_size=5000)
    assert volumes.held_bytes(told) == 5000  # type: ignore[arg-type]


def test_names_and_paths_of_windows_have_their_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert volumes.longest_path() is None or os.name == "nt"
    monkeypatch.delattr(os, "pathconf", raising=False)
    assert volumes.longest_name(tmp_path) == 255
    monkeypatch.setattr(volumes, "os", SimpleNamespace(name="nt"))
    assert volumes.longest_path() in (None, 259)


def test_a_flush_goes_to_the_disk_itself_where_the_usual_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    mac = SimpleNamespace(F_FULLFSYNC=51, fcntl=lambda fd, call: calls.append(call))
    monkeypatch.setattr(volumes, "_fcntl", mac)
    with (tmp_path / "a").open("wb") as file:
        volumes.flush(file.fileno())
        assert calls == [51]

        def refuse(fd: int, call: int) -> None:
            raise OSError(errno.ENOTSUP, "not on this volume")

        monkeypatch.setattr(mac, "fcntl", refuse)
        monkeypatch.setattr(os, "fsync", calls.append)
        volumes.flush(file.fileno())
        assert calls == [51, file.fileno()]


def test_folders_that_cannot_be_flushed_are_left_to_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("nothing can be flushed"))
    volumes.flush_folder(tmp_path)


def test_notes_are_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "setxattr", raising=False)
    monkeypatch.delattr(os, "getxattr", raising=False)
    (tmp_path / "a").touch()
    files.set_attribute(tmp_path / "a", "user.note", b"x")
    assert files.get_attribute(tmp_path / "a", "user.note") is None


@pytest.mark.parametrize("is_handled_by_the_loop", [True, False])
async def test_signals_come_one_after_the_other(
    is_handled_by_the_loop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_handled_by_the_loop:

        def refuse(*_: object) -> None:
            raise NotImplementedError

        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with signals.received((signal.SIGINT, signal.SIGTERM)) as queue:
        signal.raise_signal(signal.SIGTERM)
        assert await queue.get() == signal.SIGTERM
        signal.raise_signal(signal.SIGINT)
        assert await queue.get() == signal.SIGINT
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

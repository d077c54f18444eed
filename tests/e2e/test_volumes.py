"""Download directories on volumes without locks or shared maps, and on those that are read-only.

``no_locks.c`` stands in for such a mount: loaded in front of libc, it refuses what is
refused there, for Python and SQLite alike.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from tests.e2e.conftest import MakeConfig, Run, files_under

pytestmark = pytest.mark.posix("locks go with descriptors, and a volume may refuse them")

SOURCE = Path(__file__).with_name("no_locks.c")


@pytest.fixture(scope="session")
def no_locks(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Compile the library that refuses locks."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here; make test installs one where it may")
    library = tmp_path_factory.mktemp("shim") / "no_locks.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return str(library)


@pytest.fixture
def volume(tmp_path: Path, no_locks: str) -> dict[str, str]:
    """The environment in which ``data`` is on a volume without locks, and maps neither."""
    return {
        "LD_PRELOAD": no_locks,
        "NO_LOCKS_UNDER": str(tmp_path / "data"),
        "XDG_STATE_HOME": str(tmp_path / "home"),
    }


def states_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("journal.sqlite"))


def log_of(journal: Path) -> str:
    with closing(sqlite3.connect(journal)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


async def test_a_job_runs_where_there_are_no_locks(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, volume: dict[str, str]
) -> None:
    """Its state is in the user's own folder, where every command finds it."""
    config = make_config()
    ended = await asyncdl_run("run", config, **volume)
    assert ended.status == 0, ended.stderr
    assert "flock: No locks available (" in ended.stderr and " on /" in ended.stderr
    (journal,) = states_in(tmp_path)
    assert journal.is_relative_to(tmp_path / "home" / "asyncdl")
    assert journal.parent.name.startswith("data-") and str(journal.parent) in ended.stderr
    assert not (tmp_path / "data" / ".asyncdl").exists()
    again = await asyncdl_run("run", config, "--json", **volume)
    assert again.status == 0 and again.summary["files"]["downloaded"] == 0
    status = await asyncdl_run("status", config, "--json", **volume)
    assert status.summary["runs"] == 2
    assert (await asyncdl_run("verify", config, **volume)).status == 0
    plan = await asyncdl_run("plan", config, "--json", **volume)
    assert plan.status == 0 and '"missing_bytes":0' in plan.stdout.replace(" ", "")


@pytest.mark.parametrize("kinds", ["f", "p"])
async def test_one_kind_of_lock_alone_is_not_enough(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, volume: dict[str, str], kinds: str
) -> None:
    """The run holds its directory by the one, SQLite its journal by the other."""
    ended = await asyncdl_run("run", make_config(), **volume, NO_LOCKS_KINDS=kinds)
    assert ended.status == 0, ended.stderr
    (journal,) = states_in(tmp_path)
    assert journal.is_relative_to(tmp_path / "home")


async def test_a_journal_stays_where_only_maps_are_refused(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, volume: dict[str, str]
) -> None:
    """One that was logged ahead on another mount goes on, with a rollback journal."""
    config = make_config()
    assert (await asyncdl_run("run", config)).status == 0
    journal = tmp_path / "data" / ".asyncdl" / "journal.sqlite"
    assert log_of(journal) == "wal"
    ended = await asyncdl_run("run", config, "--json", **volume, NO_LOCKS_KINDS="m")
    assert ended.status == 0 and ended.summary["files"]["downloaded"] == 0
    assert states_in(tmp_path) == [journal] and log_of(journal) != "wal"
    status = await asyncdl_run("status", config, "--json", **volume, NO_LOCKS_KINDS="m")
    assert status.summary["runs"] == 2


async def test_what_an_earlier_run_knew_goes_along(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, volume: dict[str, str]
) -> None:
    """A directory whose mount lost its locks, and one that gets a place of its own."""
    config = make_config()
    first = await asyncdl_run("run", config, "--json")
    moved = await asyncdl_run("run", config, "--json", **volume)
    assert moved.summary["files"]["skipped"] == first.summary["files"]["total"]
    status = await asyncdl_run("status", config, "--json", **volume)
    assert status.summary["runs"] == 2
    chosen = tmp_path / "chosen"
    named = await asyncdl_run("run", config, "--json", "--state-dir", chosen, **volume)
    assert named.summary["files"]["skipped"] == first.summary["files"]["total"]
    assert "No locks" not in named.stderr
    status = await asyncdl_run("status", config, "--json", "--state-dir", chosen, **volume)
    assert status.summary["runs"] == 3 and len(states_in(chosen)) == 1


async def test_two_directories_share_a_place_for_states(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    config = make_config(download='state_directory = "states"')
    assert (await asyncdl_run("run", config)).status == 0
    other = tmp_path / "other.toml"
    other.write_text(config.read_text().replace('"data"', '"deeper/data"'))
    assert (await asyncdl_run("run", other)).status == 0
    assert len(states_in(tmp_path / "states")) == 2
    for path in (config, other):
        status = await asyncdl_run("status", path, "--json")
        assert status.summary["runs"] == 1


async def test_a_chosen_place_without_locks_says_what_to_do(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, volume: dict[str, str]
) -> None:
    config = make_config(download='state_directory = "data/states"')
    ended = await asyncdl_run("run", config, "--json", **volume)
    assert ended.status == 1
    assert "flock: No locks available" in ended.summary["error"]
    assert "--state-dir" in ended.summary["error"]
    doctor = await asyncdl_run("doctor", config, "--json", **volume)
    rows = {check["name"]: check for check in doctor.summary["checks"]}
    assert rows["journal"]["state"] == "fail" and "--state-dir" in rows["journal"]["advice"]


async def test_the_doctor_tries_the_locks(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, volume: dict[str, str]
) -> None:
    config = make_config()
    (tmp_path / "data").mkdir()
    doctor = await asyncdl_run("doctor", config, "--json", **volume)
    row = next(check for check in doctor.summary["checks"] if check["name"] == "journal")
    assert row["state"] == "warn" and "No locks available" in row["seen"]
    assert str(tmp_path / "home") in row["advice"]
    assert not list((tmp_path / "data").iterdir())


@pytest.fixture
def make_read_only(tmp_path: Path) -> Iterator[None]:
    """Let ``data`` be a mount of its own, which a test can make read-only, for root as well."""
    data = tmp_path / "data"
    data.mkdir()
    bind = ["mount", "--bind", str(data), str(data)]
    if subprocess.run(bind, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    yield
    subprocess.run(["umount", str(data)], check=True)


async def remount(data: Path, how: str) -> None:
    await anyio.run_process(["mount", "-o", f"remount,{how},bind", str(data)])


async def test_a_read_only_directory_can_be_asked_and_verified(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, make_read_only: None
) -> None:
    config, data = make_config(), tmp_path / "data"
    assert (await asyncdl_run("run", config)).status == 0
    before = files_under(data)
    spoiled = next(path for path in data.rglob("*SR_B4.TIF"))
    await remount(data, "ro")
    status = await asyncdl_run("status", config, "--json")
    assert (status.status, status.summary["runs"]) == (0, 1)
    verified = await asyncdl_run("verify", config, "--json")
    assert (verified.status, verified.summary["files"]["damaged"]) == (0, 0)
    assert (await asyncdl_run("report", config)).status == 0
    assert files_under(data) == before
    await remount(data, "rw")
    spoiled.write_bytes(b"spoiled")
    await remount(data, "ro")
    verified = await asyncdl_run("verify", config, "--json")
    assert (verified.status, verified.summary["files"]["damaged"]) == (1, 1)
    repair = await asyncdl_run("verify", config, "--repair", "--json")
    assert repair.status == 1 and "Read-only file system" in repair.stdout + repair.stderr

"""Real workers that cannot be used, or see something else: each is found before any request."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make beyond")

import asyncdl
from asyncdl.sandbox import Service
from tests.beyond.conftest import MakeJob
from tests.beyond.dask_processes import Processes
from tests.beyond.test_cluster_losses import SLOW, check_complete

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DEBUG = {"DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "debug"}


def other_version(folder: Path) -> Path:
    """Make a copy of asyncdl that says that it is another version; return where it is."""
    package = Path(asyncdl.__file__).parent
    shutil.copytree(package, folder / "asyncdl", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "asyncdl" / "version.py").write_text('__version__ = "0.0.1"\n')
    return folder


def older_version(folder: Path) -> Path:
    """Make a package called asyncdl that knows no clusters; return where it is."""
    (folder / "asyncdl").mkdir(parents=True)
    (folder / "asyncdl" / "__init__.py").write_text("")
    return folder


async def test_another_version_is_named_before_any_request(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    _, address = await processes.scheduler()
    await processes.worker(address, "one", PYTHONPATH=str(other_version(tmp_path / "other")))
    run = await processes.run(service, make_job(), address=address)
    assert await run.ended() == 1
    error = run.lines[-1]["error"]
    assert error.startswith("one (")
    assert f"it has asyncdl 0.0.1, and this machine has {asyncdl.__version__}" in error
    assert "Install the same version" in error
    assert not service.calls


async def test_a_worker_without_this_asyncdl_is_named_before_any_request(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    _, address = await processes.scheduler()
    path = str(older_version(tmp_path / "older"))
    worker = await processes.worker(address, "one", PYTHONPATH=path)
    run = await processes.run(service, make_job(), address=address)
    assert await run.ended() == 1
    assert "has no asyncdl of this version: No module named 'asyncdl" in run.lines[-1]["error"]
    assert not service.calls
    assert worker.process.returncode is None, "others may need it"


def can_unshare() -> bool:
    try:
        return not subprocess.run(["unshare", "-m", "true"], check=False).returncode
    except OSError:
        return False


@pytest.mark.skipif(not can_unshare(), reason="no right to mount anything")
@pytest.mark.parametrize(
    ("mount", "problem"),
    [
        ("mount -t tmpfs none {data}", "it sees another folder under {data}"),
        ("mount --bind {data} {data} && mount -o remount,ro,bind {data}", "it cannot write to"),
    ],
)
async def test_a_worker_with_another_folder_is_named_before_any_request(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path,
    mount: str, problem: str,
) -> None:  # fmt: skip
    data = tmp_path / "data"
    data.mkdir()
    _, address = await processes.scheduler()
    await processes.worker(address, "one")
    await processes.worker(address, "two", within=mount.format(data=data))
    run = await processes.run(service, make_job(), address=address)
    assert await run.ended() == 1
    error = run.lines[-1]["error"]
    assert error.startswith("two (")
    assert problem.format(data=data) in error
    assert not service.calls
    assert not [path for path in data.iterdir() if "marker" in path.name]


@pytest.fixture
def hanging() -> Iterator[str]:
    """What accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("tcp://127.0.0.1:9", "imed out"),
        ("tcp://{hanging}", "it says nothing"),
        ("tcp://{service}", "cannot be reached"),
        ("nonsense://{hanging}", "nonsense"),
        ("tls://{hanging}", "TLS"),
    ],
    ids=["refused", "hanging", "a web server", "nonsense", "no certificates"],
)
async def test_a_scheduler_that_cannot_be_reached_is_named(
    processes: Processes, make_job: MakeJob, service: Service, hanging: str,
    address: str, problem: str,
) -> None:  # fmt: skip
    address = address.format(hanging=hanging, service=service.origin.partition("://")[2])
    run = await processes.run(service, make_job(), address=address)
    assert await run.ended() == 1
    error = run.lines[-1]["error"]
    assert error.startswith(f"the Dask scheduler at {address} cannot be reached: ")
    assert problem in error
    assert "Check the address" in error
    assert not service.calls


WALL = """
import socket

connect = socket.socket.connect

def refuse(self, address):
    if address[1:2] == ({port},):
        raise ConnectionRefusedError(111, "Connection refused")
    return connect(self, address)

socket.socket.connect = refuse
"""


def firewall(folder: Path, port: str) -> Path:
    """Make what keeps a process from one port of any host; return where it is."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WALL.format(port=port))
    return folder


async def test_a_worker_that_cannot_reach_the_files_gets_none_and_the_others_get_all(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    """As behind a firewall, or where a URL is good only from the address that asked for it."""
    _, address = await processes.scheduler()
    await processes.worker(address, "one")
    port = service.origin.rpartition(":")[2]
    await processes.worker(address, "two", PYTHONPATH=str(firewall(tmp_path / "wall", port)))
    service.faults = SLOW
    run = await processes.run(service, make_job(), "-v", address=address)
    await run.until("two cannot fetch what other workers can")
    service.faults = asyncdl.sandbox.Faults()
    assert await run.ended() == 0
    check_complete(run, tmp_path / "data")
    (notice,) = [text for text in run.lines[-1]["notices"] if "two" in text]
    assert notice.endswith("It gets no files.")


async def test_nothing_that_dask_logs_has_a_secret(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    scheduler, address = await processes.scheduler(port=0, **DEBUG)
    worker = await processes.worker(address, "one", **DEBUG)
    service.faults = asyncdl.sandbox.Faults(refuse=0.5, gone=0.2, strikes=1)
    run = await processes.run(service, make_job(), "-vv", address=address, **DEBUG)
    assert await run.ended() == 0, run.output
    check_complete(run, tmp_path / "data")
    worker.send(signal.SIGTERM)
    scheduler.send(signal.SIGTERM)
    outputs = [run.output, worker.output, scheduler.output]
    assert all("distributed" in output for output in outputs)
    for output in outputs:
        assert service.token not in output
        assert "requestSignature=" not in output

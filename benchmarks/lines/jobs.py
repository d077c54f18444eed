"""Whole jobs: the sandbox behind a line, or by itself."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import urlopen

from asyncdl.sandbox import ExpectedFiles, Faults
from benchmarks.by_hand import (
    BANDS,
    DATASET,
    EAST,
    FIRST_DAY,
    GROUP,
    LAST_DAY,
    MOST_CLOUD,
    NORTH,
    SOUTH,
    WEST,
    Errand,
)
from benchmarks.lines.limits import JobFile, job_limit_s
from benchmarks.lines.lists import Course
from benchmarks.lines.sandbox import PRODUCTS
from benchmarks.lines.scenarios import JobScenario
from benchmarks.lines.serving import HOST, behind_line, running_sandbox, serving_sandbox
from benchmarks.lines.timeline import most_open
from benchmarks.measuring import Run, run
from benchmarks.servers import free_ports, trusting

USERNAME, TOKEN = "sandbox", "sandbox-token"
API_PATH = "/api/api/json/stable/"
ROOT = Path(__file__).parents[2]
USGSXPLORE = ROOT / ".venv-lines" / "bin" / "python"
"""Made by ``make lines``."""


@contextmanager
def job_course(scenario: JobScenario, folder: Path) -> Iterator[Course]:
    """Give a scenario in which every run has a fresh sandbox."""
    expected = ExpectedFiles(raster_pixels=scenario.pixels, file_size=scenario.file_size)
    sizes: dict[str, int] = {}

    def run_once(client: str) -> Run:
        target = folder / "copies"
        target.mkdir()
        try:
            with _service(scenario, folder) as service:
                certificate = service.certificate
                errand = Errand(service.url, USERNAME, TOKEN, str(target), scenario.kinds)
                command = CLIENTS[client](errand, folder / "notes", certificate)
                began_s = time.time()
                taken = run(command, _environment(certificate, folder))
                made = service.endpoints_called()
            sizes.update(_check(scenario, expected, target))
            return replace(
                taken,
                last_file_s=_last_change_s(target) - began_s,
                closing_s=scenario.needed.closing_s(made, scenario.connection_line),
                connections=None if scenario.line is None else most_open(folder / "nginx"),
            )
        finally:
            shutil.rmtree(target)

    yield Course(run_once, lambda: _limit_s(scenario, sizes))


@dataclass(frozen=True)
class Service:
    """A running sandbox, and what is before it."""

    url: str
    """Of the API."""
    certificate: Path | None
    """Makes it trusted; ``None`` without TLS."""
    sandbox: int
    """Port of the sandbox itself."""

    def endpoints_called(self) -> frozenset[str]:
        """Return which endpoints were called."""
        with urlopen(f"http://{HOST}:{self.sandbox}/sandbox") as response:
            return frozenset(json.load(response)["calls"])


@contextmanager
def _service(scenario: JobScenario, folder: Path) -> Iterator[Service]:
    """Run the sandbox and what is before it."""
    sandbox, port, public = free_ports(3)
    settings = ["--pixels", str(scenario.pixels)]
    if scenario.file_size is not None:
        settings += ["--file-size", str(scenario.file_size)]
    settings += [text for fault in scenario.faults for text in ("--fault", fault)]
    with ExitStack() as stack:
        stack.enter_context(running_sandbox(sandbox, settings))
        if scenario.line is None:
            yield Service(f"http://{HOST}:{sandbox}{API_PATH}", None, sandbox)
            return
        nginx = folder / "nginx"
        certificate = stack.enter_context(serving_sandbox(sandbox, nginx, port, public))
        stack.enter_context(behind_line(scenario.line, public, port, nginx))
        yield Service(f"https://{HOST}:{public}{API_PATH}", certificate, sandbox)


def _environment(certificate: Path | None, folder: Path) -> dict[str, str]:
    """Return what every client finds: a home of its own, the account, whom to trust."""
    account = {"ASYNCDL_USERNAME": USERNAME, "ASYNCDL_TOKEN": TOKEN}
    trust = trusting(certificate) if certificate else {}
    return {"HOME": str(folder), "NO_PROXY": HOST, **account, **trust}


# --- the clients ---------------------------------------------------------------------------

JobCommand = Callable[[Errand, Path, Path | None], list[str]]


def _asyncdl(errand: Errand, notes: Path, certificate: Path | None) -> list[str]:
    config = notes / "job.toml"
    config.write_text(_config(errand), encoding="utf-8")
    trust = ["--cacert", str(certificate)] if certificate else []
    return [sys.executable, "-m", "asyncdl", "run", "--quiet", *trust, str(config)]


def _config(errand: Errand) -> str:
    """Return a config with nothing but what is wanted."""
    wanted = {"bands": {"bands": list(BANDS)}, "bundle": {}, "band_group": {"file_groups": [GROUP]}}
    products = "".join(
        "".join(
            [
                f'[[products]]\nkind = "{kind}"\n',
                *(f"{key} = {json.dumps(value)}\n" for key, value in wanted[kind].items()),
            ]
        )
        for kind in errand.kinds
    )
    return (
        f'[service]\nurl = "{errand.url}"\n'
        f'[search]\ndataset = "{DATASET}"\n'
        f"bbox = {[WEST, SOUTH, EAST, NORTH]}\nstart = {FIRST_DAY}\nend = {LAST_DAY}\n"
        f"cloud_cover = [0, {MOST_CLOUD}]\n{products}"
        f'[download]\ndirectory = "{errand.folder}"\n'
    )


def _notebook(errand: Errand, notes: Path, certificate: Path | None) -> list[str]:
    return [sys.executable, "-m", "benchmarks.notebook", "job", errand.to_json()]


def _usgsxplore(errand: Errand, notes: Path, certificate: Path | None) -> list[str]:
    driver = ["-m", "benchmarks.lines.drive_usgsxplore"]
    return [str(USGSXPLORE), *driver, errand.to_json()]


def _links_to_aria2c(errand: Errand, notes: Path, certificate: Path | None) -> list[str]:
    driver = ["-m", "benchmarks.lines.hand_over"]
    return [sys.executable, *driver, errand.to_json(), str(certificate or "")]


CLIENTS: Mapping[str, JobCommand] = {
    "asyncdl": _asyncdl,
    "notebook": _notebook,
    "usgsxplore": _usgsxplore,
    "links to aria2c": _links_to_aria2c,
}


# --- what came ------------------------------------------------------------------------------


def _check(scenario: JobScenario, expected: ExpectedFiles, folder: Path) -> dict[str, int]:
    """Compare every file; return the sizes by name, each file once.

    Raises: ValueError, for a wrong file, or if not all of them are there.
    """
    sizes = {}
    for path in folder.rglob("*"):
        name = _true_name(path.name)
        if path.is_file() and name is not None:
            # By digest: no body is held, for every client begins as large as this process is.
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha512")
            if digest.hexdigest() != expected.sha512_of(name):
                raise ValueError(f"{path.name} is not what the sandbox holds")
            sizes[name] = path.stat().st_size
    if len(sizes) != scenario.files:
        raise ValueError(f"{len(sizes)} files in place of {scenario.files}")
    return sizes


def _last_change_s(folder: Path) -> float:
    """Return when the last file of the service was written, or got its name, since the epoch."""
    files = (path for path in folder.rglob("*") if path.is_file() and _true_name(path.name))
    return max(path.stat().st_ctime for path in files)


def _true_name(name: str) -> str | None:
    """Return what the service calls a file; ``None`` for notes of a client.

    usgsxplore names bundles by the scene's id; aria2c gives the second of two equal names a number.
    """
    stem, _, suffix = re.sub(r"\.\d+(?=\.\w+$)", "", name).partition(".")
    name = f"{PRODUCTS.get(stem, stem)}.{suffix}"
    return name if name.startswith(tuple(PRODUCTS.values())) else None


def _limit_s(scenario: JobScenario, sizes: Mapping[str, int]) -> float:
    faults = Faults.parse(scenario.faults)
    files = [
        JobFile(size, faults.picks("preparing", name), _can_be_split(scenario, name))
        for name, size in sizes.items()
    ]
    return job_limit_s(files, scenario.needed, scenario.connection_line)


def _can_be_split(scenario: JobScenario, name: str) -> bool:
    return not name.endswith(".tar") or scenario.fault("bundle_etag") == "true"

"""Clients that nobody here wrote do with the sandbox what they do with the service."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest

import asyncdl.sandbox
from asyncdl.sandbox import Faults, Service
from tests.clients.conftest import ROW
from tests.clients.environments import PLACE, ROOT, VERSIONS, python_of

OK = "ok"
NONE = "not in the client"
PREPARED = "preparing=LC08_L2SP_067018*.tar"


@dataclass(frozen=True)
class Wrong:
    """A step that a client gets wrong by itself."""

    error: str
    """What it ends with."""
    reason: str

    @property
    def outcome(self) -> str:
        return f"{self.error} (its own fault: {self.reason})"


@dataclass(frozen=True)
class Client:
    """A client and everything that has to come out of it."""

    version: str
    group: str
    steps: dict[str, str | Wrong]
    files: int
    """How many it downloads."""
    polls: int = 2
    """When the one bundle in preparation is ready."""


OTHERS = ("landsat_ard_tile_c2", "srtm_v3", "naip", "SENTINEL_2A", "corona2")
_REPEATED = "the same once more"
CLIENTS = {
    "usgs": Client(
        "0.3.7",
        "clients",
        {
            "login": OK,
            "datasets": OK,
            "filters": OK,
            "search": OK,
            "search with a filter": OK,
            "search around a point": OK,
            "metadata": OK,
            "options": OK,
            "request and download": OK,
            "request in preparation": OK,
            _REPEATED: OK,
            **{f"search and download of {dataset}": OK for dataset in OTHERS},
            "retrieve": NONE,
            "logout": OK,
        },
        files=8,
    ),
    "usgsxplore": Client(
        "1.2.1",
        "clients",
        {
            "login": OK,
            "datasets": OK,
            "filters": OK,
            "search": OK,
            "search with a filter": OK,
            "search with a text": OK,
            "search around a point": OK,
            "search by MultiPolygon": OK,
            "ids": OK,
            "metadata": OK,
            "options, request, retrieve, download": OK,
            _REPEATED: OK,
            "logout": OK,
        },
        files=6,
    ),
    "eodag": Client(
        "4.10.1",
        "clients",
        {
            "login and search": OK,
            "search by id": OK,
            "search by MultiPolygon": OK,
            "options, request, download": OK,
            "request in preparation": OK,
            _REPEATED: OK,
            "retrieve": NONE,
        },
        files=3,
    ),
    "callusgs": Client(
        "0.3.0",
        "clients-callusgs",
        {
            "login and logout": OK,
            "datasets": OK,
            "descriptions of datasets": OK,
            "filters": OK,
            "search around a point": OK,
            "scene lists": OK,
            "metadata": OK,
            "metadata as XML": Wrong(
                "GeneralEarthExplorerException: A parameter is required and was not supplied",
                "it calls scene-metadata-list, without a list",
            ),
            "files of a scene": OK,
            "places": OK,
            "orders": OK,
            "preferences": Wrong(
                "GeneralEarthExplorerException: Couldn't find the input - full details in error "
                "message",
                "it calls user-preferences-set; the endpoint is user-preference-set",
            ),
            "options, request, download": OK,
            "request in preparation": OK,
            _REPEATED: OK,
            "two files at once": Wrong(
                "RateLimitEarthExplorerException: User attempted to run multiple requests at a "
                "time",
                "its threads call download-remove side by side",
            ),
            "clean": OK,
        },
        files=3,
        # It gives up when nothing is there at its first look and nothing is listed as queued.
        polls=1,
    ),
    "landsatxplore": Client(
        "0.15.0",
        "clients-landsatxplore",
        {
            "login": Wrong(
                "USGSError: NOT_FOUND: Invalid Endpoint.",
                "it logs in with a password, by an endpoint withdrawn in February 2025",
            ),
        },
        files=0,
    ),
    "notebook": Client(
        "-",
        "clients",
        {
            "login": OK,
            "search": OK,
            "scene list": OK,
            "bands": OK,
            "bundles": OK,
            "band groups": OK,
            "tidy up": OK,
            "logout": OK,
        },
        files=54,
    ),
}


@pytest.mark.slow
@pytest.mark.violates
@pytest.mark.parametrize("name", CLIENTS)
async def test_client_comes_through(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Each step ends as listed, and every byte that it downloads is the true one."""
    client = CLIENTS[name]
    python = python_of(client.group)
    if python is None:
        wanted = " or ".join(VERSIONS[client.group])
        pytest.skip(f"{PLACE.name}/{client.group} is not there: make clients (Python {wanted})")
    faults = Faults.parse([PREPARED, f"polls={client.polls}"])
    async with asyncdl.sandbox.serve(generated=500, faults=faults) as service:
        report = await drive(name, python, service, tmp_path)
        for step, outcome in report["steps"]:
            shown = client.steps.get(step)
            is_known = isinstance(shown, Wrong) and shown.error == outcome
            text = shown.outcome if is_known and isinstance(shown, Wrong) else outcome
            record_property(ROW, (name, report["version"], step, text))
        assert report["version"] == client.version
        assert dict(report["steps"]) == {
            step: wanted.error if isinstance(wanted, Wrong) else wanted
            for step, wanted in client.steps.items()
        }
        assert len(report["files"]) == client.files
        for path, truth in report["files"]:
            assert Path(path).read_bytes() == service.file_bytes(truth), truth


async def drive(name: str, python: Path, service: Service, folder: Path) -> Any:
    """Run the driver of a client; return its report."""
    settings = {
        "url": service.url,
        "username": service.username,
        "token": service.token,
        "folder": str(folder / "files"),
    }
    (folder / "files").mkdir()
    # Clients keep keys and settings at home, and no proxy stands before this address.
    environment = {**os.environ, "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    command = [str(python), "-m", f"tests.clients.drive_{name}", json.dumps(settings)]
    done = await anyio.run_process(command, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)

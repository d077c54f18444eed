"""What commands of long runs and workers import: what they always need; all of it is memory."""

import subprocess
import sys

import pytest

ROOMS_WITHOUT_NEED = {
    "asyncdl.cli.run": {
        "archive", "cluster", "doctor", "items", "lists", "metrics", "pages", "sandbox", "sync",
        "windows", "job.itemizing", "job.places.raster_excerpt", "job.places.store_placer",
        "job.stored_state", "library.store_downloader", "stores.credentials", "stores.lease",
        "stores.object_store",
    },
    "asyncdl.cli.get": {
        "archive", "cluster", "doctor", "items", "journal", "m2m", "metrics", "pages", "sandbox",
        "stac", "sync", "windows", "library", "stores.credentials", "stores.object_store",
    },
}  # fmt: skip
PACKAGES_WITHOUT_NEED = {
    "boto3", "botocore", "dask", "distributed", "geopandas", "ipywidgets", "keyring",
    "multiprocessing", "numpy", "obstore", "pandas", "prometheus_client", "pystac", "rasterio",
    "tqdm", "unittest", "xml",
}  # fmt: skip


def imported_by(module: str) -> set[str]:
    """Return the modules that come with one, beyond what the interpreter has at its start."""
    code = (
        f"import sys; early = set(sys.modules); import {module}; print(*set(sys.modules) - early)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ROOMS_WITHOUT_NEED)
def test_a_command_imports_what_it_always_needs(module: str) -> None:
    imported = imported_by(module)
    unneeded = {f"asyncdl.{room}" for room in ROOMS_WITHOUT_NEED[module]} | PACKAGES_WITHOUT_NEED
    assert module in imported
    assert not imported & unneeded


def test_get_does_without_the_client_of_the_service() -> None:
    assert "aiohttp" not in imported_by("asyncdl.cli.get")


def test_a_worker_of_a_cluster_does_without_the_client_of_the_service() -> None:
    assert "aiohttp" not in imported_by("asyncdl.cluster.agent_engine")

"""What a store is to the tests: a process that nobody here wrote, and a client that is not ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from tests.stores.door import Door

ADMIN = ("tester", "open sesame")
WRITER = ("writer", "may not make buckets")
READER = ("reader", "only looks")


class RealStore(Protocol):
    """A running store with one bucket, or container."""

    folder: Path
    scheme: str
    bucket: str

    def start(self) -> None:
        """Start it, and wait until it has its bucket."""

    def stop(self) -> None:
        """End it."""

    @property
    def endpoint(self) -> str:
        """Its URL."""

    @property
    def port(self) -> int:
        """Its port on this machine."""

    def environment(self, who: tuple[str, str] = ADMIN) -> Mapping[str, str]:
        """Return variables by which the cloud's chain finds credentials."""

    def refused(self) -> Mapping[str, str]:
        """Return variables with a secret that is not the right one."""

    def names(self, prefix: str = "") -> list[str]:
        """Return the keys of all objects below a prefix."""

    def read(self, key: str) -> bytes:
        """Return the bytes of an object."""

    def facts(self, key: str) -> dict[str, str]:
        """Return the metadata of an object."""

    def put(self, key: str, data: bytes) -> None:
        """Write an object as somebody else."""

    def remove(self, key: str) -> None:
        """Remove an object as somebody else."""

    def written(self, key: str) -> str:
        """Return when an object was written, and as what, in any form."""

    def begin_upload(self, key: str) -> None:
        """Begin an upload of several parts, and never finish it."""

    def uploads(self, prefix: str) -> list[str]:
        """Return the keys below a prefix of uploads that were begun and not finished."""


S = TypeVar("S", bound=RealStore)


@contextmanager
def running(store: S) -> Iterator[S]:
    """Start a store for the block."""
    store.folder.mkdir(parents=True, exist_ok=True)
    try:
        store.start()
        yield store
    finally:
        store.stop()


def keys_of(store: RealStore, prefix: str = "") -> dict[str, bytes]:
    """Return every object below a prefix with its bytes."""
    return {key: store.read(key) for key in store.names(prefix)}


def through(door: Door, store: RealStore) -> str:
    """Return the URL of a store through a door."""
    return store.endpoint.replace(f":{store.port}", f":{door.own_port}")


CREDENTIALS = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_APPLICATION_CREDENTIALS",
)  # fmt: skip


def act_as(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Put these credentials into the environment, and no others."""
    for name in CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

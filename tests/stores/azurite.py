"""Azurite, an Azure Blob Storage that nobody here wrote, as a process of the tests."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.ports import free_ports
from tests.stores.real_store import ADMIN, READER

FOLDER = Path(__file__).parents[2] / ".azurite"
"""Where ``make beyond`` installs it."""
ACCOUNT = "tester"
KEY = base64.b64encode(b"no secret: this account lives as long as a test").decode()
WRONG_KEY = base64.b64encode(b"not the right one" * 3).decode()
PATIENCE_S = 60


def program() -> Path | None:
    """Return the server's program; ``None`` without one."""
    path = FOLDER / "node_modules" / ".bin" / "azurite-blob"
    return path if path.exists() and shutil.which("node") else None


def why_not() -> str:
    """Return why there is no program, for a test that is skipped."""
    if shutil.which("npm") is None:
        return "Azurite comes from npm, which is not here"
    return "no Azurite (make beyond)"


@dataclass
class Azurite:
    """A running store with one container."""

    folder: Path
    port: int = field(default_factory=lambda: free_ports(1)[0])
    scheme: str = "az"
    bucket: str = "landsat"
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        """Its URL; of an emulator it ends with the account."""
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    def environment(self, who: tuple[str, str] = ADMIN) -> dict[str, str]:
        """Return variables by which the cloud's chain finds credentials.

        Whoever may do anything has the account's key, and whoever may not has a signature.
        """
        name = {"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT}
        if who == ADMIN:
            return name | {"AZURE_STORAGE_ACCOUNT_KEY": KEY}
        rights = "rl" if who == READER else "rwdlac"
        return name | {"AZURE_STORAGE_SAS_TOKEN": signature(rights)}

    def refused(self) -> dict[str, str]:
        """Return variables with a key that is not the account's."""
        return self.environment() | {"AZURE_STORAGE_ACCOUNT_KEY": WRONG_KEY}

    def start(self) -> None:
        """Start it, and wait until it has its container."""
        command = [
            str(program()), "--silent", "--blobHost", "127.0.0.1", "--blobPort", str(self.port),
            "--location", str(self.folder), "--skipApiVersionCheck", "--disableTelemetry",
        ]  # fmt: skip
        env = os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
        with (self.folder / "azurite.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.container.create_container()
                return
            except Exception:
                assert time.monotonic() < until, (self.folder / "azurite.log").read_text()[-2000:]
                time.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @cached_property
    def container(self) -> Any:
        """The container, by a client that is not ours."""
        from azure.storage.blob import BlobServiceClient

        client = BlobServiceClient(
            self.endpoint, {"account_name": ACCOUNT, "account_key": KEY}, retry_total=0
        )
        return client.get_container_client(self.bucket)

    # --- what is in it ----------------------------------------------------------------

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all blobs below a prefix."""
        return [blob.name for blob in self.container.list_blobs(name_starts_with=prefix)]

    def read(self, key: str) -> bytes:
        """Return the bytes of a blob."""
        content: bytes = self.container.download_blob(key).readall()
        return content

    def facts(self, key: str) -> dict[str, str]:
        """Return the metadata of a blob."""
        return dict(self.container.get_blob_client(key).get_blob_properties().metadata)

    def put(self, key: str, data: bytes) -> None:
        """Write a blob as somebody else."""
        self.container.upload_blob(key, data, overwrite=True)

    def remove(self, key: str) -> None:
        """Remove a blob as somebody else."""
        self.container.delete_blob(key)

    def written(self, key: str) -> str:
        """Return the tag of a blob, which each write changes."""
        return str(self.container.get_blob_client(key).get_blob_properties().etag)

    def begin_upload(self, key: str) -> None:
        """Put one block of a blob, and no list of them."""
        self.container.get_blob_client(key).stage_block(base64.b64encode(b"1").decode(), b"123")

    def uploads(self, prefix: str) -> list[str]:
        """Return the names of blobs that have blocks, and are none yet."""
        found = self.container.list_blobs(f"{prefix}/", include=["uncommittedblobs"])
        there = self.names(f"{prefix}/")
        return [blob.name for blob in found if blob.name not in there]


def signature(rights: str) -> str:
    """Return a signature of the account for some rights."""
    from azure.storage.blob import ResourceTypes, generate_account_sas

    now = datetime.now(UTC)
    made: str = generate_account_sas(
        ACCOUNT, KEY, ResourceTypes(container=True, object=True), rights,
        expiry=now + timedelta(hours=1), start=now - timedelta(minutes=5), protocol="https,http",
    )  # fmt: skip
    return made

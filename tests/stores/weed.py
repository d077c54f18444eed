"""SeaweedFS, an object store that nobody here wrote, as a process of the tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.ports import free_ports
from tests.stores.real_store import ADMIN, READER, WRITER, running

_IDENTITIES = {
    "identities": [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": secret}],
            "actions": actions,
        }
        for (name, secret), actions in (
            (ADMIN, ["Admin", "Read", "Write", "List", "Tagging"]),
            (WRITER, ["Read", "Write", "List", "Tagging"]),
            (READER, ["Read", "List"]),
        )
    ]
}
_PORTS = (
    "s3.port", "s3.port.grpc", "master.port", "master.port.grpc", "volume.port",
    "volume.port.grpc", "filer.port", "filer.port.grpc", "metricsPort",
)  # fmt: skip
PATIENCE_S = 60


def program() -> str | None:
    """Return the server's program beside this Python or on the path; ``None`` without one."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@dataclass
class Weed:
    """A running store with one bucket."""

    folder: Path
    ports: dict[str, int]
    scheme: str = "s3"
    bucket: str = "landsat"
    process: subprocess.Popen[bytes] | None = None
    volume_mib: int = 64
    """Of its files; when they are full it makes others, which takes it seconds."""
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.ports['s3.port']}"

    @property
    def port(self) -> int:
        """Its port on this machine."""
        return self.ports["s3.port"]

    def environment(self, who: tuple[str, str] = ADMIN) -> dict[str, str]:
        """Return variables by which the cloud's chain finds credentials."""
        return {
            "AWS_ACCESS_KEY_ID": who[0],
            "AWS_SECRET_ACCESS_KEY": who[1],
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def refused(self) -> dict[str, str]:
        """Return variables with a secret that is not the right one."""
        return self.environment((ADMIN[0], "not the right one"))

    def client(self, who: tuple[str, str] = ADMIN) -> Any:
        """Return a client that is not ours."""
        if who not in self._clients:
            self._clients[who] = self._new_client(who)
        return self._clients[who]

    def _new_client(self, who: tuple[str, str]) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        session = Session()
        session.set_credentials(*who)
        return session.create_client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            # Right after its start it has no volumes for some seconds.
            config=Config(retries={"max_attempts": 8}, s3={"addressing_style": "path"}),
        )

    def start(self) -> None:
        """Start it, again perhaps, and wait until it has its bucket."""
        weed = program()
        assert weed is not None
        (self.folder / "s3.json").write_text(json.dumps(_IDENTITIES))
        command = [
            weed, "-logdir", str(self.folder), "server", f"-dir={self.folder}", "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={self.folder / 's3.json'}",
            "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
            f"-master.volumeSizeLimitMB={self.volume_mib}", "-volume.max=60",
            "-master.electionTimeout=1s",
            *(f"-{name}={port}" for name, port in self.ports.items()),
        ]  # fmt: skip
        with (self.folder / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        client, until = self.client(), time.monotonic() + PATIENCE_S
        while True:
            try:
                self.make_bucket()
                client.put_object(Bucket=self.bucket, Key="up", Body=b"")
                client.delete_object(Bucket=self.bucket, Key="up")
                return
            except Exception:
                assert time.monotonic() < until, (self.folder / "weed.log").read_text()[-2000:]
                time.sleep(0.1)

    def make_bucket(self) -> None:
        """Make its bucket, unless it is there."""
        client = self.client()
        try:
            client.create_bucket(Bucket=self.bucket)
        except client.exceptions.ClientError as error:
            if "BucketAlready" not in str(error):
                raise

    def stop(self) -> None:
        """Kill it; what it has acknowledged is on its disk."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    # --- what is in it ----------------------------------------------------------------

    def names(self, prefix: str = "") -> list[str]:
        """Return the keys of all objects below a prefix."""
        pages = self.client().get_paginator("list_objects_v2")
        return [
            found["Key"]
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix)
            for found in page.get("Contents", ())
        ]

    def read(self, key: str) -> bytes:
        """Return the bytes of an object."""
        body: bytes = self.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return body

    def facts(self, key: str) -> dict[str, str]:
        """Return the metadata of an object."""
        return dict(self.client().head_object(Bucket=self.bucket, Key=key)["Metadata"])

    def put(self, key: str, data: bytes) -> None:
        """Write an object as somebody else."""
        self.client().put_object(Bucket=self.bucket, Key=key, Body=data)

    def remove(self, key: str) -> None:
        """Remove an object as somebody else."""
        self.client().delete_object(Bucket=self.bucket, Key=key)

    def written(self, key: str) -> str:
        """Return when an object was written."""
        return str(self.client().head_object(Bucket=self.bucket, Key=key)["LastModified"])

    def begin_upload(self, key: str) -> None:
        """Begin an upload of several parts, and never finish it."""
        self.client().create_multipart_upload(Bucket=self.bucket, Key=key)

    def uploads(self, prefix: str) -> list[str]:
        """Return the keys below a prefix of uploads that were begun and not finished."""
        found = self.client().list_multipart_uploads(Bucket=self.bucket)
        keys = [upload["Key"] for upload in found.get("Uploads", ())]
        return [key for key in keys if key.startswith(f"{prefix}/")]


@contextmanager
def running_weed(folder: Path, volume_mib: int = 64) -> Iterator[Weed]:
    """Start a store for the block."""
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    try:
        with running(Weed(folder, ports, volume_mib=volume_mib)) as weed:
            yield weed
    finally:
        for name in ("filer-grpc", "s3-grpc", "s3", "filer"):
            for port in ports.values():
                with suppress(OSError):
                    os.unlink(f"/tmp/seaweedfs-{name}-{port}.sock")

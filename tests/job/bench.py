"""Jobs against one sandbox into one directory, with pauses too short to notice."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asyncdl.config import Config, parse_config
from asyncdl.errors import AsyncdlError
from asyncdl.events import Event, FileFinished
from asyncdl.job.choosing.from_config import limits_of
from asyncdl.job.job import Job
from asyncdl.job.reporting.report import Summary
from asyncdl.journal import FileStatus
from asyncdl.m2m import ClientOptions, Credentials
from asyncdl.m2m.naming import product_id_of_file
from asyncdl.net.retry import Backoff
from asyncdl.sandbox import Service

QUICK = Backoff(first_s=0.001, factor=1.0, max_s=0.001, attempts=10)
SECTIONS = ("service", "download", "poll")

ANCHORAGE = {
    "dataset": "landsat_ot_c2_l2",
    "bbox": [-151.5, 60.0, -147.0, 62.0],
    "start": "2020-03-01",
    "end": "2020-03-15",
    "cloud_cover": [0, 60],
}
BANDS = {"kind": "bands", "bands": ["SR_B4", "QA_PIXEL", "ST_B10", "ANG"]}
BUNDLE = {"kind": "bundle"}
GROUP = {"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"]}
KINDS = (BANDS, BUNDLE, GROUP)

RED = {"kind": "bands", "bands": ["SR_B4"]}
"""One file for each scene."""


@dataclass
class Bench:
    """Makes jobs and looks at what they leave."""

    service: Service
    directory: Path
    events: list[Event] = field(default_factory=list)
    """Of all runs."""

    def config(
        self, *products: dict[str, Any], search: dict[str, Any] = ANCHORAGE, **settings: Any
    ) -> Config:
        """Return a config; ``settings`` are keys of any section."""
        raw: dict[str, Any] = {
            "service": {
                "url": self.service.url,
                "stac_url": self.service.stac_url,
                "quota_interval": 0.01,
            },
            "search": dict(search),
            "products": list(products or KINDS),
            "download": {"directory": str(self.directory), "stall_timeout": 30},
            "poll": {"interval": 0.01, "deadline": 100},
        }
        for key, value in settings.items():
            raw[SECTION_OF[key]][key] = value
        return parse_config(raw, base=self.directory)

    def job(
        self,
        *products: dict[str, Any],
        token: str = "",
        only: Sequence[FileStatus] = (),
        force: bool = False,
        **settings: Any,
    ) -> Job:
        """Return a job; see :meth:`config`."""
        config = self.config(*products, **settings)
        return Job(
            config,
            credentials=Credentials(self.service.username, token or self.service.token),
            client_options=ClientOptions(
                backoff=replace(QUICK, attempts=4), busy_backoff=QUICK, connect_timeout_s=60.0
            ),
            limits=replace(limits_of(config.download), backoff=QUICK),
            service_name="sandbox",
            only=only,
            force=force,
        )

    async def run(self, *products: dict[str, Any], **settings: Any) -> Summary:
        """Run a job to its end and take its events."""
        return await self.job(*products, **settings).run(self.events.append)

    async def complete(self, *products: dict[str, Any], **settings: Any) -> Summary:
        """Run a job that has to succeed, and compare every byte with the truth."""
        summary = await self.run(*products, **settings)
        assert summary.status == "complete", summary.failures or summary.error
        self.check_files()
        return summary

    # --- what is left ---------------------------------------------------------------

    @property
    def files(self) -> list[Path]:
        """Everything in the directory but its state and its report."""
        return [
            path
            for path in sorted(self.directory.rglob("*"))
            if path.is_file() and ".asyncdl" not in path.parts and path.suffix != ".json"
        ]

    def check_files(self) -> None:
        """Compare all files with what the sandbox really holds."""
        for path in self.files:
            assert ".part" not in path.name
            assert path.read_bytes() == self.truth(path.name), path

    def truth(self, name: str) -> bytes:
        """Return the true bytes of a file."""
        if name.endswith(".tar"):
            return self.service.bundle_bytes(name.removesuffix(".tar"))
        try:
            return self.service.file_bytes(name)
        except KeyError:
            return self._member(name)

    def _member(self, name: str) -> bytes:
        """Return the true bytes of a file that comes in a bundle only."""
        scene = product_id_of_file(name)
        assert scene is not None, name
        with tarfile.open(fileobj=io.BytesIO(self.service.bundle_bytes(scene))) as bundle:
            content = bundle.extractfile(name)
            assert content is not None
            return content.read()

    @property
    def endings(self) -> Counter[str]:
        """How often each place of a file ended."""
        return Counter(event.file for event in self.events if isinstance(event, FileFinished))

    def count(self, kind: type[Event]) -> int:
        """Return how many events of a kind there were."""
        return sum(isinstance(event, kind) for event in self.events)

    @property
    def requested(self) -> Counter[tuple[str, str]]:
        """Every (entity, product) that was asked for, as far as the sandbox kept the calls."""
        return Counter(
            (item["entityId"], item["productId"])
            for call in self.service.call_log
            if call.endpoint == "download-request"
            for item in call.payload["downloads"]
        )


SECTION_OF = {
    "stac_url": "service",
    "accept_eulas": "service",
    "max_wait": "service",
    "link_wait": "service",
    "scenes_per_page": "service",
    "scenes_per_call": "service",
    "files_per_request": "service",
    "workers": "download",
    "connections": "download",
    "verify": "download",
    "durable": "download",
    "layout": "download",
    "stac": "download",
    "superseded": "download",
    "deletions_by": "service",
    "bundle_layout": "download",
    "stall_timeout": "download",
    "attempts": "download",
    "url_renewals": "download",
    "interval": "poll",
    "deadline": "poll",
}
"""Where the settings that tests change are in a config."""


async def outcome(job: Job) -> Summary | AsyncdlError:
    """Run a job and return what it came to, be it an error."""
    try:
        return await job.run()
    except AsyncdlError as error:
        return error

"""Jobs against one sandbox into one place of a store."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncdl.config import Config, parse_config
from asyncdl.journal import StatePlaces, places_of
from tests.job.bench import ANCHORAGE, SECTION_OF, Bench
from tests.stores.real_store import RealStore, keys_of

SECTION_OF = SECTION_OF | {
    "endpoint": "store",
    "spool": "store",
    "uploads": "store",
    "profile": "store",
}


@dataclass
class StoreBench(Bench):
    """Makes jobs that place their files in a store."""

    weed: RealStore = field(kw_only=True)
    """The store that the files go to."""
    prefix: str = field(kw_only=True)
    endpoint: str = field(kw_only=True)

    @property
    def target(self) -> str:
        """Address of the place."""
        return f"{self.weed.scheme}://{self.weed.bucket}/{self.prefix}"

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
            "products": list(products),
            "download": {
                "directory": self.target,
                "state_directory": str(self.directory),
                "stall_timeout": 5,
            },
            "store": {"endpoint": self.endpoint},
            "poll": {"interval": 0.01, "deadline": 20},
        }
        for key, value in settings.items():
            raw[SECTION_OF[key]][key] = value
        return parse_config(raw, base=self.directory)

    @property
    def places(self) -> StatePlaces:
        """Where the state is."""
        return places_of(self.config({"kind": "bundle"}))

    @property
    def placed(self) -> dict[str, bytes]:
        """Every file in the store by its path, without what the job keeps there for itself."""
        found = keys_of(self.weed, f"{self.prefix}/")
        paths = {key.removeprefix(f"{self.prefix}/"): data for key, data in found.items()}
        return {
            path: data
            for path, data in paths.items()
            if not path.startswith((".asyncdl/", "stac/")) and not path.endswith(".json")
        }

    @property
    def spooled(self) -> list[Path]:
        """Every file that is in the spool."""
        return [path for path in self.places.directory.rglob("*") if path.is_file()]

    def check_files(self) -> None:
        """Compare all files in the store with what the sandbox really holds."""
        for path, data in self.placed.items():
            assert data == self.truth(path.rpartition("/")[2]), path

"""What holds for all scenes of a Landsat dataset: names, instruments, how to cite it. Pure.

Source: endpoint ``dataset-search``, whose recorded reply tells the DOIs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PUBLISHER = "Earth Resources Observation and Science (EROS) Center, U.S. Geological Survey"


@dataclass(frozen=True, slots=True)
class LandsatDataset:
    """One dataset of the service."""

    title: str
    doi: str

    @property
    def citation(self) -> str:
        """How to cite it."""
        return f"{PUBLISHER}. {self.title} [Data set]. https://doi.org/{self.doi}"


DATASETS: Mapping[str, LandsatDataset] = MappingProxyType(
    {
        "landsat_ot_c2_l1": LandsatDataset(
            "Landsat 8-9 OLI/TIRS Collection 2 Level-1", "10.5066/P975CC9B"
        ),
        "landsat_ot_c2_l2": LandsatDataset(
            "Landsat 8-9 OLI/TIRS Collection 2 Level-2", "10.5066/P9OGBGM6"
        ),
        "landsat_etm_c2_l1": LandsatDataset(
            "Landsat 7 ETM+ Collection 2 Level-1", "10.5066/P9TU80IG"
        ),
        "landsat_etm_c2_l2": LandsatDataset(
            "Landsat 7 ETM+ Collection 2 Level-2", "10.5066/P9C7I13B"
        ),
        "landsat_tm_c2_l1": LandsatDataset(
            "Landsat 4-5 TM Collection 2 Level-1", "10.5066/P918ROHC"
        ),
        "landsat_tm_c2_l2": LandsatDataset(
            "Landsat 4-5 TM Collection 2 Level-2", "10.5066/P9IAXOVV"
        ),
        "landsat_mss_c2_l1": LandsatDataset(
            "Landsat 1-5 MSS Collection 2 Level-1", "10.5066/P9AF14YV"
        ),
        "landsat_ard_tile_c2": LandsatDataset(
            "Landsat 4-9 Collection 2 U.S. Analysis Ready Data", "10.5066/P960F8OC"
        ),
    }
)

_INSTRUMENTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "ot": {"C": ("oli", "tirs"), "O": ("oli",), "T": ("tirs",)},
    "etm": {"E": ("etm+",)},
    "tm": {"T": ("tm",)},
    "mss": {"M": ("mss",)},
}


def instruments_of(family: str | None, sensor: str) -> tuple[str, ...]:
    """Return the instruments of a scene.

    Args:
        family: As of :func:`asyncdl.m2m.naming.instrument_of`.
        sensor: The letter in its id.
    """
    return _INSTRUMENTS.get(family or "", {}).get(sensor, ())

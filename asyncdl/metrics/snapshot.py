"""What has been measured up to a moment, as plain records."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from asyncdl.metrics.instruments import Instrument


class Distribution(Struct, frozen=True):
    """The numbers of a histogram."""

    count: int
    """How many there are."""
    sum: float
    """In the instrument's unit."""
    buckets: tuple[int, ...]
    """How many are at most as large as each bound of the instrument; the last is their number."""


class Point(Struct, frozen=True):
    """The number for one set of attributes."""

    attributes: Mapping[str, str]
    """By name; those that do not apply are left out."""
    value: float | Distribution
    """In the instrument's unit."""


class Family(Struct, frozen=True):
    """All numbers of one instrument."""

    instrument: Instrument
    """What they are numbers of."""
    points: tuple[Point, ...]
    """One for each set of attributes that has been seen."""


class Snapshot(Struct, frozen=True):
    """All that has been measured; ``msgspec.to_builtins`` makes plain data of it."""

    families: tuple[Family, ...]
    """In the order of ``INSTRUMENTS``; without those that nothing was measured of."""

    def total(self, name: str, **attributes: str) -> float:
        """Return the sum of one instrument's numbers; of a histogram, of what was put in.

        Args:
            name: Of the instrument, such as ``asyncdl.file.finished``.
            attributes: What the points to be added up have, such as ``state="failed"``.
        Returns: In the instrument's unit; 0 where nothing was measured.
        """
        return sum(
            point.value.sum if isinstance(point.value, Distribution) else point.value
            for family in self.families
            if family.instrument.name == name
            for point in family.points
            if attributes.items() <= point.attributes.items()
        )

"""One window of one raster: which ranges are fetched, and the file that is made of them.

The engine knows ranges and no formats; :mod:`asyncdl.windows` knows formats and no network. Here
the two meet: an :class:`~asyncdl.transfer.excerpts.Excerpt` that has the head of a raster fetched,
finds the tiles that touch the area, and puts them together, each checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec

from asyncdl.errors import TransferError, WrongContent
from asyncdl.transfer.excerpts import ReadBytes
from asyncdl.transfer.ranges import Coverage, Span, missing_of
from asyncdl.transfer.verification.structure import BROKEN_FILE
from asyncdl.windows import (
    Inquiry,
    PixelBox,
    TiffStructure,
    TileEvidence,
    WindowPlan,
    assembled,
    box_around,
    boxes_of_area,
    georeference_of,
    lay_out,
    plan_inquiry,
    record_of,
    structure_inquiry,
)
from asyncdl.windows.byte_ranges import HeldBytes
from asyncdl.windows.window_errors import AreaOutside, BrokenTiff, UnsupportedTiff, WindowError

OUTSIDE = "outside-window"
"""Reason of the ``TransferError`` for a raster that has no pixel of the area."""
NO_WINDOW = "no-window"
"""Reason of the ``TransferError`` for a raster that cannot be cut."""
FIRST_BYTES = 16 * 1024
"""What is fetched before anything is known: nearly always the whole head."""


class RasterExcerpt:
    """An :class:`~asyncdl.transfer.excerpts.Excerpt` of a GeoTIFF.

    Args:
        rings: Outer rings of what is wanted of it, in longitude and latitude.
        source: Its name, for the record.
        url: Of the raster, for errors.
        is_exact: Whether the window is cut to the area's pixels.
    """

    def __init__(
        self,
        rings: Sequence[Sequence[tuple[float, float]]],
        source: str,
        url: str,
        *,
        is_exact: bool = False,
    ) -> None:
        self._is_exact, self._exact_bytes = is_exact, 0
        self._rings, self._source, self._url = rings, source, url
        self._wanted = [Span(0, FIRST_BYTES)]
        self._held = HeldBytes()
        self._structure: TiffStructure | None = None
        self._of_structure: Inquiry[TiffStructure] | None = None
        self._of_plan: Inquiry[WindowPlan] | None = None
        self._plan: WindowPlan | None = None
        self._evidence: list[TileEvidence] = []

    def missing(self, done: Coverage, total: int | None) -> list[Span]:
        """Return what is missing of the head and, once they are known, of the tiles."""
        return missing_of(self._wanted, done, total)

    def advance(self, read: ReadBytes, total: int) -> bool:
        """Find out which tiles touch the area, as far as the bytes that are there say it."""
        if self._plan is not None:
            return False
        with _explained(self._url):
            found = self._read_on(read, total)
        if isinstance(found, WindowPlan):
            self._plan = found
            self._want(found.ranges())
        else:
            self._want([found])
        return True

    def _read_on(self, read: ReadBytes, total: int) -> Span | WindowPlan:
        """Read what is there; return what is lacking, or the plan once nothing is."""
        if self._structure is None:
            inquiry = self._of_structure or structure_inquiry(total, self._held)
            self._of_structure = inquiry
            if (lacking := self._feed(inquiry, read, total)) is not None:
                return lacking
            self._structure = inquiry.result
        if self._of_plan is None:
            box = self._box_in(self._structure)
            self._of_plan = plan_inquiry(self._structure, box, held=self._held)
        return self._feed(self._of_plan, read, total) or self._of_plan.result

    def _feed(self, inquiry: Inquiry[Any], read: ReadBytes, total: int) -> Span | None:
        """Give an inquiry what is there; return what it lacks, if anything."""
        while (need := inquiry.need) is not None:
            if missing_of([need], Coverage(tuple(self._wanted)), total):
                return need
            inquiry.feed(need.start, read(need.start, need.stop))
        return None

    def _box_in(self, structure: TiffStructure) -> PixelBox:
        # A file is one rectangle: for an area at both ends of a raster around the world it has all
        # columns between them, which are most of them unasked for, but no pixel is missing.
        return box_around(boxes_of_area(georeference_of(structure), self._rings))

    def _want(self, spans: Iterable[Span]) -> None:
        # Joined spans touch where they were parted on purpose: they are requested one by one.
        new = missing_of(sorted(spans), Coverage(tuple(self._wanted)), None)
        self._wanted = sorted([*self._wanted, *new])

    def assemble(self, read: ReadBytes) -> Iterator[bytes]:
        """Yield the window's file, each tile checked."""
        self._evidence.clear()
        with _explained(self._url):
            chunks = assembled(lay_out(self._found), read, self._evidence)
            if not self._is_exact:
                yield from chunks
                return
            made = self._exactly(b"".join(chunks))
        self._exact_bytes = len(made)
        yield made

    def _exactly(self, data: bytes) -> bytes:
        from rasterio.errors import RasterioError

        from asyncdl.job.places.exact_window import cut_to_pixels

        try:
            return cut_to_pixels(data, _inside(self._found))
        except RasterioError as problem:
            raise UnsupportedTiff(f"GDAL does not cut it to pixels: {problem}") from problem

    @property
    def proof(self) -> str:
        """How sure it is that the tiles are right: what the least sure one was checked by."""
        kinds = list(TileEvidence)
        weakest = max(self._evidence, key=kinds.index, default=kinds[0])
        return f"tiles-{weakest}" + ("+exact" if self._is_exact else "")

    def record(self, validator: str, received_bytes: int) -> str:
        """Return what was cut from what, as JSON: a :class:`asyncdl.windows.WindowRecord`."""
        found = record_of(
            self._found,
            lay_out(self._found),
            self._evidence,
            source=self._source,
            validator=validator,
            fetched_bytes=received_bytes,
        )
        if self._is_exact:
            area = self._found.area
            found = replace(
                found,
                columns=(area.left, area.right),
                rows=(area.top, area.bottom),
                overviews=(),
                size_bytes=self._exact_bytes,
            )
        return msgspec.json.encode(found).decode()

    @property
    def _found(self) -> WindowPlan:
        if self._plan is None:
            raise RuntimeError("a window is made before its tiles are known")
        return self._plan


def _inside(plan: WindowPlan) -> PixelBox:
    """Return the area's pixels, counted in the window."""
    area, box = plan.area, plan.box
    return PixelBox(
        area.left - box.left, area.top - box.top, area.right - box.left, area.bottom - box.top
    )


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Raise what is wrong with a raster, or with the area, as the engine knows it."""
    try:
        yield
    except BrokenTiff as problem:
        raise WrongContent(url, f"a broken file: {problem}", reason=BROKEN_FILE) from problem
    except AreaOutside as problem:
        raise TransferError(url, str(problem), reason=OUTSIDE, retryable=False) from problem
    except WindowError as problem:
        raise TransferError(url, str(problem), reason=NO_WINDOW, retryable=False) from problem

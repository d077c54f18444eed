"""Write ``areas.md``: what became of the areas of the world. Needs what ``make areas`` installs.

::

    ASYNCDL_GEOMETRY=.venv-geometry PYTHONPATH=. python docs/make_areas.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from asyncdl.m2m.searching.cover import MAX_CORNERS, MAX_FILTERS
from tests.areas.atlas import SOURCES
from tests.areas.measure import Tally, measure

PAGE = Path(__file__).with_name("areas.md")
HEAD = f"""\
<!-- Written by docs/make_areas.py from the geometry that packages ship. Do not edit. -->

# Areas that were tried

Every area below was given to asyncdl as it is in the named package, and what it would search was
compared with the area by shapely. *Exact*: the filters cover the area and nothing else, but for a
few metres around what is smaller than that. *Wider*: the area has more than {MAX_FILTERS} parts, or
one of more than {MAX_CORNERS} corners, or a ring that touches itself; so the filters reach beyond
it, and scenes that do not touch the area are left out by their footprints. In every case the
filters cover all of the area, and each is a valid polygon of at most {MAX_CORNERS} corners or a
box. `make areas` tries it again.

*Searches* is the mean for an area. *Reach* is how far at most a filter reaches beyond an area,
along a parallel or a meridian, among all of the row. *Share* is how much of the ground that is
searched is the area itself, for the median of those that are searched wider.

| areas | source | tried | exact | wider | refused | searches | reach | share |
|---|---|---:|---:|---:|---:|---:|---:|---:|
"""


def row_of(name: str, source: str, tally: Tally) -> str:
    """Return a row of the table."""
    searches = tally.searches / max(tally.tried - len(tally.refused), 1)
    return (
        f"| {name} | {source} | {tally.tried:,} | {tally.exact:,} | {tally.wider:,} | "
        f"{len(tally.refused)} | {searches:.1f} | {tally.most_reach_deg:.2g}° | "
        f"{tally.median_share:.0%} |\n"
    )


def main() -> int:
    """Write the page, unless something went wrong."""
    tallies = {name: measure(source()) for name, (_, source) in SOURCES.items()}
    wrong = [line for tally in tallies.values() for line in (*tally.refused, *tally.wrong)]
    if wrong:
        sys.exit("\n".join(wrong))
    rows = "".join(row_of(name, SOURCES[name][0], tally) for name, tally in tallies.items())
    PAGE.write_text(HEAD + rows, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

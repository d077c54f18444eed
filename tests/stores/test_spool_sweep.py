"""Which path a file of a spool is for: what work on a file adds to its name is known."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.job.places.layout import transient_path
from asyncdl.job.places.spool_sweep import paths_for
from asyncdl.transfer.names import PART_ENDINGS, SOURCE, safe_name

names = st.text(min_size=1).map(safe_name).filter(bool)
paths = st.lists(names | names.map("{}.tar".format), min_size=1).map("/".join)


@given(paths, st.sampled_from(["", *PART_ENDINGS]))
def test_a_file_and_its_parts_are_for_its_path(path: str, ending: str) -> None:
    assert path in paths_for(path + ending)
    assert path in paths_for(path + SOURCE + ending)
    transient = transient_path(Path(path)).as_posix()
    assert path in paths_for(transient + ending)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("bands/S_B4.TIF", ["bands/S_B4.TIF"]),
        ("bands/S_B4.TIF.part.state.tmp", ["bands/S_B4.TIF"]),
        ("bands/S_B4.TIF.source.part", ["bands/S_B4.TIF"]),
        ("bundle/S.unpacking.tar.part", ["bundle/S", "bundle/S.tar"]),
        ("bands/S.TIF.partial", ["bands/S.TIF.partial"]),
        ("x.part/S.TIF", ["x.part/S.TIF"]),
    ],
)
def test_endings_are_taken_off_at_the_end_alone(name: str, found: list[str]) -> None:
    assert list(paths_for(name)) == found

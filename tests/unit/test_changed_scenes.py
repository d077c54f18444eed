"""Which product takes the place of which."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asyncdl.job.changed_scenes import superseded_pairs
from asyncdl.journal import SceneRecord
from asyncdl.m2m.naming import acquisition_of, processed_on

REAL_TIME = SceneRecord(
    "LC09_L1TP_068017_20260301_20260301_02_RT",
    "landsat_ot_c2_l1",
    run=1,
    superseded_by="",
    withdrawn="",
    kinds=frozenset({"bands"}),
    is_complete=True,
)
FINAL = replace(REAL_TIME, product_id="LC09_L1GT_068017_20260301_20260315_02_T2", run=2)


def pairs(*scenes: SceneRecord) -> list[tuple[str, str]]:
    return [(old.product_id, new.product_id) for old, new in superseded_pairs(scenes)]


def test_what_a_later_run_saw_replaces_what_an_earlier_one_saw() -> None:
    assert pairs(REAL_TIME, FINAL) == [(REAL_TIME.product_id, FINAL.product_id)]
    assert pairs(FINAL, REAL_TIME) == pairs(REAL_TIME, FINAL)


def test_the_newest_replaces_all_older_ones() -> None:
    newest = replace(FINAL, product_id="LC09_L1TP_068017_20260301_20270101_02_T1", run=3)
    replaced = {old for old, new in pairs(REAL_TIME, FINAL, newest) if new == newest.product_id}
    assert replaced == {REAL_TIME.product_id, FINAL.product_id}


@pytest.mark.parametrize(
    "other",
    [
        replace(FINAL, run=1),
        replace(FINAL, is_complete=False),
        replace(FINAL, product_id="LC09_L1TP_068017_20260302_20260315_02_T1"),
        replace(FINAL, product_id="LC08_L1TP_068017_20260301_20260315_02_T1"),
        replace(FINAL, product_id="LC09_L1TP_068018_20260301_20260315_02_T1"),
        replace(FINAL, product_id="LC09_L2SP_068017_20260301_20260315_02_T1"),
        replace(FINAL, product_id="LC09_L1TP_068017_20260301_20260228_02_T1"),
        replace(FINAL, product_id="LC90680172026060LGN00"),
    ],
    ids=["same-run", "not-there", "day", "satellite", "row", "level", "older", "no-product"],
)
def test_others_take_nobodys_place(other: SceneRecord) -> None:
    assert pairs(REAL_TIME, other) == []


def test_tiles_have_successors_too() -> None:
    old = replace(REAL_TIME, product_id="LC09_CU_003004_20230909_20230914_02")
    new = replace(FINAL, product_id="LC09_CU_003004_20230909_20240101_02")
    assert pairs(old, new) == [(old.product_id, new.product_id)]
    assert acquisition_of("LC09_CU_003005_20230909_20240101_02") != acquisition_of(new.product_id)


def test_other_ids_have_no_acquisition() -> None:
    assert acquisition_of("LC80680172020070LGN00") is None
    assert processed_on("LC80680172020070LGN00") is None

"""By what a job is known again."""

from __future__ import annotations

from datetime import date

from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.job.identity import fingerprint_of, label_of
from asyncdl.m2m.downloads.selection import BandsWanted, BundleWanted, GroupWanted
from asyncdl.m2m.searching.scene_search import SceneQuery
from asyncdl.redact import Secret

QUERY = SearchPlan(
    SceneQuery("landsat_ot_c2_l2", start=date(2020, 3, 1), metadata={"b": 1, "a": [2, 3]})
)


def test_a_label_follows_from_service_account_and_directory_alone() -> None:
    label = label_of("host", "name", "data")
    assert label == label_of("host", Secret("name"), "data")
    others = {
        label_of("other", "name", "data"),
        label_of("host", "other", "data"),
        label_of("host", "name", "other"),
    }
    assert len(others | {label}) == 4 and len(label) <= 50
    assert "name" not in label


def test_a_fingerprint_changes_with_what_is_asked_for() -> None:
    red = fingerprint_of(QUERY, [BandsWanted(("SR_B4",))])
    assert red == fingerprint_of(QUERY, [BandsWanted(("SR_B4",))])
    others = [
        fingerprint_of(QUERY, [BandsWanted(("SR_B5",))]),
        fingerprint_of(QUERY, [GroupWanted(("SR_B4",))]),
        fingerprint_of(QUERY, [BandsWanted(("SR_B4",)), BundleWanted()]),
        fingerprint_of(SearchPlan(named={"landsat_ot_c2_l2": ["id"]}), [BandsWanted(("SR_B4",))]),
    ]
    assert len({red, *others}) == 5

"""A time is estimated from what is known, and what that is gets told; nothing is guessed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asyncdl.cli.plan import describe
from asyncdl.job.estimate import Basis, ExpectedRate, choose_rate, is_same_run
from asyncdl.job.plan import KindPlan, Plan
from asyncdl.job.reporting.report import Report, Summary
from asyncdl.journal import Overview

LAST = replace(
    Report().summary(), downloaded_bytes=10**9, elapsed_s=100.0, begun="2026-03-01T06:15:00Z"
)
AT_10_MB = 10**7


@pytest.mark.parametrize(
    ("told", "last", "max_rate", "rate", "basis"),
    [
        (5.0, LAST, 7, 5.0, Basis.GIVEN),
        (None, LAST, None, AT_10_MB, Basis.LAST_RUN),
        (None, LAST, 10**8, AT_10_MB, Basis.LAST_RUN),
        (None, LAST, 10**6, 10**6, Basis.MAX_RATE),
        (None, None, 10**6, 10**6, Basis.MAX_RATE),
        (None, replace(LAST, downloaded_bytes=0), 10**6, 10**6, Basis.MAX_RATE),
    ],
)
def test_the_best_that_is_known_is_taken(
    told: float | None, last: Summary | None, max_rate: int | None, rate: float, basis: Basis
) -> None:
    pace = choose_rate(told, last, max_rate)
    assert pace is not None and (pace.bytes_per_s, pace.basis) == (rate, basis)


def test_nothing_known_is_nothing_told() -> None:
    assert choose_rate(None, replace(LAST, downloaded_bytes=0), None) is None
    plan = a_plan(None)
    assert (plan.estimate_s, plan.as_json()["rate"]) == (None, None)
    assert "time: unknown" in "\n".join(describe(plan))


@pytest.mark.parametrize(
    ("begun", "is_same"),
    [("2026-03-01T06:15:00Z", True), ("2026-03-01T06:10:00Z", False), ("", False)],
)
def test_a_report_counts_only_if_its_run_is_the_last_of_this_service(
    begun: str, is_same: bool
) -> None:
    overview = Overview("label", 1, "complete", 1772345700.4, None, {}, 0, {})
    assert is_same_run(replace(LAST, begun=begun), overview) is is_same


def a_plan(pace: ExpectedRate | None, missing_bytes: int = 10**9) -> Plan:
    return Plan(scenes=1, kinds={"bands": KindPlan(1, missing_bytes)}, rate=pace)


@pytest.mark.parametrize(
    ("pace", "told"),
    [
        (ExpectedRate(AT_10_MB, Basis.GIVEN), "time: about 1:40 at 10.0 MB/s, as given"),
        (
            ExpectedRate(AT_10_MB, Basis.MAX_RATE),
            "time: 1:40 or more, as download.max_rate is 10.0 MB/s",
        ),
        (
            ExpectedRate(AT_10_MB, Basis.LAST_RUN, "2026-03-01T06:15:00Z", 5 * 10**8),
            "(500.0 MB, begun 2026-03-01T06:15:00Z)",
        ),
    ],
)
def test_people_are_told_what_it_is_estimated_from(pace: ExpectedRate, told: str) -> None:
    plan = a_plan(pace)
    assert told in "\n".join(describe(plan))
    assert plan.as_json()["estimate_s"] == 100.0
    assert plan.as_json()["rate"] == {"bytes_per_s": AT_10_MB, "from": pace.basis.value}


def test_what_is_there_already_takes_no_time() -> None:
    assert "time: nothing is missing" in describe(a_plan(ExpectedRate(1.0, Basis.GIVEN), 0))

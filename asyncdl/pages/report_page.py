"""The page about a run. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from asyncdl.job.reporting.report import REPORT_NAME, Failure, Summary, group_failures
from asyncdl.m2m.naming import product_id_of_file
from asyncdl.markup import Child, Markup, element, joined, pairs, table
from asyncdl.pages.chart import chart
from asyncdl.pages.maps import Polygon, map_data, scene_list
from asyncdl.pages.page import page
from asyncdl.units import count, duration, rate, size

MAX_FILES = 500
"""Listed for each kind of failure; a page of many thousand rows is slow to open."""
MAX_OPEN = 10
"""A longer list of files is folded."""
STATES = {
    "downloaded": "downloaded",
    "skipped": "already there",
    "failed": "failed",
    "unresolved": "unresolved",
}


def report_page(
    title: str,
    summary: Summary,
    *,
    settings: Sequence[tuple[str, str]] = (),
    area: Sequence[Polygon] = (),
) -> str:
    """Return a page with all that the report of a run contains.

    Args:
        title: Such as the dataset and the days.
        summary: With its history.
        settings: Of the config, as names and values; no secrets.
        area: Of interest, for the map.
    """
    history = summary.history
    has_map = bool(history.found_scenes or area)
    body = element(
        "main",
        element("header", element("h1", title, _status(summary.status)), _when(summary)),
        _section("", _figures(summary), _stopped(summary)),
        _section("What is missing, and what to do", *_failures(summary))
        if summary.failures
        else (),
        _section("Over time", chart(history.timeline, summary.elapsed_s, history.strains)),
        _section("Where", _map(summary)) if has_map else (),
        _section("Files by kind", _kinds(summary)) if summary.by_kind else (),
        _section("Checks", _proofs(summary)) if history.proofs else (),
        _section("Reprocessed or withdrawn", _replaced(summary))
        if summary.superseded or summary.withdrawn
        else (),
        _section("Hosts under strain", _strains(summary)) if history.strains else (),
        _section("Slowest files", _slowest(summary)) if history.slowest else (),
        _section("Calls of the service", _calls(summary)) if history.api else (),
        _section("Notices", _notices(summary)) if summary.notices else (),
        _section("Settings", pairs(settings)) if settings else (),
    )
    data = (
        {"map": map_data(history.found_scenes, area, missing=_missing(summary))} if has_map else {}
    )
    return page(title, body, data)


def _section(title: str, *content: Child) -> Markup:
    return element("section", element("h2", title) if title else None, *content)


def _status(status: str) -> Markup:
    return element("span", status, class_=f"status {status}")


def _when(summary: Summary) -> Markup:
    begun = summary.begun.replace("T", " ").replace("Z", " UTC")
    return element("p", f"Begun {begun}" if begun else "", class_="faint")


def _figures(summary: Summary) -> Markup:
    files = summary.files
    there = files.get("downloaded", 0) + files.get("skipped", 0)
    missing = files.get("total", 0) - there
    bytes_s = summary.downloaded_bytes / summary.elapsed_s if summary.elapsed_s else 0
    figures: list[tuple[str, str]] = [
        (f"{summary.scenes:,}", "scenes"),
        (f"{there:,} of {files.get('total', 0):,}", "files there and verified"),
        (size(summary.total_bytes), "on disk"),
        (size(summary.downloaded_bytes), "received in this run"),
        (duration(summary.elapsed_s), "elapsed"),
        (rate(bytes_s), "on average"),
    ]
    if missing:
        figures.insert(2, (f"{missing:,}", "files missing"))
    return element(
        "div",
        (element("div", element("b", figure), name) for figure, name in figures),
        class_="figures",
    )


def _stopped(summary: Summary) -> Markup | None:
    if not summary.error:
        return None
    return element("p", f"The run had to stop: {summary.error}", class_="bad")


def _failures(summary: Summary) -> Iterator[Markup]:
    for group in group_failures(summary.failures):
        first = group[0]
        why = (
            element("b", count(len(group), "file")),
            f" {first.state}: ",
            element("code", first.reason),
        )
        yield element("p", why)
        yield element("p", first.remedy, class_="remedy")
        yield element(
            "details",
            element("summary", "The files"),
            _failed_files(group),
            open=len(group) <= MAX_OPEN,
        )


def _failed_files(group: Sequence[Failure]) -> Markup:
    rows = (
        (element("span", failure.file, class_="name"), failure.detail, failure.attempts)
        for failure in group[:MAX_FILES]
    )
    listed = table(("file", "what happened", "attempts"), rows, numbers=(2,))
    hidden = len(group) - MAX_FILES
    if hidden <= 0:
        return listed
    more = f"… and {count(hidden, 'file')} more, all of them in {REPORT_NAME}"
    return joined((listed, element("p", more, class_="faint")))


def _map(summary: Summary) -> Markup:
    scenes = summary.history.found_scenes
    left_out = summary.scenes - len(scenes)
    note = f"{count(left_out, 'further scene')} of this run are not on the map."
    return joined(
        (
            element("div", scene_list(scenes), id="map", class_="map"),
            element("p", note, class_="faint") if left_out > 0 else None,
        )
    )


def _missing(summary: Summary) -> Counter[str]:
    """Return how many files are missing, by product id as file names have it."""
    names = (failure.file.rpartition("/")[2] for failure in summary.failures)
    return Counter(product for name in names if (product := product_id_of_file(name)))


def _kinds(summary: Summary) -> Markup:
    rows = (
        (kind, *(f"{counts.get(state, 0):,}" for state in STATES))
        for kind, counts in summary.by_kind.items()
    )
    return table(("kind", *STATES.values()), rows, numbers=range(1, len(STATES) + 1))


def _proofs(summary: Summary) -> Markup:
    rows = (
        (element("code", proof.proof or "none"), proof.source or "none", f"{proof.files:,}")
        for proof in summary.history.proofs
    )
    return table(("what was checked", "expected digest from", "files"), rows, numbers=(2,))


def _replaced(summary: Summary) -> Markup:
    """Return which products were reprocessed, and which the service has deleted."""
    rows = [
        (old.product_id, f"reprocessed as {old.by}", _kept(old.removed_files))
        for old in summary.superseded
    ]
    rows += [
        (gone.product_id, f"withdrawn on {gone.withdrawn}", _kept(0)) for gone in summary.withdrawn
    ]
    named = ((element("span", name, class_="name"), *rest) for name, *rest in rows)
    return table(("product", "change", "its files"), named)


def _kept(removed_files: int) -> str:
    return f"{removed_files:,} removed" if removed_files else "kept"


def _strains(summary: Summary) -> Markup:
    rows = (
        (
            element("code", strain.host),
            strain.reason,
            f"{strain.connections} of {strain.allowed}",
            duration(strain.start_s),
            "the end" if strain.end_s is None else duration(strain.end_s),
        )
        for strain in summary.history.strains
    )
    return table(("host", "reason", "connections", "from", "to"), rows, numbers=range(2, 4))


def _slowest(summary: Summary) -> Markup:
    rows = (
        (
            element("span", slow.file, class_="name"),
            f"{slow.elapsed_s:,.1f} s",
            size(slow.received_bytes),
            f"{size(slow.received_bytes / (slow.elapsed_s or 1))}/s",
            slow.attempts,
        )
        for slow in summary.history.slowest
    )
    return table(("file", "took", "received", "rate", "attempts"), rows, numbers=range(1, 5))


def _calls(summary: Summary) -> Markup:
    rows = (
        (element("code", endpoint), f"{of_one.calls:,}", f"{of_one.failed:,}",
         f"{of_one.elapsed_s:,.1f} s")
        for endpoint, of_one in summary.history.api.items()
    )  # fmt: skip
    return table(("endpoint", "calls", "failed", "time"), rows, numbers=range(1, 4))


def _notices(summary: Summary) -> Markup:
    return element("ul", (element("li", notice) for notice in dict.fromkeys(summary.notices)))

"""A run over time, drawn and as tables: bytes per second, connections, waits, strain. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from asyncdl.job.reporting.run_history import StrainSpan
from asyncdl.job.reporting.timeline import Timeline, Wait
from asyncdl.markup import Markup, element, table
from asyncdl.units import count, duration, rate, size

WIDTH, HEIGHT = 760, 230
LEFT, RIGHT, TOP, BOTTOM = 74, 40, 14, 24
"""Room for the labels around the plot."""
MAX_SPANS = 60
"""Rows of the table, and areas that show their figures under the pointer."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A stretch of time that has a row in the table."""

    start_s: float
    end_s: float
    received_bytes: int
    connections: int
    finished_files: int
    preparing: int

    @property
    def rate_bytes_s(self) -> float:
        """Received per second."""
        return self.received_bytes / (self.end_s - self.start_s)

    def __str__(self) -> str:
        when = f"{duration(self.start_s)} to {duration(self.end_s)}"
        return (
            f"{when}: {rate(self.rate_bytes_s)}, {count(self.connections, 'connection')}, "
            f"{count(self.finished_files, 'file')} finished"
        )


def spans_of(timeline: Timeline, elapsed_s: float, *, at_most: int) -> list[TimeSpan]:
    """Return the samples of a run in spans of equal length, no more than ``at_most`` of them.

    Columns of unequal length, as of a truncated report, are read as far as all of them go.
    """
    samples = list(
        zip(
            timeline.received_bytes,
            timeline.connections,
            timeline.finished_files,
            timeline.preparing,
            strict=False,
        )
    )
    step = max(1, ceil(len(samples) / at_most))
    # A run that is shorter than a sample had less time for its bytes.
    interval_s = min(timeline.interval_s, elapsed_s) or timeline.interval_s
    return [
        _span(samples[first : first + step], first * interval_s, interval_s)
        for first in range(0, len(samples), step)
    ]


def _span(
    samples: Sequence[tuple[int, int, int, int]], start_s: float, interval_s: float
) -> TimeSpan:
    received, connections, finished, preparing = zip(*samples, strict=True)
    end_s = start_s + interval_s * len(samples)
    return TimeSpan(start_s, end_s, sum(received), max(connections), sum(finished), max(preparing))


def chart(timeline: Timeline, elapsed_s: float, strains: Sequence[StrainSpan] = ()) -> Markup:
    """Return the drawing, its key, and the same as tables.

    Args:
        timeline: What is drawn.
        elapsed_s: Of the whole run.
        strains: When hosts got fewer connections.
    """
    fine = spans_of(timeline, elapsed_s, at_most=len(timeline.received_bytes) or 1)
    if not fine:
        return element("p", "There are no samples.", class_="faint")
    coarse = spans_of(timeline, elapsed_s, at_most=MAX_SPANS)
    delays = [*map(_wait, timeline.waits), *(_strain(strain, elapsed_s) for strain in strains)]
    return element(
        "div",
        element("div", _drawing(fine, coarse, delays), class_="wide"),
        _key({delay.kind for delay in delays}),
        element("details", element("summary", "The same as a table"), _table(coarse)),
        element("details", element("summary", "What delayed it"), _delays(delays))
        if delays
        else None,
    )


KINDS = {"wait": "waiting", "strain": "fewer connections"}
"""Kinds of delays, and their names in the key."""


@dataclass(frozen=True, slots=True)
class Delay:
    """A stretch of time that is shaded."""

    kind: str
    """One of :data:`KINDS`."""
    start_s: float
    end_s: float
    what: str
    """The cause, as a phrase."""


def _wait(wait: Wait) -> Delay:
    what = f"{wait.what}: {wait.reason}" if wait.reason else wait.what
    return Delay("wait", wait.start_s, wait.end_s, what)


def _strain(strain: StrainSpan, elapsed_s: float) -> Delay:
    allowed = count(strain.allowed, "connection")
    what = f"{strain.host} got {strain.connections} of {allowed}: {strain.reason}"
    end_s = elapsed_s if strain.end_s is None else strain.end_s
    return Delay("strain", strain.start_s, end_s, what)


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a time, a rate and a number of connections are in the drawing."""

    end_s: float
    rate_bytes_s: float
    connections: int

    def x(self, at_s: float) -> float:
        """Return the distance from the left edge."""
        share = min(1.0, max(0.0, at_s / self.end_s))
        return round(LEFT + (WIDTH - LEFT - RIGHT) * share, 1)

    def y(self, share: float) -> float:
        """Return the distance from the top edge; 0 is the ground line, 1 the highest value."""
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def _scale(fine: Sequence[TimeSpan]) -> Scale:
    return Scale(
        fine[-1].end_s,
        max(span.rate_bytes_s for span in fine) or 1.0,
        max(span.connections for span in fine) or 1,
    )


def _drawing(
    fine: Sequence[TimeSpan], coarse: Sequence[TimeSpan], delays: Sequence[Delay]
) -> Markup:
    scale = _scale(fine)
    rates = _steps(fine, scale, lambda span: span.rate_bytes_s / scale.rate_bytes_s)
    connections = _steps(fine, scale, lambda span: span.connections / scale.connections)
    ground = f" L{scale.x(scale.end_s)},{scale.y(0)} L{scale.x(0)},{scale.y(0)} Z"
    return element(
        "svg",
        element("title", "Throughput and connections over time", id="chart-title"),
        element("desc", _extremes(fine), id="chart-extremes"),
        *_rules(scale),
        *_shaded(delays, scale),
        element("path", d=rates + ground, class_="bytes"),
        element("path", d=connections, class_="connections"),
        *_times(scale),
        *_pointer_areas(coarse, scale),
        class_="chart",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_labelledby="chart-title chart-extremes",
    )


def _extremes(fine: Sequence[TimeSpan]) -> str:
    top = max(fine, key=lambda span: span.rate_bytes_s)
    most = max(span.connections for span in fine)
    return (
        f"At most {rate(top.rate_bytes_s)}, at {duration(top.start_s)}, "
        f"and {count(most, 'connection')} at once, in {duration(fine[-1].end_s)}."
    )


def _steps(spans: Sequence[TimeSpan], scale: Scale, share: Callable[[TimeSpan], float]) -> str:
    """Return a line that is level over each span."""
    corners = (
        f"{scale.x(at)},{scale.y(share(span))}"
        for span in spans
        for at in (span.start_s, span.end_s)
    )
    return "M" + " L".join(corners)


def _rules(scale: Scale) -> Iterator[Markup]:
    for share in (0.0, 0.5, 1.0):
        y = scale.y(share)
        yield element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="rule")
        label = rate(scale.rate_bytes_s * share)
        yield element("text", label, x=LEFT - 6, y=y + 4, text_anchor="end")
    for share, number in ((0.0, 0), (1.0, scale.connections)):
        yield element("text", number, x=WIDTH - RIGHT + 6, y=scale.y(share) + 4)


def _times(scale: Scale) -> Iterator[Markup]:
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        at = scale.end_s * share
        # Short runs would show the same whole second three times.
        text = duration(at) if scale.end_s >= 10 else f"{at:.1f} s"
        yield element("text", text, x=scale.x(at), y=HEIGHT - 6, text_anchor=anchor)


def _shaded(delays: Sequence[Delay], scale: Scale) -> Iterator[Markup]:
    for delay in delays:
        left, right = scale.x(delay.start_s), scale.x(delay.end_s)
        yield _box(left, max(1.0, right - left), scale, delay.kind, delay.what)


def _pointer_areas(coarse: Sequence[TimeSpan], scale: Scale) -> Iterator[Markup]:
    for span in coarse:
        left, right = scale.x(span.start_s), scale.x(span.end_s)
        yield _box(left, right - left, scale, "place", str(span))


def _box(left: float, width: float, scale: Scale, kind: str, title: str) -> Markup:
    return element(
        "rect", element("title", title), x=left, y=scale.y(1), width=round(width, 1),
        height=round(scale.y(0) - scale.y(1), 1), class_=kind,
    )  # fmt: skip


def _key(delays: Container[str]) -> Markup:
    names = {"bytes": "bytes per second (left)", "connections": "connections (right)"}
    names |= {kind: name for kind, name in KINDS.items() if kind in delays}
    items = (element("span", element("i", class_=kind), name) for kind, name in names.items())
    return element("p", items, class_="key", aria_hidden="true")


def _table(spans: Sequence[TimeSpan]) -> Markup:
    return table(
        ("from", "to", "received", "per second", "connections", "finished", "preparing"),
        (
            (
                duration(span.start_s),
                duration(span.end_s),
                size(span.received_bytes),
                size(span.rate_bytes_s),
                span.connections,
                span.finished_files,
                span.preparing,
            )
            for span in spans
        ),
        numbers=range(7),
    )


def _delays(delays: Sequence[Delay]) -> Markup:
    rows = (
        (duration(delay.start_s), duration(delay.end_s), delay.what)
        for delay in sorted(delays, key=lambda delay: delay.start_s)
    )
    return table(("from", "to", "cause"), rows, numbers=range(2))

"""Write ``events.md`` from the event classes and the instruments, so that it is never out of date.

::

    python docs/make_events.py
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from asyncdl import events
from asyncdl.cli.field_docs import field_docs
from asyncdl.metrics import INSTRUMENTS, Instrument
from asyncdl.metrics.prometheus import name_of

PAGE = Path(__file__).with_name("events.md")
HEAD = """\
<!-- Written by docs/make_events.py from asyncdl/events.py and asyncdl/metrics/. Do not edit. -->

# Events

What happens in a run, as records in `asyncdl.events`. Iterating over a
[`Job`](library.md#a-whole-job) gives them in order; `Job.run` and the `emit` of `M2MClient` and
`Downloader` take a function that gets each. That function runs inside the transfers, so it may
neither block nor raise. All are frozen records, which survive pickle; `msgspec.to_builtins` makes
plain data of one, and `msgspec.convert` the event again. They contain no secrets.

`JobStarted` comes first and `JobFinished` last; a run that is refused before it begins has the
latter only, and none where another run uses the directory. Every wanted file gets exactly one
`FileFinished` for each destination. Cumulative events (`TransferProgress`, `ConnectionsInUse`)
may be left out for a slow reader. `asyncdl.run_state.RunState` folds events
into the state of a run.
"""
METRICS = """\

## Metrics

What [`asyncdl.metrics`](howto/metrics.md) makes of them. A *level* rises and falls; it is an
`UpDownCounter` for OpenTelemetry and a `gauge` for Prometheus. Attributes that do not apply are
left out, such as `reason` where nothing failed.

| instrument | Prometheus | kind | unit | attributes | meaning |
|---|---|---|---|---|---|
"""
SECTION = re.compile(r"# --- (.+?) -+")
ROLE = re.compile(r":class:`(\w+)`")
STATES = ", ".join(f"`{state}`" for state in events.FileState)


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the whole page."""
    told = "".join(section(title, kinds) for title, kinds in sections().items())
    return HEAD + told + METRICS + "".join(map(instrument_row, INSTRUMENTS))


def sections() -> dict[str, list[type[msgspec.Struct]]]:
    """Return the records under each heading of the module, in its order."""
    found: dict[str, list[type[msgspec.Struct]]] = {}
    title = ""
    for line in inspect.getsource(events).splitlines():
        if heading := SECTION.match(line):
            title = heading[1].capitalize().replace("m2m", "M2M")
            found[title] = []
        elif title and line.startswith("class "):
            found[title].append(getattr(events, line.removeprefix("class ").partition("(")[0]))
    return found


def section(title: str, kinds: list[type[msgspec.Struct]]) -> str:
    """Return the part under one heading."""
    return f"\n## {title}\n" + "".join(map(record, kinds))


def record(kind: type[msgspec.Struct]) -> str:
    """Return the part about one record."""
    head = f"\n### {kind.__name__}\n\n{in_markdown(inspect.getdoc(kind) or '')}\n"
    rows = "".join(field_rows(kind))
    return f"{head}\n| field | type | meaning |\n|---|---|---|\n{rows}"


def field_rows(kind: type[msgspec.Struct]) -> Iterator[str]:
    docs = field_docs(kind)
    for field in msgspec.structs.fields(kind):
        written = kind.__annotations__[field.name]
        meaning = in_markdown(docs[field.name])
        yield row(f"`{field.name}`", f"`{written}`", states_in(meaning, written))


def states_in(meaning: str, written: str) -> str:
    """Return the meaning of a field, with what it may be where that is listed elsewhere."""
    return f"{meaning.rstrip('.')}: {STATES}." if written == "FileState" else meaning


def instrument_row(one: Instrument) -> str:
    attributes = ", ".join(f"`{name}`" for name in one.attributes)
    names = f"`{one.name}`", f"`{name_of(one)}`"
    return row(*names, one.kind.value, f"`{one.unit}`", attributes or "-", one.description)


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def in_markdown(text: str) -> str:
    return ROLE.sub(r"`\1`", " ".join(text.split())).replace("``", "`")


if __name__ == "__main__":
    main()

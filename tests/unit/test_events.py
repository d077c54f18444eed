"""The records of what happened, and the page about them."""

from __future__ import annotations

import inspect

import msgspec
import pytest

from asyncdl.cli.field_docs import field_docs
from asyncdl.events import Event
from docs import make_events

RECORDS = [kind for kinds in make_events.sections().values() for kind in kinds]


def test_the_page_is_written_from_the_code() -> None:
    assert make_events.PAGE.read_text(encoding="utf-8") == make_events.page()


def test_every_event_stands_on_the_page() -> None:
    assert set(Event.__subclasses__()) <= set(RECORDS)


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
def test_every_record_and_field_says_what_it_means(kind: type[msgspec.Struct]) -> None:
    assert (inspect.getdoc(kind) or "").endswith(".")
    assert {name for name, told in field_docs(kind).items() if not told.endswith(".")} == set()

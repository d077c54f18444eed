"""Time that a text from outside can take: no pattern is worse than linear."""

from __future__ import annotations

import io
import re
import tarfile

import pytest

from asyncdl.config.values import ByteCount, ByteRate, Seconds
from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.wkt import read_wkt
from asyncdl.net.retry import parse_http_date
from asyncdl.redact import redact
from asyncdl.text import closest
from asyncdl.transfer.names import _EDGES, MAX_NAME_BYTES, safe_name
from asyncdl.transfer.ranges import parse_content_range
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import read_tar
from tests.security.regex_finder import PACKAGE, Found, found_patterns
from tests.security.regex_steps import (
    TooManySteps,
    count_steps,
    deep_recursion,
    hostile_texts,
    parsed,
)

TIMES = 32
"""How often a text is repeated first; what takes few steps then is not looked at again."""
FEW_STEPS_PER_CHAR = 10
MOST_STEPS_PER_CHAR = 2_000


def growth(pattern: str | bytes, flags: int, modes: frozenset[str]) -> str:
    """Return the first text whose steps grow faster than its length; empty without one."""
    tree, flags = parsed(pattern, flags)

    def steps(text: str, mode: str) -> int:
        return count_steps(tree, flags, text, mode, MOST_STEPS_PER_CHAR * len(text))

    with deep_recursion():
        for prefix, pump, suffix in hostile_texts(tree, flags):
            few, more, most = (
                prefix + pump * times + suffix for times in (TIMES // 2, TIMES, TIMES * 2)
            )
            for mode in sorted(modes):
                told = f"{mode}: {prefix!r} + {pump!r} * n + {suffix!r}"
                try:
                    in_between = steps(more, mode)
                    if in_between <= FEW_STEPS_PER_CHAR * len(more):
                        continue
                    grown, before = steps(most, mode) - in_between, in_between - steps(few, mode)
                except TooManySteps:
                    return f"{told}: far too many steps"
                if grown > 2.5 * before + 20:
                    return f"{told}: {before} more steps, then {grown}"
    return ""


FOUND = found_patterns()


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.place)
def test_no_pattern_is_worse_than_linear(found: Found) -> None:
    assert not growth(found.pattern, found.flags, found.modes), found.pattern


def test_the_script_has_found_what_there_is() -> None:
    places = {found.place.partition(":")[0] for found in FOUND}
    assert len(FOUND) > 80
    assert {"asyncdl.transfer.ranges", "asyncdl.config.sections", "asyncdl.m2m.bands"} <= places


@pytest.mark.parametrize(
    ("pattern", "mode"),
    [
        (r"(a+)+b", "match"),
        (r"(a|aa)+$", "match"),
        (r"(?:a|b|ab)*c", "match"),
        (r"\d+\.?\d*x", "match"),
        (r"\s+$", "search"),
        (r"a.*b.*c", "match"),
        (r"<b>.*?</b>", "search"),
        (r"(.+)x\1y", "match"),
        (  # as Content-Range was read once
            r"\s*(?:(?P<unit>[A-Za-z]+)\s*[:=]?)?\s*(?:([0-9]{1,20})|\*)\s*/\s*(?:([0-9]{1,20})|\*)\s*",
            "fullmatch",
        ),
        (r"(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.+-])", "search"),
    ],
)
def test_what_is_worse_is_noticed(pattern: str, mode: str) -> None:
    assert growth(pattern, 0, frozenset({mode}))


@pytest.mark.parametrize(
    ("pattern", "mode"),
    [
        (r"a*b", "match"),
        (r"(?:ab)*c", "match"),
        (r"(?<!\s)\s++(?!.)", "search"),
        (r"[^a]*a", "match"),
    ],
)
def test_what_is_linear_is_let_through(pattern: str, mode: str) -> None:
    assert not growth(pattern, re.DOTALL, frozenset({mode}))


# --- what no pattern is to blame for --------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["bytes" + " " * 60_000, "a " * 30_000, "bytes " + "9" * 60_000, "bytes 0-" + " " * 60_000],
)
def test_a_range_of_any_length_is_read_or_refused(value: str) -> None:
    assert parse_content_range(value) is None


@pytest.mark.parametrize("digits", [1_500, 100_000])
@pytest.mark.parametrize(
    "form", ["POINT({})", "POINT({} 1)", "POINT(0.{}x 1)", "SRID={};POINT(1 1)"]
)
def test_numbers_of_any_length_in_wkt_are_refused(form: str, digits: int) -> None:
    with pytest.raises(ConfigError, match="line 1, column"):
        read_wkt(form.format("1" * digits))


def test_a_word_of_any_length_is_compared_with_nothing() -> None:
    assert closest("x" * 100_000, ["x" * 99, "y" * 100_000]) == []
    assert closest("serch", ["search", "service"]) == ["search"]


def test_nothing_else_compares_words() -> None:
    found = [path.name for path in PACKAGE.rglob("*.py") if "difflib" in path.read_text()]
    assert found == ["text.py"]


@pytest.mark.parametrize(
    "name",
    [
        "a" + ". " * 30_000 + "b",
        "a" + "\u0301\u0323" * 30_000,
        " " * 60_000,
        "/" * 60_000 + "x",
        "\u202e" * 60_000 + "y",
    ],
    ids=["dots", "accents", "blanks", "folders", "marks"],
)
def test_a_name_of_any_length_is_cut_before_it_is_cleaned(name: str) -> None:
    cleaned = safe_name(name)
    assert len(cleaned.encode()) <= MAX_NAME_BYTES
    assert safe_name(cleaned) == cleaned


@pytest.mark.parametrize(
    "piece", ["a://b:c/", "a://", "://u:p@", "a?b=c;", ";a=b", "a://b:c?@", "?", "token=", "://:x#"]
)
def test_masking_takes_what_the_text_is_long(piece: str) -> None:
    """A million characters would take a quarter of an hour and more."""
    assert redact(f"https://{piece * (1_000_000 // len(piece))}")


def test_the_edges_of_a_name_are_all_that_counts_as_space() -> None:
    assert set(_EDGES) == {chr(code) for code in range(0x110000) if chr(code).isspace()} | {"."}


def test_a_member_with_a_name_of_60_kilobytes_is_no_member() -> None:
    name = b"a" + b" ." * 30_000 + b"b"
    record = b" path=" + name + b"\n"
    size = len(record) + 5
    extended = tarfile.TarInfo("pax")
    extended.type, extended.size = tarfile.XHDTYPE, size
    member = tarfile.TarInfo("x.txt")
    blocks = b"%d" % size + record
    data = extended.tobuf() + blocks + bytes(-size % 512) + member.tobuf() + bytes(1024)
    with pytest.raises(Malformed, match="a name of 60002 characters"):
        read_tar(io.BytesIO(data), len(data))


@pytest.mark.parametrize(
    "text", ["Mon, " + "1" * 60_000, " " * 60_000, "(" * 60_000, "1:" * 60_000]
)
def test_a_date_of_any_length_is_none(text: str) -> None:
    assert parse_http_date(text) is None


@pytest.mark.parametrize(
    "text", ["1" * 5_000 + "s", "1s" * 5_000, "1" + " " * 50_000 + "/s", "9" * 199]
)
def test_an_amount_of_any_length_is_read_or_refused(text: str) -> None:
    for kind in (ByteRate, ByteCount, Seconds):
        with pytest.raises(ValueError, match=r"is (?:not|longer)"):
            kind.read(text if kind is not Seconds else text + "1" * 200)

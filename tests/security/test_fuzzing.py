"""Text from outside is read or refused by an error of ours, whatever it is."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.config import load_config, parse_config
from asyncdl.config.aoi import Aoi
from asyncdl.errors import AsyncdlError, ConfigError
from asyncdl.m2m.calling.envelope import read_envelope
from asyncdl.m2m.searching.area import area_from_geojson
from tests.security.fuzzing import PARSERS, feed, mutate

TEXTS = 60
"""For each parser; ``python -m tests.security.fuzzing`` goes on for longer."""


@pytest.fixture(autouse=True)
def nothing_is_logged() -> Iterator[None]:
    """Reports of tests cannot hold the half characters that stand in warnings."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", [name for name in PARSERS if name != "page of a proxy"])
def test_the_seeds_are_right(name: str) -> None:
    for seed in PARSERS[name].seeds:
        PARSERS[name].read(seed)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=TEXTS)
@given(rng=st.randoms(use_true_random=False))
def test_nothing_but_our_errors_comes_out_of_a_parser(name: str, rng: random.Random) -> None:
    feed(PARSERS[name], mutate(rng, PARSERS[name].seeds))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=20)
@given(data=st.binary(max_size=700) | st.text(max_size=200).map(lambda text: text.encode("utf-16")))
def test_nor_for_what_is_nothing_like_it(name: str, data: bytes) -> None:
    feed(PARSERS[name], data)


# --- values that no text holds, but a program may ------------------------------------------


def nested(depth: int) -> list[Any]:
    outer: list[Any] = []
    inner = outer
    for _ in range(depth):
        inner.append([])
        inner = inner[0]
    return outer


ODD = {
    "deep": nested(100_000),
    "deep table": {"a": nested(100_000)},
    "large": 10**5000,
    "small": -(10**400),
    "nan": float("nan"),
    "infinite": float("inf"),
    "half a character": "x\ud800",
    "long": "x" * 1_000_000,
    "digits": "9" * 5_000,
    "object": object(),
}
KEYS = {
    "search": (
        "limit",
        "cloud_cover",
        "bbox",
        "wrs",
        "start",
        "metadata",
        "aoi",
        "scenes",
        "since",
    ),
    "download": ("directory", "workers", "max_rate", "layout", "verify"),
    "service": ("url", "timeout", "max_reply", "token_file", "username"),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(("table", "key"), [(t, k) for t, keys in KEYS.items() for k in keys])
def test_no_value_breaks_the_config(table: str, key: str, odd: str) -> None:
    raw: dict[str, Any] = {
        "search": {"dataset": "landsat_ot_c2_l2", "limit": 1},
        "products": [{"kind": "bundle"}],
    }
    raw[table] = {**raw.get(table, {}), key: ODD[odd]}
    try:
        parse_config(raw)
    except ConfigError as error:
        assert len(str(error)) < 2_000, "a message that nobody can read"
        assert error.key.startswith(table) or odd.startswith("deep")


@pytest.mark.parametrize("odd", [name for name in ODD if name != "object"])
@pytest.mark.parametrize("place", ["coordinates", "number", "type", "crs", "features"])
def test_no_value_breaks_an_area(place: str, odd: str) -> None:
    value = ODD[odd]
    point = {"type": "Point", "coordinates": [1, 2]}
    areas: dict[str, object] = {
        "coordinates": {"type": "Polygon", "coordinates": value},
        "number": {"type": "Point", "coordinates": [value, 1]},
        "type": {"type": value},
        "crs": point | {"crs": {"properties": {"name": value}}},
        "features": {"type": "FeatureCollection", "features": value},
    }
    with pytest.raises(ConfigError) as refused:
        area_from_geojson(areas[place], source=Path("area.json"))
    assert len(str(refused.value)) < 500
    assert "area.json" in str(refused.value)


@pytest.mark.parametrize("odd", ["deep", "large", "half a character"])
def test_no_object_breaks_the_area_of_a_config(odd: str) -> None:
    with pytest.raises(ConfigError):
        area_from_geojson(Aoi.of({"type": "Point", "coordinates": [ODD[odd], 1]}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = " + "[" * 5_000 + "]" * 5_000, "nested too deep"),
        ("a = " + "{a=" * 5_000 + "1" + "}" * 5_000, "nested too deep"),
        ("a = " + "9" * 5_000, "an invalid number or date"),
        ("a." * 100_000 + "b = 1", "a key of more than 30 parts"),
        ("[" + '"a" . ' * 50 + "b]", "a key of more than 30 parts"),
        ("a = 2024-02-30", "TOML|an invalid number or date"),
        ("a = '\0'", "TOML"),
    ],
)
def test_a_config_that_is_none_is_told_with_its_file(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told) as refused:
        load_config(path)
    assert str(refused.value).startswith(str(path))


def test_a_path_that_no_file_has_is_told() -> None:
    with pytest.raises(ConfigError):
        load_config("a\0b")


def test_a_character_of_thousands_of_digits_is_no_page() -> None:
    page = b"<html><title>&#" + b"9" * 5_000 + b";</title>"
    with pytest.raises(AsyncdlError, match="not M2M's"):
        read_envelope("dataset", 503, {"Server": "&#" + "9" * 5_000 + ";"}, page)

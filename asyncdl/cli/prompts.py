"""The prompts of ``asyncdl init``, and parsers for values in prompts and options.

Each function raises ValueError with what is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from asyncdl.cli.printing import echo
from asyncdl.config import parse_config
from asyncdl.errors import ConfigError
from asyncdl.m2m.bands import band_words, is_partly_known, suggest, words_without_files
from asyncdl.text import did_you_mean

_PLACE = re.compile(r"(\d{1,3})/(\d{1,3})")
_PERCENT = re.compile(r"(?:(\d{1,9})(?:\s*+[-,]\s*+|\s++))?(\d{1,9})\s*+%?")


def words(text: str) -> list[str]:
    """Parse words separated by commas or spaces: ``SR_B4, QA_PIXEL``."""
    found = re.split(r"[\s,]+", text.strip(" ,"))
    if found == [""]:
        raise ValueError("allowed: words, such as SR_B4, QA_PIXEL")
    return found


def numbers(text: str, count: int, meaning: str) -> list[float]:
    """Parse a fixed number of numbers separated by commas or spaces."""
    try:
        found = [float(word) for word in words(text)]
    except ValueError:
        found = []
    if len(found) != count:
        raise ValueError(f"allowed: {meaning}")
    return found


def box(text: str) -> list[float]:
    """Parse ``west,south,east,north``."""
    return numbers(text, 4, "west,south,east,north in degrees")


def point(text: str) -> list[float]:
    """Parse ``longitude,latitude``."""
    return numbers(text, 2, "longitude,latitude in degrees")


def places(text: str) -> list[list[int]]:
    """Parse WRS paths and rows: ``68/17, 68/18``."""
    found = [_PLACE.fullmatch(word) for word in words(text)]
    pairs = [[int(place[1]), int(place[2])] for place in found if place]
    if len(pairs) != len(found):
        raise ValueError("allowed: path/row, such as 68/17")
    return pairs


def day(text: str) -> date:
    """Parse a date."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("allowed: a date, YYYY-MM-DD") from None


def cloud_cover(text: str) -> list[int]:
    """Parse a maximum percentage, or minimum and maximum: ``60``, ``10-60``."""
    found = _PERCENT.fullmatch(text.strip())
    if found is None:
        raise ValueError("allowed: percent, such as 60, or 10-60")
    return [int(found[1] or 0), int(found[2])]


def area(text: str) -> dict[str, Any]:
    """Parse any area; return its key in ``[search]`` and its value."""
    text = text.strip()
    if all(map(_PLACE.fullmatch, words(text))):
        return {"wrs": places(text)}
    for key, read in (("bbox", box), ("point", point)):
        try:
            return {key: read(text)}
        except ValueError:
            continue
    return {"aoi": text}


T = TypeVar("T")

DATASET = "landsat_ot_c2_l2"
"""Default dataset: surface reflectance and temperature of Landsat 8 and 9."""


def prompt_for_config(folder: Path) -> dict[str, Any]:
    """Prompt for a whole config and return its tables as plain values.

    Args:
        folder: Folder that relative paths start from.
    Raises: Abort, if the input ends.
    """
    search: dict[str, Any] = {}
    raw: dict[str, Any] = {"search": search, "products": [], "download": {}}

    def prompt(question: str, read: Callable[[str], dict[str, Any]], default: str = "") -> None:
        """Add an input to ``search``, once the config accepts it."""

        def value(text: str) -> dict[str, Any]:
            new = read_input(read, text) if text.strip() else {}
            check({**raw, "search": search | new}, folder)
            return new

        search.update(_prompt(question, value, default))

    prompt("Dataset", lambda text: {"dataset": text.strip()}, DATASET)
    while not search.keys() - {"dataset"}:
        echo("Press Enter to skip; at least one of the next four is required.", err=True)
        prompt("Area: GeoJSON or WKT file; west,south,east,north; lon,lat; or path/row", area)
        prompt("First day, YYYY-MM-DD", lambda text: {"start": day(text)})
        prompt("Last day, YYYY-MM-DD", lambda text: {"end": day(text)})
        prompt("Maximum cloud cover, percent", lambda text: {"cloud_cover": cloud_cover(text)})
    raw["products"] = prompt_for_products(search["dataset"])
    directory = _prompt("Directory for the files", str, "data")
    return raw | {"download": {"directory": directory}}


def prompt_for_products(dataset: str) -> list[dict[str, Any]]:
    """Prompt for products until there is at least one."""

    def bands(text: str) -> list[str]:
        if not text.strip():
            return []
        found = read_input(words, text)
        refuse_unknown_bands(dataset, found)
        return found

    def groups(text: str) -> list[str]:
        return read_input(words, text) if text.strip() else []

    while True:
        chosen = products(
            _prompt(f"Bands as single files; `asyncdl bands {dataset}` lists them", bands),
            bundle=click.confirm("A bundle (.tar) per scene", default=False, err=True),
            file_groups=_prompt(f"File groups; `asyncdl file-groups {dataset}` lists them", groups),
        )
        if chosen:
            return chosen
        echo("Choose at least one of the three.", err=True)


def products(bands: list[str], *, bundle: bool, file_groups: list[str]) -> list[dict[str, Any]]:
    """Return the products of a config as plain tables."""
    chosen: list[dict[str, Any]] = [{"kind": "bands", "bands": bands}] if bands else []
    if bundle:
        chosen.append({"kind": "bundle"})
    if file_groups:
        chosen.append({"kind": "band_group", "file_groups": file_groups})
    return chosen


def refuse_unknown_bands(dataset: str, words: list[str]) -> None:
    """Raise UsageError for a band that a known Landsat dataset does not have."""
    if is_partly_known(dataset):
        return
    for word in words_without_files(dataset, words):
        hint = did_you_mean(suggest(word, band_words(dataset)))
        raise click.UsageError(f"{dataset} has no band {word}{hint or '.'}")


def read_input(read: Callable[[str], T], text: str) -> T:
    """Parse an input, or raise UsageError, so that click prompts again."""
    try:
        return read(text)
    except ValueError as error:
        raise click.UsageError(f"{text.strip()!r}: {error}") from None


def check(raw: dict[str, Any], folder: Path) -> None:
    """Check the incomplete config. Raises: UsageError."""
    search = {"dataset": DATASET, "limit": 1} | raw["search"]
    try:
        parse_config({**raw, "search": search, "products": [{"kind": "bundle"}]}, base=folder)
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def _prompt(question: str, value: Callable[[str], T], default: str = "") -> T:
    entered: T = click.prompt(
        question, default=default, show_default=bool(default), value_proc=value, err=True
    )
    return entered

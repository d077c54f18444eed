"""What a decoder has against a value, in the words of someone who writes TOML. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from asyncdl.text import closest

_TYPE = re.compile(r"^Expected `([^`]*)`, got `([^`]*)`$")
_BOUND = re.compile(r"^Expected `(?:int|float)` (>=|<=) (\S+?)(?:\.0)?$")
_LENGTH = re.compile(r"^Expected `\w+` of length (?:>= )?(\d+)")

_KINDS = {
    "object": "a table",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "date": "a date",
    "datetime": "a date with a time",
    "time": "a time",
}
"""By the decoder's names."""
_WISHED = _KINDS | {"str": "text in quotes"}
_BOUNDS = {">=": "or more", "<=": "or less"}
_NO_CHOICE = ("Invalid enum value", "Invalid value")


def in_plain_words(problem: str, value: object, choices: Iterable[str] = ()) -> str:
    """Return what is wrong with a value.

    Args:
        problem: The decoder's text, without the place.
        value: What stands there.
        choices: What could stand there, if that can be named one by one.
    """
    if found := _TYPE.match(problem):
        return _other_kind(found[1], found[2])
    if found := _BOUND.match(problem):
        return f"has to be {found[2]} {_BOUNDS[found[1]]}"
    if found := _LENGTH.match(problem):
        return _other_length(value, int(found[1]))
    if problem.startswith(_NO_CHOICE):
        return f"is no such value{meant(value, choices)}"
    if "RFC3339" in problem:
        return "is no date"
    if "regex" in problem:
        return "is not of the form that is allowed"
    return problem[:1].lower() + problem[1:]


def meant(value: object, choices: Iterable[str]) -> str:
    """Return a question for what may have been meant; empty if nothing is close."""
    by_fold = {choice.casefold(): choice for choice in choices}
    close = closest(str(value).casefold(), by_fold) if isinstance(value, str) else []
    return f'; did you mean "{by_fold[close[0]]}"?' if close else ""


def _other_kind(wanted: str, got: str) -> str:
    wished = [_WISHED.get(kind, kind) for kind in wanted.split(" | ") if kind != "null"]
    return f"is {_KINDS.get(got, got)}, not {' or '.join(wished)}"


def _other_length(value: object, wanted: int) -> str:
    if not value or not isinstance(value, list | tuple):
        return "is empty"
    return f"has {len(value)} value{'s' * (len(value) != 1)}, not {wanted}"

"""From a decoder's message to file, key, value and what is allowed, in words for TOML. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from asyncdl.config.sections import (
    Clash,
    ClusterConfig,
    Config,
    DownloadConfig,
    PollConfig,
    Product,
    SearchConfig,
    Section,
    ServiceConfig,
)
from asyncdl.config.values import hint_of_choices
from asyncdl.errors import ConfigError
from asyncdl.text import closest, did_you_mean
from asyncdl.units import count

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
_EXPECTED = _KINDS | {"str": "text in quotes"}
_BOUNDS = {">=": "or more", "<=": "or less"}
_NO_CHOICE = ("Invalid enum value", "Invalid value")

_SECTIONS = (
    ServiceConfig,
    SearchConfig,
    *get_args(Product),
    DownloadConfig,
    PollConfig,
    ClusterConfig,
)
_AT = re.compile(r"^(?P<problem>.*?)(?: - at `(?:key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")


def _problem_of(text: str) -> tuple[str, list[str | int]]:
    """Return a decoder's problem and the path to the value; empty if it does not say where."""
    found = _AT.match(text)
    return (found["problem"], _steps(found["path"] or "")) if found else (text, [])


def explain(error: msgspec.ValidationError, raw: dict[str, Any], file: Path | None) -> ConfigError:
    """Return a decoder's error with file, key, value and what is allowed."""
    problem, path = _problem_of(str(error))
    if isinstance(error.__cause__, Clash):
        return _explain_clash(error.__cause__, path, raw, file)
    section = _type_at(path, raw)
    if unknown := _UNKNOWN.search(problem):
        return _explain_unknown(unknown[1], path, section, raw, file)
    if missing := _MISSING.search(problem):
        return ConfigError(
            "is missing",
            file=file,
            key=_dotted([*path, missing[1]]),
            allowed=_allowed_for(section, missing[1]),
        )
    key = [step for step in path if isinstance(step, str)]
    owner = _type_at(path[: len(key) and _last_name(path)], raw)
    name = key[-1] if key else ""
    return ConfigError(
        in_plain_words(problem, _value_at(path, raw), _choices_of(owner, name)),
        file=file,
        key=_dotted(path),
        value=_shown_at(path, raw),
        allowed=_allowed_for(owner, name) if key else "",
    )


def _explain_clash(
    clash: Clash, path: list[str | int], raw: dict[str, Any], file: Path | None
) -> ConfigError:
    path = [*path, *filter(None, clash.key.split("."))]
    return ConfigError(
        str(clash),
        file=file,
        key=_dotted(path),
        value=_shown_at(path, raw),
        allowed=clash.allowed,
    )


def _explain_unknown(
    name: str, path: list[str | int], section: Any, raw: dict[str, Any], file: Path | None
) -> ConfigError:
    keys = _keys_of(section)
    if re.search("token|password|secret|api_?key", name, re.IGNORECASE):
        # The value may be a secret: the message must not repeat it.
        return ConfigError(
            "secrets do not belong in a config",
            file=file,
            key=_dotted([*path, name]),
            allowed="the environment variable ASYNCDL_TOKEN, or service.token_file",
        )
    if refused := getattr(section, "REFUSED", {}).get(name):
        allowed = 'kind = "bands" or "band_group"'
        return ConfigError(refused, file=file, key=_dotted([*path, name]), allowed=allowed)
    close = closest(name, keys)
    # Without any known key it may be some other file: its values are not repeated.
    is_ours = close or any(name in _keys_of(known) for known in _SECTIONS)
    return ConfigError(
        f"unknown key{did_you_mean(close)}",
        file=file,
        key=_dotted([*path, name]),
        value=_shown_at([*path, name], raw) if is_ours else None,
        allowed=", ".join(keys),
    )


def _steps(path: str) -> list[str | int]:
    """Split ``.search.wrs[0][1]`` into ``["search", "wrs", 0, 1]``."""
    return [
        int(index) if index else name
        for name, index in re.findall(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]", path.replace("[...]", ""))
    ]


def _last_name(path: list[str | int]) -> int:
    return max(i for i, step in enumerate(path) if isinstance(step, str))


def _dotted(path: list[str | int]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _value_at(path: list[str | int], raw: Any) -> Any:
    for step in path:
        try:
            raw = raw[step]
        except (KeyError, IndexError, TypeError):
            return None
    return raw


def _shown_at(path: list[str | int], raw: Any) -> Any:
    """Return the value of a key for a message; ``None`` for tables and other long values."""
    value = _value_at(path, raw)
    if isinstance(value, date):
        return str(value)
    return value if isinstance(value, str | int | float | list | tuple) else None


def _type_at(path: list[str | int], raw: dict[str, Any]) -> Any:
    """Return the section class that ``path`` leads to; ``Config`` for the top."""
    if path[:1] == ["products"] and len(path) > 1:
        kind = _value_at([*path[:2], "kind"], raw)
        return next((p for p in get_args(Product) if p.__struct_config__.tag == kind), None)
    if not path:
        return Config
    return get_type_hints(Config).get(str(path[0]))


def _keys_of(section: Any) -> list[str]:
    if section is None or not hasattr(section, "__struct_fields__"):
        return []
    kind = ["kind"] if section.__struct_config__.tag is not None else []
    return [*kind, *section.__struct_fields__]


def _allowed_for(section: Any, key: str) -> str:
    """Return what a field accepts, in the words of its annotation."""
    if key == "kind":
        return ", ".join(f'"{p.__struct_config__.tag}"' for p in get_args(Product))
    if section is None or not hasattr(section, "__struct_fields__"):
        return ""
    hint = get_type_hints(section, include_extras=True).get(key)
    for part in (hint, *get_args(hint)):
        for extra in getattr(part, "__metadata__", ()):
            if isinstance(extra, Meta) and extra.description:
                return extra.description
    if isinstance(hint, type) and issubclass(hint, Section):
        return f"a table [{key}]"
    return "true or false" if hint is bool else "text in quotes"


def _choices_of(section: Any, key: str) -> tuple[str, ...]:
    """Return the values that a field accepts, if its annotation lists them."""
    if key == "kind":
        return tuple(str(p.__struct_config__.tag) for p in get_args(Product))
    hint = get_type_hints(section).get(key) if hasattr(section, "__struct_fields__") else None
    return get_args(hint) if get_origin(hint) is Literal else ()


# --- what a decoder has against a value ---------------------------------------------------


def in_plain_words(problem: str, value: object, choices: Iterable[str] = ()) -> str:
    """Return what is wrong with a value.

    Args:
        problem: The decoder's text, without the place.
        value: The value itself.
        choices: The values that are allowed, if they can be listed.
    """
    if found := _TYPE.match(problem):
        return _other_kind(found[1], found[2])
    if found := _BOUND.match(problem):
        return f"has to be {found[2]} {_BOUNDS[found[1]]}"
    if found := _LENGTH.match(problem):
        return _other_length(value, int(found[1]))
    if problem.startswith(_NO_CHOICE):
        return f"is not a valid value{hint_of_choices(value, choices)}"
    if "RFC3339" in problem:
        return "is not a date"
    if "regex" in problem:
        return "does not have the required form"
    return problem[:1].lower() + problem[1:]


def _other_kind(wanted: str, got: str) -> str:
    expected = [_EXPECTED.get(kind, kind) for kind in wanted.split(" | ") if kind != "null"]
    return f"is {_KINDS.get(got, got)}, not {' or '.join(expected)}"


def _other_length(value: object, wanted: int) -> str:
    if not value or not isinstance(value, list | tuple):
        return "is empty"
    return f"has {count(len(value), 'value')}, not {wanted}"

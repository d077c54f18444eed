"""The kinds of values that faults take, and how each is read from text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, get_args

from asyncdl.errors import ConfigError

Share: TypeAlias = float | str
"""Which files: 0 none to 1 all, or a pattern for their names."""
DownMode: TypeAlias = Literal["503", "html", "refuse"]
"""How it looks when a host is down."""
Repeats: TypeAlias = Literal["anew", "duplicate", "old"]
"""What becomes of an item that is requested again under another label."""
Disposition: TypeAlias = Literal["quoted", "unquoted", "missing"]
"""How Content-Disposition names a file."""

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_value(name: str, kind: str, value: str) -> Any:
    """Read the text of a fault's value.

    Args:
        name: Of the fault, for the error.
        kind: Its annotation, such as ``Share``.
        value: Empty turns a switch on.
    Raises: ConfigError, if the text is no value of this kind.
    """
    try:
        return _READERS[kind](value)
    except (ValueError, KeyError):
        raise ConfigError(
            "not a value for this fault", key=f"fault {name}", value=value, allowed=_ALLOWED[kind]
        ) from None


def _read_number(value: str) -> float:
    number = float(value)
    if not number >= 0:
        raise ValueError(value)
    return number


def _read_count(value: str) -> int:
    return int(_read_number(str(int(value))))


def _read_share(value: str) -> Share:
    try:
        share = float(value)
    except ValueError:
        if not value:
            raise
        return value
    if not 0 <= share <= 1:
        raise ValueError(value)
    return share


def _one_of(choice: Any) -> Callable[[str], str]:
    words = {word: word for word in get_args(choice)}
    return words.__getitem__


_READERS: Mapping[str, Callable[[str], Any]] = {
    "int": _read_count,
    "float": _read_number,
    "bool": lambda value: _WORDS[value.lower() or "true"],
    "str": str,
    "Share": _read_share,
    "DownMode": _one_of(DownMode),
    "Repeats": _one_of(Repeats),
    "Disposition": _one_of(Disposition),
}
_ALLOWED = {
    "int": "a whole number, 0 or more",
    "float": "a number, 0 or more",
    "bool": "true or false",
    "str": "text",
    "Share": "a share from 0 to 1, or a pattern for file names such as *_B4.TIF",
    "DownMode": " or ".join(get_args(DownMode)),
    "Repeats": " or ".join(get_args(Repeats)),
    "Disposition": " or ".join(get_args(Disposition)),
}

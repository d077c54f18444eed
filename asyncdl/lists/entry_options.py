"""Options of one entry in a list, with aria2's names. Pure.

Source: the section "Input File" of aria2c's manual.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

from asyncdl.transfer import Digest
from asyncdl.transfer.names import safe_name
from asyncdl.transfer.request_headers import header_problem
from asyncdl.transfer.verification.digests import ALGORITHMS

Values: TypeAlias = dict[str, Any]
"""Fields of an entry that its options set."""

_CHECKSUM = re.compile(r"(?P<algorithm>[A-Za-z0-9-]+)=(?P<value>.+)")
_HEADER = re.compile(r"(?P<name>[^:;]+)(?:(?P<colon>:)(?P<value>.*)|;)", re.DOTALL)
_CHECKED = tuple(name for name in ALGORITHMS if name != "cksum")


def read_digest(text: str) -> Digest:
    """Read ``sha-256=HEX``, with or without the dash. Raises: ValueError, with what is allowed."""
    match = _CHECKSUM.fullmatch(text.strip())
    name = match["algorithm"].lower().replace("-", "") if match else ""
    if match is None or name not in _CHECKED:
        raise ValueError(f"TYPE=HEX, where TYPE is one of {', '.join(_CHECKED)}")
    try:
        return Digest(name, match["value"].strip())
    except ValueError as error:
        raise ValueError(str(error).partition("(allowed: ")[2].removesuffix(")")) from None


def read_header(text: str) -> tuple[str, str | None]:
    """Read a header as curl does: ``Name: value``, ``Name:`` to remove one, ``Name;`` for an
    empty one.

    Raises: ValueError, with what is allowed; the value, which may be a secret, is not shown.
    """
    match = _HEADER.fullmatch(text)
    if match is None:
        raise ValueError("'Name: value'")
    name, value = match["name"].strip(), (match["value"] or "").strip()
    given = None if match["colon"] and not value else value
    if problem := header_problem(name, given):
        raise ValueError(problem)
    return name, given


def with_header(headers: dict[str, str | None], name: str, value: str | None) -> None:
    """Add a header; if it comes twice, both values are sent, as by curl."""
    for known in list(headers):
        if known.lower() == name.lower():
            earlier = headers.pop(known)
            if earlier is not None and value is not None:
                value = ("; " if name.lower() == "cookie" else ", ").join((earlier, value))
    headers[name] = value


def read_path(text: str) -> tuple[Path, str]:
    """Read a file name, perhaps below folders. Raises: ValueError, with what is allowed."""
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts or not path.name or text.endswith("/"):
        raise ValueError("the name of a file in its folder, or a path to it below its folder")
    fitting = [safe_name(part) for part in path.parts]
    if fitting != list(path.parts):
        raise ValueError(
            f"a name that any system accepts, such as {'/'.join(filter(None, fitting))!r}"
        )
    return Path(*path.parts[:-1]), path.name


def read_flag(text: str) -> bool:
    """Read ``true`` or ``false``. Raises: ValueError, with what is allowed."""
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text == "true"


def _out(values: Values, text: str) -> None:
    values["subfolder"], values["name"] = read_path(text)


def _dir(values: Values, text: str) -> None:
    if not text or "\0" in text:
        raise ValueError("a folder")
    values["directory"] = Path(text).expanduser()


def _checksum(values: Values, text: str) -> None:
    values["digests"] = (*values.get("digests", ()), read_digest(text))


def _header(values: Values, text: str) -> None:
    with_header(values.setdefault("headers", {}), *read_header(text))


def _named_header(name: str) -> Callable[[Values, str], None]:
    def take(values: Values, text: str) -> None:
        if problem := header_problem(name, text):
            raise ValueError(problem)
        with_header(values.setdefault("headers", {}), name, text)

    return take


def _flag(field: str) -> Callable[[Values, str], None]:
    def take(values: Values, text: str) -> None:
        values[field] = read_flag(text)

    return take


def _connections(values: Values, text: str) -> None:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 64):
        raise ValueError("a whole number from 1 to 64")
    values["connections"] = int(text)


OPTIONS: dict[str, Callable[[Values, str], None]] = {
    "out": _out,
    "dir": _dir,
    "checksum": _checksum,
    "header": _header,
    "referer": _named_header("Referer"),
    "user-agent": _named_header("User-Agent"),
    "allow-overwrite": _flag("overwrite"),
    "conditional-get": _flag("if_modified"),
    "remote-time": _flag("remote_time"),
    "split": _connections,
    "max-connection-per-server": _connections,
}
"""What each option does; others have no effect, and a notice says so."""
SECRET = frozenset({"header"})
"""Options whose values may be secret."""

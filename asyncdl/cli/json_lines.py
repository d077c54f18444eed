"""JSON on stdout, which may be a terminal."""

from __future__ import annotations

import re

from asyncdl.cli.printing import echo

_ODD = re.compile(r"[^\n -~]")
"""Everything but printable ASCII."""


def echo_json(value: object) -> None:
    """Print a value as one line of JSON to stdout."""
    echo(json_text(value))


def json_text(value: object, *, option: int = 0) -> str:
    """Return equivalent JSON without control characters.

    Args:
        value: Plain data.
        option: Option of orjson, such as ``OPT_INDENT_2``.
    """
    import orjson  # Has json imported, which commands without --json do without.

    try:
        text = orjson.dumps(value, option=option).decode()
    except orjson.JSONEncodeError:
        import json

        # Paths that are not UTF-8 contain lone surrogates, which orjson does not write.
        return json.dumps(value)
    return text if text.isprintable() else _ODD.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    import json

    return json.dumps(character)[1:-1]

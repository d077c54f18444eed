"""A page around its content: style, script and data are all in one file.

A content security policy allows this script and this style only, and pictures from the named
origins only. So even text that got past the escaping could not act.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from string import Template

import orjson

from asyncdl.markup import USGS, Markup
from asyncdl.version import __version__

PICTURES = f"https://*.{USGS}"
"""Origin of pictures of scenes, which are fetched on a click."""

_SCRIPT_SAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}
"""Equivalent within JSON, and never markup for an HTML parser."""


def page(title: str, body: Markup, data: object, *, picture_sources: Sequence[str] = ()) -> str:
    """Return a whole page.

    Args:
        title: Plain text.
        body: What is shown; a map is drawn into the element ``map``, if there is one.
        data: For the script; plain data without bytes.
        picture_sources: Origins of pictures besides :data:`PICTURES`, such as those of tiles.
    """
    style, script = _part("style.css"), _part("map.js")
    return Template(_part("page.html")).substitute(
        policy=escape(_policy(style, script, picture_sources)),
        version=__version__,
        title=escape(title),
        style=style,
        body=body,
        data=orjson.dumps(data).decode().translate(_SCRIPT_SAFE),
        script=script,
    )


def _policy(style: str, script: str, picture_sources: Sequence[str]) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            f"img-src {' '.join((PICTURES, *picture_sources))}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _part(name: str) -> str:
    return resources.files("asyncdl.pages").joinpath("parts", name).read_text(encoding="utf-8")

"""Templates for the places of files below the download directory, as in a config. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

from asyncdl.text import closest, did_you_mean

LAYOUT_FIELDS = (
    "kind", "product_id", "entity_id", "product_code", "file", "band",
    "dataset", "sensor", "satellite", "level",
    "path", "row", "region", "horizontal", "vertical",
    "year", "month", "day", "date", "processed", "collection", "tier", "window",
)  # fmt: skip
"""What a template may name; docs/layout.md says what each is."""

_FILE = "{file}"
_RESERVED = re.compile(r'[<>:"|?*\\\x00-\x1f]')
"""Not all file systems allow these in a name."""


class LayoutTemplate(str):
    """A path with fields, such as ``"{kind}/{product_id}/{file}"``.

    Its last part is ``{file}`` alone: USGS file names are kept, because other tools
    parse them.
    """

    @classmethod
    def read(cls, value: object) -> LayoutTemplate:
        """Read a template.

        Raises: ValueError, for an invalid template, or one that leads out of the directory.
        """
        if not isinstance(value, str):
            raise ValueError("is not text")
        for problem in _problems(value):
            raise ValueError(problem)
        return cls(value)

    @property
    def segments(self) -> tuple[str, ...]:
        """The folders, then ``{file}``."""
        return tuple(self.split("/"))

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it names."""
        return frozenset(fields_of(self))

    def without_folder(self, folder: str) -> LayoutTemplate:
        """Return the template without a folder that is written exactly like this."""
        return type(self)("/".join(part for part in self.segments if part != folder))


def fields_of(text: str) -> Iterator[str]:
    """Yield the fields that a part of a template names."""
    return (name for _, name, _, _ in Formatter().parse(text) if name is not None)


def _problems(text: str) -> Iterator[str]:
    *folders, last = text.split("/")
    try:
        parsed = list(Formatter().parse(text))
    except ValueError:
        yield "has a brace without its counterpart"
        return
    for literal, name, form, conversion in parsed:
        if name is not None:
            yield from _problems_of_field(name, form or conversion)
        if found := _RESERVED.search(literal):
            yield f"contains {found[0]!r}, which not all file systems allow in a name"
    if text.startswith(("/", "~")):
        yield "is absolute; layouts are relative to the download directory"
    for folder in folders:
        yield from _problems_of_folder(folder)
    if last != _FILE:
        yield f"does not end in {_FILE}: files keep their USGS names"


def _problems_of_field(name: str, form: str | None) -> Iterator[str]:
    if name not in LAYOUT_FIELDS:
        hint = did_you_mean([f"{{{field}}}" for field in closest(name, LAYOUT_FIELDS)])
        yield f"names the unknown field {{{name}}}{hint}"
    if form:
        yield f"has more than {{{name}}} between its braces"


def _problems_of_folder(folder: str) -> Iterator[str]:
    if folder in ("", ".", ".."):
        yield "has an empty folder, or one that is '.' or '..'"
    elif folder != folder.strip(". "):
        yield f"has a folder that begins or ends with a dot or a space: {folder!r}"
    if "file" in fields_of(folder):
        yield f"has {_FILE} in a folder"

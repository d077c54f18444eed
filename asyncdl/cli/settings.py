"""What a config asks for, in names and values for people; the account is not among them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from asyncdl.config import Config
from asyncdl.redact import redact

SECTIONS = ("search", "download", "poll")
"""The service section is about the account."""


def told_of(settings: Config) -> list[tuple[str, str]]:
    """Return every value that is not the default, under its key in the file, secrets masked."""
    told = [
        (f"{section}.{name}", text)
        for section in SECTIONS
        for name, text in _changed(getattr(settings, section))
    ]
    for product in settings.products:
        values = "; ".join(f"{name} = {text}" for name, text in _changed(product))
        told.append((f"products: {type(product).__struct_config__.tag}", values))
    return [(name, redact(text)) for name, text in told]


def _changed(section: msgspec.Struct) -> Iterator[tuple[str, str]]:
    for field in msgspec.structs.fields(section):
        value = getattr(section, field.name)
        if value not in (field.default, {}):
            yield field.encode_name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(_text, value))
    return str(value)

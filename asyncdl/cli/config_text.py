"""A config as commented text: what is set, and below it what could be.

All words come from the config's own fields, so they hold as long as the fields do.
"""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, get_args

import msgspec

from asyncdl.cli.field_docs import allowed_for, default_of, field_docs
from asyncdl.config import DownloadConfig, Product, SearchConfig

WIDTH = 96
HEAD = """\
# What asyncdl fetches, and where to. A line that begins with "# key =" is a setting that is not
# made: take away the "# " to make it.
#
#   asyncdl plan {name}    what would be fetched; requests nothing
#   asyncdl run {name}     fetch it; again, it continues
"""
FOOT = """
# There are two more tables, [service] (user name, outages, sizes of calls) and [poll] (patience
# with files in preparation). The token never stands here: asyncdl login
"""
_LINK = re.compile(r"\[([^][]*)\]\([^()]*\)")


def config_text(raw: Mapping[str, Any], name: str) -> str:
    """Return a config file.

    Args:
        raw: The tables as plain values, as ``parse_config`` takes them.
        name: Of the file, for the commands in its head.
    """
    parts = [HEAD.format(name=name), *_table("[search]", SearchConfig, raw["search"])]
    for product in raw["products"]:
        kind = next(p for p in get_args(Product) if p.__struct_config__.tag == product["kind"])
        parts += _table("[[products]]", kind, product)
    parts += _table("[download]", DownloadConfig, raw["download"])
    return "".join((*parts, FOOT))


def _table(title: str, kind: type, values: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n{title}\n" + _comment(inspect.getdoc(kind) or "")
    if "kind" in values:
        yield f"kind = {toml_value(values['kind'])}\n"
    docs = field_docs(kind)
    for field in msgspec.structs.fields(kind):
        yield "\n" + _comment(docs[field.name]) + _setting(field, kind, values)


def _setting(field: msgspec.structs.FieldInfo, kind: type, values: Mapping[str, Any]) -> str:
    if field.name in values:
        return f"{field.name} = {toml_value(values[field.name])}\n"
    unset = f"# {field.name} = {default_of(field)}".rstrip()
    return f"{unset}  # {allowed_for(kind, field.name)}\n"


def _comment(text: str) -> str:
    plain = _LINK.sub(r"\1", " ".join(text.split()).replace("``", "`"))
    return "".join(f"# {line}\n" for line in textwrap.wrap(plain, WIDTH - 2))


def toml_value(value: Any) -> str:
    """Return a plain value as TOML writes it: text, numbers, dates, booleans and lists."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        # JSON escapes all that TOML wants escaped but DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)

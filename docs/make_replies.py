"""Write ``replies.md`` from the models of the replies, so that it is never out of date.

::

    python docs/make_replies.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import Struct

from asyncdl.m2m.models import REPLIES

PAGE = Path(__file__).with_name("replies.md")
HEAD = """\
<!-- Written by docs/make_replies.py from asyncdl/m2m/models.py. Do not edit. -->

# Replies of the service

What has to be right in a reply of the M2M API, and what may be anything.

**Essential** is only what the table lists, each field where its record stands. Everything else
may be absent, null, of another type or new. It costs at most itself: a field that cannot be read
counts as absent, and an element of a list or a map that is no record, or lacks something
essential, is left out. Each loss is a line at level `DEBUG` of the logger `asyncdl.m2m`, with
endpoint and path (`download-options: $[3].filesize is left out of the reply: …`) and never with
the value. Only a reply that itself lacks something essential, or a list of which nothing at all
can be read, is an `ApiError`, which names the field.

What surely means the same is read: numbers and truth values as text (`"44.79"`, `"Y"`), ids as
numbers, `[]` for an empty map, a map of `"0"`, `"1"`, … for a list, one record in place of a list
of one. Null for a whole reply is an empty one.

What is absent is unknown, and nothing is concluded from it: a product of which the service does
not say whether it is available is requested, pages go on as far as their counts reach, a quota
without counts is none, and a checksum without a value, or with an id that is not known, promises
nothing. Known are `sha512`, `sha384`, `sha256`, `sha224`, `sha1`, `md5`, `cksum` and `crc32`, in
any case and with or without `sum` at the end.

| endpoint | essential |
|---|---|
"""
BARE = """\

`results` may be null, where nothing was found, but not absent. `scene-list-add`,
`download-order-remove` and `download-remove` give a bare number or truth value that decides
nothing, so it may be anything; `scene-list-remove` and `logout` give nothing. `login-token` has
to give a key, as a text.
"""


def essential_fields(kind: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of all essential fields under a type, ``[]`` for elements."""
    yield from _essential(kind, path, frozenset())


def _essential(kind: Any, path: str, above: frozenset[type]) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, Struct):
        for field in msgspec.structs.fields(kind):
            place = f"{path}.{field.encode_name}".lstrip(".")
            if field.required:
                yield place
            if kind not in above:  # a record within its own kind is told once
                yield from _essential(field.type, place, above | {kind})
        return
    is_container = getattr(kind, "__origin__", None) in (list, dict)
    for part in get_args(kind):
        yield from _essential(part, f"{path}[]" if is_container else path, above)


def page() -> str:
    """Return the whole page."""
    rows = [
        f"| `{endpoint}` | {', '.join(f'`{path}`' for path in essential_fields(kind)) or '-'} |\n"
        for endpoint, kind in sorted(REPLIES.items())
    ]
    return f"{HEAD}{''.join(rows)}{BARE}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

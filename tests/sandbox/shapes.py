"""Whether two replies are of one shape: the same fields of the same types, at every depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

Json: TypeAlias = Any

MAPS = (
    r"\.(newRecords|duplicateProducts|valueList|secondary|primary)$",
    r"\.secondary\.\*$",
    r"\.productIds$",
    r"\.options$",
)
"""Where the keys of an object are data. An empty one is written as a list, as PHP does."""

VARIED = (".cloudCover", ".metadata[].value")
"""What is a number in one recorded reply and a text in another."""


def differences(
    sample: Json, reply: Json, optional: frozenset[str], path: str = ""
) -> Iterator[str]:
    """Yield what a reply has that a sample has not, and the other way round.

    Null goes with everything: nearly every field of the service may be null.

    Args:
        sample: What is on record; of a list all members count.
        reply: What is judged.
        optional: Names of fields that may be on one side only.
        path: Where both are, for the messages.
    """
    if sample is None or reply is None:
        return
    if any(re.search(pattern, path) for pattern in MAPS) and {dict, list} >= {
        type(sample),
        type(reply),
    }:
        yield from _of_maps(sample, reply, optional, path)
    elif isinstance(sample, dict) and isinstance(reply, dict):
        yield from _of_objects(sample, reply, optional, path)
    elif isinstance(sample, list) and isinstance(reply, list):
        for one in reply:
            yield from _best(sample, one, optional, f"{path}[]")
    elif _kind(sample) != _kind(reply) and not path.endswith(VARIED):
        yield f"{path}: {_kind(reply)} in place of {_kind(sample)}"


def _of_objects(sample: Json, reply: Json, optional: frozenset[str], path: str) -> Iterator[str]:
    for name in sorted(sample.keys() ^ reply.keys()):
        if name not in optional:
            yield f"{path}.{name}: {'missing' if name in sample else 'not on record'}"
    for name in sample.keys() & reply.keys():
        yield from differences(sample[name], reply[name], optional, f"{path}.{name}")


def _of_maps(sample: Json, reply: Json, optional: frozenset[str], path: str) -> Iterator[str]:
    known = list(sample.values()) if isinstance(sample, dict) else []
    for one in reply.values() if isinstance(reply, dict) else reply:
        yield from _best(known, one, optional, f"{path}.*")


def _best(samples: list[Json], one: Json, optional: frozenset[str], path: str) -> Iterator[str]:
    """Yield the differences to that sample which is most alike; none if there is no sample."""
    found = (list(differences(sample, one, optional, path)) for sample in samples)
    yield from min(found, key=len, default=[])


def _kind(value: Json) -> str:
    if isinstance(value, bool):
        return "a switch"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    return "a list" if isinstance(value, list) else "an object"

"""Replies of the service with something wrong in them that is not essential.

A spot is a place in a reply that may be anything: a field that has a default in the model, an
element of a list that has others, a place for a field that nobody knows.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, TypeAlias, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import FieldInfo

Json: TypeAlias = Any
Path: TypeAlias = tuple[str | int, ...]

DROP = object()
NEW = "fromTheFuture"

ODD: tuple[Json, ...] = (
    None,
    DROP,
    "",
    "odd",
    "nan",
    True,
    -1,
    7,
    0.5,
    10**19,
    -(10**18),
    1e300,
    [],
    {},
    [None],
    ["odd", 7],
    [[[[]]]],
    {"type": "Feature", "geometry": None},
    {"type": "Polygon", "coordinates": [[["a", "b"], None, [1]]]},
    {"id": "sha512", "value": None},
    {"0": "odd", "2": None},
)
"""What may stand in any spot, or not stand there at all."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One place in a reply."""

    path: Path
    is_element: bool = False
    """Whether it is left out of its list when it cannot be read."""


def spots(data: Json, kind: Any, path: Path = ()) -> Iterator[Spot]:
    """Yield all places under ``data`` that are not essential to ``kind``."""
    part = _part_for(data, kind)
    if isinstance(part, type) and issubclass(part, Struct) and isinstance(data, dict):
        yield from _spots_in_record(data, part, path)
    elif get_origin(part) is list and isinstance(data, list):
        for number, element in enumerate(data):
            if len(data) > 1:
                yield Spot((*path, number), is_element=True)
            yield from spots(element, get_args(part)[0], (*path, number))
    elif get_origin(part) is dict and isinstance(data, dict):
        for key, value in data.items():
            yield from spots(value, get_args(part)[1], (*path, key))
    elif part is Any and isinstance(data, dict):
        for key, value in data.items():
            yield Spot((*path, key))
            yield from spots(value, Any, (*path, key))


def _spots_in_record(data: dict[str, Json], kind: type[Struct], path: Path) -> Iterator[Spot]:
    yield Spot((*path, NEW))
    known = {field.encode_name: field for field in _fields(kind)}
    for name, value in data.items():
        field = known.get(name)
        if field is None or not field.required:
            yield Spot((*path, name))
        yield from spots(value, Any if field is None else field.type, (*path, name))


@cache
def _fields(kind: type[Struct]) -> tuple[FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _part_for(data: Json, kind: Any) -> Any:
    """Return the part of a union that stands for lists, maps or records."""
    if get_origin(kind) in (list, dict, None, Annotated):
        return kind
    parts = [part for part in get_args(kind) if part is not NoneType]
    return parts[0] if len(parts) == 1 else NoneType


def harmed(data: Json, harms: list[tuple[Spot, Json]]) -> Json:
    """Return a copy of a reply with odd values in some spots; one within another is no harm."""
    result = copy.deepcopy(data)
    for spot, value in harms:
        holder = result
        try:
            for step in spot.path[:-1]:
                holder = holder[step]
            _put(holder, spot, value)
        except (AttributeError, KeyError, IndexError, TypeError):
            continue  # another harm has taken its surroundings away
    return result


def _put(holder: Json, spot: Spot, value: Json) -> None:
    if isinstance(holder, list) != isinstance(spot.path[-1], int):
        return  # another harm has made something else of it
    if value is not DROP:
        holder[spot.path[-1]] = copy.deepcopy(value)
    elif not spot.is_element:
        holder.pop(spot.path[-1], None)


def odd_values(chance: random.Random, spot: Spot) -> Json:
    """Return something for a spot: in lists what is no element of any."""
    return chance.choice((None, [["odd"]], 0.5)) if spot.is_element else chance.choice(ODD)


Spares: TypeAlias = Callable[[Path], bool]
"""Says which spots are left as they are."""


def damage(chance: random.Random, data: Json, kind: Any, count: int, spares: Spares) -> Json:
    """Return a copy of a reply with ``count`` harms at random."""
    free = [spot for spot in spots(data, kind) if not spares(spot.path)]
    chosen = chance.sample(free, min(count, len(free)))
    return harmed(data, [(spot, odd_values(chance, spot)) for spot in chosen])

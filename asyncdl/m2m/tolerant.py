"""Typed records from plain JSON of which only the essential has to be right. Pure.

A reply is read as a whole, which is quick. Only where that fails it is walked
down, and what cannot be read is left out: a field that has a default counts as
absent, an element of a list or a map that lacks something essential (a field
without default) is dropped. Each loss costs itself and nothing beside it.

What is sure is read, whatever its type: numbers as text and text as numbers, PHP's
``[]`` for an empty map, its map of ``"0"``, ``"1"``, … for a list, a lone record
where a list of them belongs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo

from asyncdl.errors import Portable

T = TypeVar("T")

Id: TypeAlias = Annotated[str, Meta(min_length=1)]
"""What something is asked for by. The one text that may come as a number."""

OnLoss: TypeAlias = Callable[[str, str], None]
"""Given the path of what was left out, such as ``$[3].checksum``, and why. Never a value."""


def forget(path: str, why: str) -> None:
    """Take no note of a loss."""


def read_tolerantly(data: object, kind: type[T], on_loss: OnLoss = forget) -> T:
    """Read plain JSON as ``kind``: scalars, structs, lists and maps of them.

    Args:
        data: As a JSON parser gives it.
        kind: Classes with a ``read`` of their own read themselves; it raises
            ``ValueError`` for what it cannot read.
        on_loss: Is called for everything that is left out, in order.
    Raises: msgspec.ValidationError, if something essential is missing or cannot be read.
        It names the path and the types, and quotes no values.
    """
    try:
        return _convert(data, kind)
    except _FAILURES:
        reading = _Reading()
    value: T = reading.read(data, kind, "$")
    for path, why in reading.losses:
        on_loss(path, why)
    return value


_FAILURES = (msgspec.ValidationError, RecursionError)
"""Replies may be as deep as the parser can bear; what is too deep for us cannot be read."""


class _Unreadable(Portable, msgspec.ValidationError):
    """Something that is neither what it should be nor surely means it."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{why} - at `{path}`")
        self.path = path
        self.why = why


def _convert(data: object, kind: type[T]) -> T:
    return msgspec.convert(data, kind, strict=False, dec_hook=_read_itself)


def _read_itself(kind: type, value: object) -> object:
    reader = getattr(kind, "read", None)
    if reader is None:
        raise NotImplementedError(kind)
    return reader(value)


@dataclass(slots=True)
class _Reading:
    """One reply that cannot be read as a whole."""

    losses: list[tuple[str, str]] = field(default_factory=list)

    def read(self, data: object, kind: Any, path: str) -> Any:
        """Return ``data`` as ``kind``; raise ``_Unreadable`` if there is no way."""
        try:
            return _convert(data, kind)
        except _FAILURES as error:
            failure = _Unreadable(path, _why(error))
        for part in _alternatives(kind):
            try:
                return self._read_part(data, part, path, failure)
            except _Unreadable as error:
                failure = error
        raise failure

    def _read_part(self, data: object, kind: Any, path: str, failure: _Unreadable) -> Any:
        if isinstance(kind, type) and issubclass(kind, Struct):
            return self._read_struct(_as_map(data, failure), kind, path)
        origin = get_origin(kind)
        if origin is list:
            return self._read_list(data, get_args(kind)[0], path, failure)
        if origin is dict:
            return self._read_map(_as_map(data, failure), get_args(kind)[1], path)
        return _read_neighbour(data, kind, failure)

    def _read_struct(self, data: Mapping[str, object], kind: type[Struct], path: str) -> Struct:
        values: dict[str, object] = {}
        for known in _fields(kind):
            place = f"{path}.{known.encode_name}"
            value = data.get(known.encode_name)
            if known.encode_name not in data and known.required:
                raise _Unreadable(place, "an essential field is missing")
            if value is None and not known.required:
                continue
            try:
                values[known.name] = self.read(value, known.type, place)
            except (_Unreadable, RecursionError) as error:
                if known.required:
                    raise
                self._lose(place, error)
        return kind(**values)

    def _read_list(self, data: object, kind: Any, path: str, failure: _Unreadable) -> list[object]:
        elements = _as_elements(data)
        if elements is None:
            # A list of one is now and then sent without the list around it.
            if not isinstance(data, dict) or get_origin(kind) is dict:
                raise failure
            return [self.read(data, kind, path)]
        places = ((f"{path}[{number}]", element) for number, element in enumerate(elements))
        return [element for _, element in self._readable(places, kind)]

    def _read_map(self, data: Mapping[str, object], kind: Any, path: str) -> dict[str, object]:
        places = ((f"{path}[...]", value) for value in data.values())
        read = dict(self._readable(places, kind))
        return {key: read[number] for number, key in enumerate(data) if number in read}

    def _readable(
        self, elements: Iterator[tuple[str, object]], kind: Any
    ) -> list[tuple[int, object]]:
        """Return what can be read, numbered; if that is nothing of some, fail as the first did."""
        read: list[tuple[int, object]] = []
        known_losses = len(self.losses)
        first: _Unreadable | None = None
        for number, (place, element) in enumerate(elements):
            try:
                read.append((number, self.read(element, kind, place)))
            except _Unreadable as error:
                first = first or error
                self._lose(place, error)
        if first is not None and not read:
            # No odd element but another form of all of them: it must not pass for an empty list.
            del self.losses[known_losses:]
            raise first
        return read

    def _lose(self, path: str, error: _Unreadable | RecursionError) -> None:
        if isinstance(error, _Unreadable) and error.path != path:
            self.losses.append((path, str(error)))
        else:
            self.losses.append((path, _why(error)))


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    # The path is our own, for msgspec knows only the part that it was given.
    return error.why if isinstance(error, _Unreadable) else str(error).partition(" - at ")[0]


def _alternatives(kind: Any) -> Iterator[Any]:
    """Yield what a value may be read as, but for null."""
    if get_origin(kind) in (Union, UnionType):
        for part in get_args(kind):
            yield from _alternatives(part)
    elif kind is not NoneType:
        yield kind


@cache
def _fields(kind: type[Struct]) -> tuple[FieldInfo, ...]:
    return msgspec.structs.fields(kind)


def _as_map(data: object, failure: _Unreadable) -> Mapping[str, object]:
    if isinstance(data, dict):
        return data
    if data == []:
        return {}  # PHP encodes an empty map as a list
    raise failure


def _as_elements(data: object) -> list[object] | None:
    if isinstance(data, list):
        return data
    # PHP encodes a list with gaps as a map of its indices.
    if isinstance(data, dict) and all(key.isdecimal() for key in data):
        return list(data.values())
    return None


def _read_neighbour(data: object, kind: Any, failure: _Unreadable) -> Any:
    """Read a scalar of another type whose meaning is sure."""
    match data:
        case bool():
            raise failure
        case int() if kind == Id:
            neighbour = str(data)
        case str() if _is_number(kind):
            neighbour = data.strip().lstrip("0") or "0"
        case _:
            raise failure
    try:
        return _convert(neighbour, kind)
    except _FAILURES:
        raise failure from None


def _is_number(kind: Any) -> bool:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return bare in (int, float)

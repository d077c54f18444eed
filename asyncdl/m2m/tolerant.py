"""Convert plain JSON to typed records, leaving out invalid parts that are not essential. Pure.

A reply is converted as a whole, which is fast. Only if that fails it is converted
part by part, and invalid parts are left out: a field that has a default counts as
absent, an element of a list or a map that lacks something essential (a field
without default) is dropped. A loss affects nothing else.

Unambiguous values of other types are accepted: numbers as text and text as numbers,
PHP's ``[]`` for an empty map, its map of ``"0"``, ``"1"``, … for a list, a single
record instead of a list of them.
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
"""An id. The only text that may be sent as a number."""

OnLoss: TypeAlias = Callable[[str, str], None]
"""Called with the path of a part that is left out, such as ``$[3].checksum``, and the reason;
never with a value."""


def ignore_loss(path: str, why: str) -> None:
    """Do nothing about a loss."""


def read_tolerantly(data: object, kind: type[T], on_loss: OnLoss = ignore_loss) -> T:
    """Convert plain JSON to ``kind``: scalars, structs, lists and maps of them.

    Args:
        data: As a JSON parser returns it.
        kind: Classes with a ``read`` method are converted by it; it raises
            ``ValueError`` for invalid values.
        on_loss: Called for everything that is left out, in order.
    Raises: msgspec.ValidationError, if something essential is missing or invalid.
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
"""Replies may be nested as deep as the parser allows; a part that is too deep is invalid."""


class _Unreadable(Portable, msgspec.ValidationError):
    """A value of the wrong type that cannot be converted unambiguously."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{why} - at `{path}`")
        self.path = path
        self.why = why


def _convert(data: object, kind: type[T]) -> T:
    return msgspec.convert(data, kind, strict=False, dec_hook=call_reader)


def call_reader(kind: type, value: object) -> object:
    """Convert a value by the ``read`` method of its class, for msgspec's ``dec_hook``."""
    reader = getattr(kind, "read", None)
    if reader is None:
        raise NotImplementedError(kind)
    return reader(value)


@dataclass(slots=True)
class _Reading:
    """One reply that cannot be converted as a whole."""

    losses: list[tuple[str, str]] = field(default_factory=list)

    def read(self, data: object, kind: Any, path: str) -> Any:
        """Return ``data`` as ``kind``; raise ``_Unreadable`` if that is impossible."""
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
        return _read_equivalent(data, kind, failure)

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
                self._note_loss(place, error)
        return kind(**values)

    def _read_list(self, data: object, kind: Any, path: str, failure: _Unreadable) -> list[object]:
        elements = _as_elements(data)
        if elements is None:
            # A list of one element is sometimes sent as the bare element.
            if not isinstance(data, dict) or get_origin(kind) is dict:
                raise failure
            return [self.read(data, kind, path)]
        places = ((f"{path}[{number}]", element) for number, element in enumerate(elements))
        return [element for _, element in self._read_each(places, kind)]

    def _read_map(self, data: Mapping[str, object], kind: Any, path: str) -> dict[str, object]:
        places = ((f"{path}[...]", value) for value in data.values())
        read = dict(self._read_each(places, kind))
        return {key: read[number] for number, key in enumerate(data) if number in read}

    def _read_each(
        self, elements: Iterator[tuple[str, object]], kind: Any
    ) -> list[tuple[int, object]]:
        """Return the valid elements, numbered; if all are invalid, raise the first error."""
        read: list[tuple[int, object]] = []
        known_losses = len(self.losses)
        first: _Unreadable | None = None
        for number, (place, element) in enumerate(elements):
            try:
                read.append((number, self.read(element, kind, place)))
            except _Unreadable as error:
                first = first or error
                self._note_loss(place, error)
        if first is not None and not read:
            # All elements are invalid: that must not be mistaken for an empty list.
            del self.losses[known_losses:]
            raise first
        return read

    def _note_loss(self, path: str, error: _Unreadable | RecursionError) -> None:
        if isinstance(error, _Unreadable) and error.path != path:
            self.losses.append((path, str(error)))
        else:
            self.losses.append((path, _why(error)))


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    # The path is our own: msgspec only knows the part that it was passed.
    return error.why if isinstance(error, _Unreadable) else str(error).partition(" - at ")[0]


def _alternatives(kind: Any) -> Iterator[Any]:
    """Yield the types that a value may have, except null."""
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


def _read_equivalent(data: object, kind: Any, failure: _Unreadable) -> Any:
    """Convert a scalar of another type whose meaning is unambiguous."""
    match data:
        case bool():
            raise failure
        case int() if kind == Id:
            equivalent = str(data)
        case str() if _is_number(kind):
            equivalent = data.strip().lstrip("0") or "0"
        case _:
            raise failure
    try:
        return _convert(equivalent, kind)
    except _FAILURES:
        raise failure from None


def _is_number(kind: Any) -> bool:
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return bare in (int, float)

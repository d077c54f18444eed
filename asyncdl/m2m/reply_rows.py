"""The rows of long responses, read when their turn comes. Pure.

The options of a batch of scenes have ten megabytes, and each of a scene's products repeats all
single files of the scene; the queue of a large job has a row for each file. As objects all of it
would take ten times the memory of the text, and reading it a fifth of a second. So rows stay text
until their turn has come, and a list of single files that was there before is read once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
import orjson
from msgspec import Raw, Struct

from asyncdl.m2m.models import DownloadOption, Json
from asyncdl.m2m.tolerant import OnLoss, call_reader, ignore_loss, read_tolerantly

T = TypeVar("T")

_SINGLES = "secondaryDownloads"

_Singles: TypeAlias = list[DownloadOption] | None


@dataclass(frozen=True, slots=True)
class RawRows:
    """A long list in a response; each of its elements is still JSON text."""

    rows: Sequence[Raw] = field(repr=False)

    def plain(self) -> Json:
        """Return the list as plain JSON. Raises: orjson.JSONDecodeError."""
        return [orjson.loads(bytes(row)) for row in self.rows]


@dataclass(frozen=True, slots=True)
class ReplyRows(Generic[T]):
    """The elements of a long list, in order; iterate over it for one after the other.

    Each iteration reads the text again. Rows that lack something essential are left out.

    Raises: msgspec.ValidationError, after the last row, if all of them were left out.
    """

    rows: Sequence[Raw] = field(repr=False)
    kind: type[T]
    """What a row is, a reply."""
    on_loss: OnLoss = ignore_loss
    """Called for everything that is left out."""

    def __iter__(self) -> Iterator[T]:
        losses = _Losses(self.on_loss)
        for number in range(len(self.rows)):
            with losses.row(number):
                row = _read_part_by_part(number, self.rows[number], self.kind, self.on_loss)
                losses.are_all = False
                yield row
        losses.check()


class _Losses:
    """The rows that were left out, and whether all of them were."""

    def __init__(self, on_loss: OnLoss) -> None:
        self._on_loss = on_loss
        self._first: msgspec.ValidationError | None = None
        self.are_all = True

    @contextmanager
    def row(self, number: int) -> Iterator[None]:
        try:
            yield
        except msgspec.ValidationError as failure:
            self._first = self._first or failure
            self._on_loss(f"$[{number}]", str(failure))

    def check(self) -> None:
        if self.are_all and self._first is not None:
            # That must not be mistaken for an empty list.
            raise self._first


@dataclass(frozen=True, slots=True)
class OptionRows:
    """The products of scenes; iterate over it for the rows of one scene after the other.

    Scenes come in the order in which the response has their first rows. Otherwise as
    :class:`ReplyRows`.
    """

    rows: Sequence[Raw] = field(repr=False)
    on_loss: OnLoss = ignore_loss
    """Called for everything that is left out."""

    def __iter__(self) -> Iterator[list[DownloadOption]]:
        losses = _Losses(self.on_loss)
        for numbers in self._by_scene():
            lists: dict[bytes, _Singles] = {}
            scene: list[DownloadOption] = []
            for number in numbers:
                with losses.row(number):
                    scene.append(_read_row(number, self.rows[number], lists, self.on_loss))
            if scene:
                losses.are_all = False
                yield scene
        losses.check()

    def _by_scene(self) -> Iterable[list[int]]:
        numbers: dict[str, list[int]] = {}
        for number, row in enumerate(self.rows):
            numbers.setdefault(_entity_of(row), []).append(number)
        return numbers.values()


def by_scene(rows: Iterable[DownloadOption]) -> list[list[DownloadOption]]:
    """Group rows by their scenes, in the order of the first rows."""
    scenes: dict[str, list[DownloadOption]] = {}
    for row in rows:
        scenes.setdefault(row.entity_id, []).append(row)
    return list(scenes.values())


class _RowHead(Struct, rename="camel"):
    """The part of a row that says which scene it is of."""

    entity_id: Any = None


def _entity_of(row: Raw) -> str:
    try:
        return str(msgspec.json.decode(row, type=_RowHead).entity_id)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""


def _read_row(
    number: int, raw: Raw, lists: dict[bytes, _Singles], on_loss: OnLoss
) -> DownloadOption:
    """Read one row; ``lists`` has the single files of the scene's rows before.

    Raises: msgspec.ValidationError, if it lacks something essential.
    """
    try:
        fields = msgspec.json.decode(raw, type=dict[str, Raw])
        singles = _read_singles(fields.pop(_SINGLES, None), lists)
        data = {name: orjson.loads(bytes(value)) for name, value in fields.items()}
        row = msgspec.convert(data, DownloadOption, strict=False, dec_hook=call_reader)
        return msgspec.structs.replace(row, secondary_downloads=singles)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _read_part_by_part(number, raw, DownloadOption, on_loss)


def _read_singles(raw: Raw | None, lists: dict[bytes, _Singles]) -> _Singles:
    if raw is None:
        return None
    text = bytes(raw)
    if text not in lists:
        lists[text] = msgspec.convert(
            orjson.loads(text), list[DownloadOption] | None, strict=False, dec_hook=call_reader
        )
    return lists[text]


def _read_part_by_part(number: int, raw: Raw, kind: type[T], on_loss: OnLoss) -> T:
    place = f"$[{number}]"
    try:
        data = orjson.loads(bytes(raw))
    except orjson.JSONDecodeError as error:
        raise msgspec.ValidationError(f"it is not JSON - at `{place}`") from error
    try:
        return read_tolerantly(data, kind, _placed(on_loss, place))
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(str(error).replace("`$", f"`{place}", 1)) from error


def _placed(on_loss: OnLoss, place: str) -> Callable[[str, str], None]:
    return lambda path, why: on_loss(place + path.removeprefix("$"), why)

"""The ``metadataFilter`` of a search: conditions on single fields, and trees of them.

Source: API notes, sections 4.2 and 12a.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from itertools import pairwise
from typing import Any, Protocol, TypeAlias

from asyncdl.sandbox.fields import Field, fields_of
from asyncdl.sandbox.landsat_scenes import SandboxScene
from asyncdl.sandbox.refusal import invalid, required

Json: TypeAlias = Any


class Condition(Protocol):
    """One condition on the metadata of a scene."""

    def accepts(self, scene: SandboxScene) -> bool:
        """Return whether the scene meets it."""


@dataclass(frozen=True, slots=True)
class All:
    """All of some conditions."""

    conditions: tuple[Condition, ...]

    def accepts(self, scene: SandboxScene) -> bool:
        """Return whether the scene meets all of them."""
        return all(condition.accepts(scene) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of some conditions; false without any."""

    conditions: tuple[Condition, ...]

    def accepts(self, scene: SandboxScene) -> bool:
        """Return whether the scene meets one of them."""
        return any(condition.accepts(scene) for condition in self.conditions)


NOTHING = AnyOf(())
"""The condition of a ``filterId`` of another dataset: the result is empty, not an error."""
EVERYTHING = All(())
"""The condition of the empty value of a select field, labelled "All"."""


@dataclass(frozen=True, slots=True)
class Between:
    """A value between limits, both included: numbers as numbers, anything else as text."""

    field: Field
    lowest: str
    highest: str

    def accepts(self, scene: SandboxScene) -> bool:
        """Return whether the field's value is between the limits."""
        value = self.field.read(scene)
        return value is not None and _is_ordered(self.lowest, str(value), self.highest)


@dataclass(frozen=True, slots=True)
class Equals:
    """A field that equals a value, ignoring case."""

    field: Field
    value: str

    def accepts(self, scene: SandboxScene) -> bool:
        """Return whether the value is equal, or not above it if the field is a ceiling."""
        value = self.field.read(scene)
        if value is None:
            return False
        if self.field.is_ceiling:
            return _is_ordered("0", str(value), self.value)
        return _same(str(value), self.value)


@dataclass(frozen=True, slots=True)
class Like:
    """A text that matches an SQL pattern: ``%`` for any text, ``_`` for any character."""

    field: Field
    pattern: re.Pattern[str]

    def accepts(self, scene: SandboxScene) -> bool:
        """Return whether the whole value matches the pattern."""
        value = self.field.read(scene)
        return value is not None and self.pattern.fullmatch(str(value).strip()) is not None


def _same(value: str, wanted: str) -> bool:
    one, other = _keys(value, wanted)
    return bool(one == other)


def _is_ordered(*texts: str) -> bool:
    return all(low <= high for low, high in pairwise(_keys(*texts)))


def _keys(*texts: str) -> list[Any]:
    """Return sort keys of texts: all of them as numbers, or all as text."""
    try:
        return [float(text) for text in texts]
    except ValueError:
        # Dates have slashes in metadata and, from some clients, dashes.
        return [text.strip().upper().replace("-", "/") for text in texts]


_UNLISTED: Mapping[str, tuple[Field, ...]] = {
    "landsat_ot_c2_l1": (
        Field(
            id="5f6aa1a4e0985d4c",
            label="Land Cloud Cover",
            kind="Range",
            sql="CLOUD_COVER_LAND between ?",
            read=lambda scene: scene.cloud,
            link="",
        ),
    ),
}
"""Fields that ``dataset-filters`` no longer lists, but published programs still use."""


# --- reading ---------------------------------------------------------------------------


def read_metadata_filter(tree: Json, dataset: str) -> Condition:
    """Parse a ``metadataFilter`` of a search in a dataset.

    Raises: Refusal, for a shape that the service would not accept. An unknown ``filterId``
        is not an error: the service finds nothing then.
    """
    if not isinstance(tree, Mapping):
        raise invalid("The parameter metadataFilter must be an object")
    kind = str(_need(tree, "filterType")).lower()
    if kind in ("and", "or"):
        children = tuple(read_metadata_filter(child, dataset) for child in _children(tree))
        return All(children) if kind == "and" else AnyOf(children)
    if kind not in ("between", "value"):
        raise invalid("The metadataFilter filterType must be and, or, between or value")
    field = _field(dataset, str(_need(tree, "filterId")))
    condition = _between(tree, field) if kind == "between" else _value(tree, field)
    return condition if field else NOTHING


def _children(tree: Mapping[str, Json]) -> list[Json]:
    children = _need(tree, "childFilters")
    if not isinstance(children, list):
        raise invalid("The parameter childFilters must be a list")
    return children


def _field(dataset: str, field_id: str) -> Field | None:
    known = (*fields_of(dataset), *_UNLISTED.get(dataset, ()))
    return next((f for f in known if f.id_in(dataset) == field_id), None)


def _between(tree: Mapping[str, Json], field: Field | None) -> Condition:
    limits = _scalar(tree, "firstValue"), _scalar(tree, "secondValue")
    return Between(field, *limits) if field else NOTHING


def _value(tree: Mapping[str, Json], field: Field | None) -> Condition:
    value, operand = _scalar(tree, "value"), str(tree.get("operand") or "=").lower()
    if operand not in ("=", "like"):
        raise invalid("The metadataFilter operand must be = or like")
    if field is None:
        return NOTHING
    if field.values and value in ("", "All"):
        return EVERYTHING
    # Only text fields support "like"; numbers and list values are compared for equality.
    if operand == "like" and field.kind == "Text":
        return Like(field, _pattern(value))
    return Equals(field, value)


_GLOB_SIGNS = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}


def _pattern(value: str) -> re.Pattern[str]:
    # The recorded text fields have a filter named Like: without a % the value matches
    # anywhere in the text.
    wanted = value if "%" in value else f"%{value}%"
    glob = "".join(_GLOB_SIGNS.get(one, one) for one in wanted.strip())
    # Compiled by fnmatch, whose patterns do not backtrack.
    return re.compile(translate(glob), re.IGNORECASE)


def _scalar(tree: Mapping[str, Json], name: str) -> str:
    value = tree.get(name)
    if value is None:
        raise required(name)
    if not isinstance(value, str | int | float):
        raise invalid(f"The parameter {name} must be a text or a number")
    return str(value)


def _need(tree: Mapping[str, Json], name: str) -> Json:
    if tree.get(name) in (None, ""):
        raise required(name)
    return tree[name]

"""Conditions on scenes as a ``metadataFilter``: by field names, tier, satellite, and day or night.

Where a dataset has no field for a tier or satellite, scenes are filtered by product id; a
condition that neither can express is an error.

Source: API notes, sections 4.2 (the tree of a ``metadataFilter``) and 4.3 (the fields); the
recorded fields of five datasets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from asyncdl.errors import ConfigError
from asyncdl.m2m.bands import suggest
from asyncdl.m2m.models import DatasetFilter, Json
from asyncdl.m2m.naming import has_tiers, parse_ard_id, parse_product_id, satellites_of
from asyncdl.text import did_you_mean


def metadata_filter(
    fields: FieldsByName,
    metadata: Mapping[str, object],
    wrs: Sequence[tuple[int, int]] = (),
    others: Sequence[Json] = (),
) -> Json | None:
    """Return the ``metadataFilter`` that requires all conditions.

    Args:
        fields: Metadata fields of the dataset.
        metadata: Field name to a value, to a list of which one has to match, or to
            ``[lowest, highest]`` for a range field. ``*`` matches any text.
        wrs: Pairs of path and row, of which one has to match; any if empty.
        others: Further conditions.
    Returns: A tree of conditions; ``None`` if there are none.
    Raises: ConfigError, for a field or a value that the dataset does not have.
    """
    conditions = [
        _field_condition(fields.find(name, key="search.metadata"), wanted)
        for name, wanted in metadata.items()
    ]
    if wrs:
        conditions.append(_wrs_condition(fields, wrs))
    conditions.extend(others)
    return _all_of(conditions) if conditions else None


def _wrs_condition(fields: FieldsByName, wrs: Sequence[tuple[int, int]]) -> Json:
    path_field = fields.find("WRS Path", key="search.wrs")
    row_field = fields.find("WRS Row", key="search.wrs")
    return any_of(
        [
            _all_of([between(path_field, path, path), between(row_field, row, row)])
            for path, row in wrs
        ]
    )


class FieldsByName:
    """A dataset's metadata fields, found by normalized names.

    Args:
        dataset: Alias of the dataset, for messages.
        fields: The fields as the service lists them.
    """

    def __init__(self, dataset: str, fields: Iterable[DatasetFilter]) -> None:
        self._dataset = dataset
        self._by_name: dict[str, DatasetFilter] = {}
        self._labels: list[str] = []
        for known in fields:
            self._labels.append(known.field_label)
            # Labels may contain a hint: "Date L-1 Generated (Ex. YYYY/MM/DD)".
            plain = re.sub(r"\([^()]*\)", "", known.field_label)
            for name in (known.id, plain, known.field_label):
                self._by_name.setdefault(normalized_name(name), known)

    def get(self, name: str) -> DatasetFilter | None:
        """Return the field with this name, like :meth:`find`; ``None`` if there is none."""
        return self._by_name.get(normalized_name(name))

    @property
    def labels(self) -> tuple[str, ...]:
        """The service's labels of the fields."""
        return tuple(self._labels)

    def find(self, name: str, *, key: str) -> DatasetFilter:
        """Return the field with this label (ignoring case and punctuation) or id.

        Raises: ConfigError, for ``key``, listing the fields.
        """
        found = self.get(name)
        if found is None:
            hint = did_you_mean(suggest(name, self._labels))
            raise ConfigError(
                f"{self._dataset} has no metadata field {name!r}{hint}",
                key=key,
                allowed=", ".join(self._labels) or "none",
            )
        return found


def normalized_name(name: str) -> str:
    """Return a name in lower case, without spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _all_of(conditions: Sequence[Json]) -> Json:
    return _combined("and", conditions)


def any_of(conditions: Sequence[Json]) -> Json:
    """Return a condition that requires one of several; there has to be at least one."""
    return _combined("or", conditions)


def _combined(kind: str, conditions: Sequence[Json]) -> Json:
    if len(conditions) == 1:
        return conditions[0]
    return {"filterType": kind, "childFilters": list(conditions)}


def _field_condition(known: DatasetFilter, wanted: object) -> Json:
    if not isinstance(wanted, list | tuple):
        return _single_condition(known, wanted)
    if not wanted:
        raise _bad_value(known, wanted, "at least one value")
    if known.is_range and not any(isinstance(item, list | tuple) for item in wanted):
        return _range_condition(known, wanted)
    return any_of([_field_condition(known, item) for item in wanted])


def _range_condition(known: DatasetFilter, wanted: Sequence[object]) -> Json:
    bounds = [_scalar(known, bound) for bound in wanted]
    if len(bounds) != 2:
        raise _bad_value(known, wanted, "[lowest, highest]")
    return between(known, *bounds)


def _single_condition(known: DatasetFilter, wanted: object) -> Json:
    value = _scalar(known, wanted)
    if known.is_range:
        return between(known, value, value)
    text = _offered_value(known, str(value))
    return equal(known, text.replace("*", "%"), "like" if "*" in text or "%" in text else "=")


def equal(known: DatasetFilter, value: str, operand: str = "=") -> Json:
    """Return the condition that a field equals a value, or matches it with ``like``."""
    return {
        "filterType": "value",
        "filterId": known.id,
        "value": value,
        "operand": operand,
    }


def between(known: DatasetFilter, lowest: object, highest: object) -> Json:
    """Return the condition that a field's value is in a range, ends included."""
    return {
        "filterType": "between",
        "filterId": known.id,
        "firstValue": lowest,
        "secondValue": highest,
    }


def _scalar(known: DatasetFilter, value: object) -> str | int | float:
    if isinstance(value, date):
        return value.strftime("%Y/%m/%d")  # the format in the labels of date fields
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _bad_value(known, value, "a text, a number or a date")
    return value


def _offered_value(known: DatasetFilter, text: str) -> str:
    """Return the value of a select field, found by value or by label."""
    by_name = offered_values(known)
    if not by_name:
        return text
    if normalized_name(text) not in by_name:
        raise _bad_value(known, text, ", ".join(dict.fromkeys(by_name.values())))
    return by_name[normalized_name(text)]


def offered_values(known: DatasetFilter) -> dict[str, str]:
    """Return the values of a select field, by normalized values and labels."""
    offered = known.value_list if isinstance(known.value_list, dict) else {}
    by_name = {normalized_name(str(label)): str(value) for value, label in offered.items() if value}
    return by_name | {normalized_name(value): value for value in by_name.values()}


def _bad_value(known: DatasetFilter, value: object, allowed: str) -> ConfigError:
    return ConfigError(
        f"no such value for {known.field_label!r}",
        key="search.metadata",
        value=value,
        allowed=allowed,
    )


@dataclass(frozen=True, slots=True)
class SceneTraits:
    """Tier, satellite, and day or night of scenes; empty if it does not matter."""

    tier: tuple[str, ...] = ()
    """Of ``T1``, ``T2`` and ``RT``."""
    satellite: tuple[int, ...] = ()
    """Numbers of Landsat satellites, 1 to 9."""
    day_night: str = ""
    """``day`` or ``night``."""

    def __bool__(self) -> bool:
        return bool(self.tier or self.satellite or self.day_night)


IdTest = Callable[[str], bool]
"""Returns whether the scene with a display id is wanted."""


@dataclass(frozen=True, slots=True)
class TraitFilter:
    """Conditions for the service, and tests that are made here."""

    conditions: tuple[Json, ...]
    """For the ``metadataFilter``."""
    tests: tuple[IdTest, ...]
    """All have to pass."""

    def wants(self, display_id: str) -> bool:
        """Return whether a scene that the service found is wanted."""
        return all(test(display_id) for test in self.tests)


_FIELDS = {
    "tier": ("Collection Category",),
    "satellite": ("Satellite", "Spacecraft Identifier"),
    "day_night": ("Day/Night Indicator",),
}
"""Field labels of the datasets, by key of the config."""


def check_traits(dataset: str, traits: SceneTraits) -> None:
    """Check the traits against the dataset's name. Raises: ConfigError."""
    flown = satellites_of(dataset)
    for satellite in traits.satellite:
        if flown and satellite not in flown:
            allowed = ", ".join(map(str, sorted(flown)))
            problem = f"{dataset} has no scenes of this satellite"
            raise ConfigError(problem, key="search.satellite", value=satellite, allowed=allowed)
    if traits.tier and flown and not has_tiers(dataset):
        raise ConfigError(f"the tiles of {dataset} have no tier", key="search.tier", allowed="none")


def trait_filter(dataset: str, fields: FieldsByName, traits: SceneTraits) -> TraitFilter:
    """Return the filter for the wanted scenes.

    Raises: ConfigError, for a trait that is neither a field nor part of product ids.
    """
    conditions: list[Json] = []
    tests: list[IdTest] = []
    for key, wanted in _wanted_of(traits).items():
        if wanted:
            condition = _condition(_field(fields, key), key, wanted)
            if condition is not None:
                conditions.append(condition)
            else:
                tests.append(_test_by_id(dataset, fields, key, traits))
    return TraitFilter(tuple(conditions), tuple(tests))


def refuse_double_traits(
    fields: FieldsByName, traits: SceneTraits, metadata: Sequence[str]
) -> None:
    """Check that no field is set both by a key and in ``metadata``. Raises: ConfigError."""
    named = {known.id: name for name in metadata if (known := fields.get(name))}
    for key, wanted in _wanted_of(traits).items():
        known = _field(fields, key)
        if wanted and known and known.id in named:
            raise ConfigError(
                f"clashes with {named[known.id]!r} in metadata",
                key=f"search.{key}",
                allowed=f"one of {key}, metadata",
            )


def _wanted_of(traits: SceneTraits) -> dict[str, Sequence[str]]:
    return {
        "tier": traits.tier,
        "satellite": [str(number) for number in traits.satellite],
        "day_night": [traits.day_night] if traits.day_night else [],
    }


def _field(fields: FieldsByName, key: str) -> DatasetFilter | None:
    return next(filter(None, (fields.get(name) for name in _FIELDS[key])), None)


def _condition(known: DatasetFilter | None, key: str, wanted: Sequence[str]) -> Json | None:
    """Return the condition for one trait; ``None`` if the field lacks one of its values."""
    if known is None:
        return None
    if known.is_range:
        numbers = [int(value) for value in wanted if value.isdecimal()]
        return any_of([between(known, n, n) for n in numbers]) if numbers else None
    values = [_value_for(known, key, value) for value in wanted]
    offered = [value for value in values if value is not None]
    return any_of([equal(known, v) for v in offered]) if len(offered) == len(values) else None


def _value_for(known: DatasetFilter, key: str, wanted: str) -> str | None:
    """Return a field's spelling of a value; ``None`` if it does not have it."""
    spellings = [wanted.upper()]
    if key == "satellite":
        long = f"LANDSAT_{wanted}"
        is_short = normalized_name(known.field_label) == "satellite"
        spellings = [wanted, long] if is_short else [long, wanted]
    offered = offered_values(known)
    if not offered:
        return spellings[0]
    found = (offered.get(normalized_name(spelling)) for spelling in spellings)
    return next(filter(None, found), None)


def _test_by_id(dataset: str, fields: FieldsByName, key: str, traits: SceneTraits) -> IdTest:
    if key == "tier" and has_tiers(dataset):
        return lambda display_id: _tier_of(display_id) in traits.tier
    if key == "satellite" and satellites_of(dataset):
        return lambda display_id: _satellite_of(display_id) in traits.satellite
    raise ConfigError(
        f"{dataset} does not support this condition",
        key=f"search.{key}",
        value=traits.day_night or None,
        allowed=f"to leave it out, or metadata of {', '.join(fields.labels) or 'no field'}",
    )


def _tier_of(display_id: str) -> str | None:
    product = parse_product_id(display_id)
    return product.tier if product else None


def _satellite_of(display_id: str) -> int | None:
    read = parse_product_id(display_id) or parse_ard_id(display_id)
    return read.satellite if read else None

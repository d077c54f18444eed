"""Tier, satellite, and day or night: conditions that every dataset calls by names of its own.

Where a dataset cannot be searched by one of them, the product id may still say it; what neither
says is refused.

Source: API notes, section 4.3; the recorded fields of five datasets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asyncdl.errors import ConfigError
from asyncdl.m2m.models import DatasetFilter, Json
from asyncdl.m2m.naming import has_tiers, parse_ard_id, parse_product_id, satellites_of
from asyncdl.m2m.searching.conditions import (
    FieldsByName,
    any_of,
    between,
    equal,
    loose_name,
    offered_values,
)


@dataclass(frozen=True, slots=True)
class SceneTraits:
    """What kind of scenes are wanted; empty where it does not matter."""

    tier: tuple[str, ...] = ()
    """Of ``T1``, ``T2`` and ``RT``."""
    satellite: tuple[int, ...] = ()
    """Numbers of Landsat satellites, 1 to 9."""
    day_night: str = ""
    """``day`` or ``night``."""

    def __bool__(self) -> bool:
        return bool(self.tier or self.satellite or self.day_night)


IdTest = Callable[[str], bool]
"""Whether the scene of a display id is wanted."""


@dataclass(frozen=True, slots=True)
class TraitFilter:
    """What is left to the service, and what is decided here."""

    conditions: tuple[Json, ...]
    """For the ``metadataFilter``."""
    tests: tuple[IdTest, ...]
    """All have to hold."""

    def wants(self, display_id: str) -> bool:
        """Tell whether a scene that the service found is wanted."""
        return all(test(display_id) for test in self.tests)


_FIELDS = {
    "tier": ("Collection Category",),
    "satellite": ("Satellite", "Spacecraft Identifier"),
    "day_night": ("Day/Night Indicator",),
}
"""By key of the config: what the datasets call it."""


def check_traits(dataset: str, traits: SceneTraits) -> None:
    """Refuse what the dataset's name rules out. Raises: ConfigError."""
    flown = satellites_of(dataset)
    for satellite in traits.satellite:
        if flown and satellite not in flown:
            allowed = ", ".join(map(str, sorted(flown)))
            problem = f"{dataset} has no scenes of this satellite"
            raise ConfigError(problem, key="search.satellite", value=satellite, allowed=allowed)
    if traits.tier and flown and not has_tiers(dataset):
        raise ConfigError(f"the tiles of {dataset} have no tier", key="search.tier", allowed="none")


def trait_filter(dataset: str, fields: FieldsByName, traits: SceneTraits) -> TraitFilter:
    """Return how a search finds the wanted scenes and no others.

    Raises: ConfigError, for what can neither be searched nor be read from product ids.
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
    """Refuse a field that a key and ``metadata``, by its id, both set. Raises: ConfigError."""
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
    """Return the condition for one trait; ``None`` if the field does not offer all of it."""
    if known is None:
        return None
    if known.is_range:
        numbers = [int(value) for value in wanted if value.isdecimal()]
        return any_of([between(known, n, n) for n in numbers]) if numbers else None
    values = [_value_for(known, key, value) for value in wanted]
    offered = [value for value in values if value is not None]
    return any_of([equal(known, v) for v in offered]) if len(offered) == len(values) else None


def _value_for(known: DatasetFilter, key: str, wanted: str) -> str | None:
    """Return how a field spells a value; ``None`` if it does not offer it."""
    spellings = [wanted.upper()]
    if key == "satellite":
        long = f"LANDSAT_{wanted}"
        is_short = loose_name(known.field_label) == "satellite"
        spellings = [wanted, long] if is_short else [long, wanted]
    offered = offered_values(known)
    if not offered:
        return spellings[0]
    found = (offered.get(loose_name(spelling)) for spelling in spellings)
    return next(filter(None, found), None)


def _test_by_id(dataset: str, fields: FieldsByName, key: str, traits: SceneTraits) -> IdTest:
    if key == "tier" and has_tiers(dataset):
        return lambda display_id: _tier_of(display_id) in traits.tier
    if key == "satellite" and satellites_of(dataset):
        return lambda display_id: _satellite_of(display_id) in traits.satellite
    raise ConfigError(
        f"{dataset} cannot be searched by it",
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

"""Conditions on the metadata of scenes, from readable names and values.

Source: API notes, sections 4.2 (the tree of a ``metadataFilter``) and 4.3 (the fields).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from asyncdl.errors import ConfigError
from asyncdl.m2m.bands import suggest
from asyncdl.m2m.models import DatasetFilter, Json
from asyncdl.text import did_you_mean


def metadata_filter(
    fields: FieldsByName,
    metadata: Mapping[str, object],
    wrs: Sequence[tuple[int, int]] = (),
    others: Sequence[Json] = (),
) -> Json | None:
    """Return the ``metadataFilter`` under which all conditions hold.

    Args:
        fields: Of the dataset.
        metadata: Field name to a value, a list of which one has to match, or
            ``[lowest, highest]`` for a field with a range. ``*`` stands for any text.
        wrs: Pairs of path and row, of which one has to match; any when empty.
        others: Conditions that were made elsewhere.
    Returns: A tree of conditions; ``None`` if there are none.
    Raises: ConfigError, for a field or a value that the dataset has not.
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
    """A dataset's metadata fields, found by readable names that need not be exact.

    Args:
        dataset: Its alias, for messages.
        fields: As the service lists them.
    """

    def __init__(self, dataset: str, fields: Iterable[DatasetFilter]) -> None:
        self._dataset = dataset
        self._by_name: dict[str, DatasetFilter] = {}
        self._labels: list[str] = []
        for known in fields:
            self._labels.append(known.field_label)
            # Labels may carry advice: "Date L-1 Generated (Ex. YYYY/MM/DD)".
            plain = re.sub(r"\([^()]*\)", "", known.field_label)
            for name in (known.id, plain, known.field_label):
                self._by_name.setdefault(loose_name(name), known)

    def get(self, name: str) -> DatasetFilter | None:
        """Return the field of this name, as :meth:`find` does; ``None`` if there is none."""
        return self._by_name.get(loose_name(name))

    @property
    def labels(self) -> tuple[str, ...]:
        """How the service calls the fields."""
        return tuple(self._labels)

    def find(self, name: str, *, key: str) -> DatasetFilter:
        """Return the field of this name: its label, in any case and with any signs, or its id.

        Raises: ConfigError, for ``key``, listing the fields there are.
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


def loose_name(name: str) -> str:
    """Bring names that differ only in case, spaces and signs into one form."""
    return re.sub(r"[\W_]+", "", name).casefold()


def _all_of(conditions: Sequence[Json]) -> Json:
    return _combined("and", conditions)


def any_of(conditions: Sequence[Json]) -> Json:
    """Return a condition that holds where one of several does; there has to be one."""
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
    """Return the condition that a field has a value, or one that is ``like`` it."""
    return {
        "filterType": "value",
        "filterId": known.id,
        "value": value,
        "operand": operand,
    }


def between(known: DatasetFilter, lowest: object, highest: object) -> Json:
    """Return the condition that a field's value lies in a range, ends included."""
    return {
        "filterType": "between",
        "filterId": known.id,
        "firstValue": lowest,
        "secondValue": highest,
    }


def _scalar(known: DatasetFilter, value: object) -> str | int | float:
    if isinstance(value, date):
        return value.strftime("%Y/%m/%d")  # the form that the labels of date fields ask for
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _bad_value(known, value, "a text, a number or a date")
    return value


def _offered_value(known: DatasetFilter, text: str) -> str:
    """Find a value among those that a select field offers, by value or by label."""
    by_name = offered_values(known)
    if not by_name:
        return text
    if loose_name(text) not in by_name:
        raise _bad_value(known, text, ", ".join(dict.fromkeys(by_name.values())))
    return by_name[loose_name(text)]


def offered_values(known: DatasetFilter) -> dict[str, str]:
    """Return what a select field offers, by the loose names of values and labels."""
    offered = known.value_list if isinstance(known.value_list, dict) else {}
    by_name = {loose_name(str(label)): str(value) for value, label in offered.items() if value}
    return by_name | {loose_name(value): value for value in by_name.values()}


def _bad_value(known: DatasetFilter, value: object, allowed: str) -> ConfigError:
    return ConfigError(
        f"no such value for {known.field_label!r}",
        key="search.metadata",
        value=value,
        allowed=allowed,
    )

"""The order in which a search returns its scenes, if it asks for one.

Source: API notes, section 4.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asyncdl.sandbox.endpoints.payload import Json, Payload
from asyncdl.sandbox.fields import fields_of
from asyncdl.sandbox.refusal import invalid
from asyncdl.sandbox.scenes import SandboxScene


@dataclass(frozen=True, slots=True)
class SortOrder:
    """By what scenes are sorted; those without a value come first on the way up."""

    read: Callable[[SandboxScene], Any]
    is_down: bool

    def key(self, scene: SandboxScene) -> tuple[int, float, str]:
        """Return what sorts a scene: numbers before texts."""
        value = self.read(scene)
        if isinstance(value, int | float):
            return 1, float(value), ""
        return (0, 0.0, "") if value is None else (2, 0.0, str(value))


def read_order(payload: Payload, dataset: str) -> SortOrder | None:
    """Read ``sortField`` and ``sortDirection``, or the first of ``sortCustomization``.

    Returns: ``None`` without a field, and for one that nobody knows: the service's own order.
    Raises: Refusal, for a direction that is none.
    """
    name, direction = payload.get("sortField"), payload.get("sortDirection")
    customized = payload.get("sortCustomization")
    if not name and isinstance(customized, list) and customized:
        name, direction = customized[0].get("field_name"), customized[0].get("direction")
    way = str(direction or "ASC").upper()
    if way not in ("ASC", "DESC"):
        raise invalid("The sort direction must be ASC or DESC")
    read = _reader(name, dataset) if name else None
    return SortOrder(read, way == "DESC") if read else None


def _reader(name: Json, dataset: str) -> Callable[[SandboxScene], Any] | None:
    """Return what takes a field out of a scene: one of all datasets, or by label or id."""
    wanted = str(name).lower().replace(" ", "").replace("_", "")
    if wanted in _COMMON:
        return _COMMON[wanted]
    for field in fields_of(dataset):
        if str(name) in (field.id_in(dataset), field.label):
            return field.read
    return None


_COMMON: dict[str, Callable[[SandboxScene], Any]] = {
    "acquisitiondate": lambda scene: str(scene.acquired),
    "dateacquired": lambda scene: str(scene.acquired),
    "publishdate": lambda scene: scene.published,
    "cloudcover": lambda scene: scene.cloud,
    "displayid": lambda scene: scene.display_id,
    "entityid": lambda scene: scene.entity_id,
}

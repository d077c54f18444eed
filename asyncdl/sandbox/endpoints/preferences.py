"""Endpoints that keep what a user likes: preferences, and the layout of metadata.

Source: API notes, section 10.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, named_dataset, need
from asyncdl.sandbox.refusal import invalid
from asyncdl.sandbox.state import SandboxState


def user_preference_set(world: SandboxState, payload: Payload) -> Json:
    """``user-preference-set``: keep some settings of a system, beside those it has."""
    system, given = str(need(payload, "systemId")), need(payload, "userPreferences")
    if not isinstance(given, Mapping):
        raise invalid("The parameter userPreferences must be an object")
    world.preferences.setdefault(system, {}).update(given)
    return 1


def user_preference_get(world: SandboxState, payload: Payload) -> Json:
    """``user-preference-get``: the settings of a system, or of all, as a text that is JSON."""
    system, wanted = payload.get("systemId"), payload.get("setting")
    kept = world.preferences.get(str(system), {}) if system else world.preferences
    shown = {name: kept[name] for name in kept if not wanted or name in wanted}
    return orjson.dumps(shown).decode()


def get_customization(world: SandboxState, payload: Payload) -> Json:
    """``dataset-get-customization``: nobody has changed the layout of a dataset."""
    return {"datasetAlias": named_dataset(world, payload).alias, **_LAYOUT}


def get_customizations(world: SandboxState, payload: Payload) -> Json:
    """``dataset-get-customizations``: the same for several datasets."""
    return {
        name: get_customization(world, {"datasetName": name})
        for name in payload.get("datasetNames") or ()
    } or []


def _accept(world: SandboxState, payload: Payload) -> Json:
    """Take a layout, and keep it not: the sandbox shows none."""
    return 1


_LAYOUT: Mapping[str, Json] = {
    "excluded": False,
    "metadata": [],
    "searchSort": [],
    "fileGroups": [],
}

ENDPOINTS: Mapping[str, Endpoint] = {
    "user-preference-get": user_preference_get,
    "user-preference-set": user_preference_set,
    "dataset-get-customization": get_customization,
    "dataset-get-customizations": get_customizations,
    "dataset-set-customization": _accept,
    "dataset-set-customizations": _accept,
    "dataset-clear-customization": _accept,
}
FIXED = tuple(name for name in ENDPOINTS if name.startswith("dataset-"))
"""Those whose reply is always the same."""

"""Reading the parameters of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from asyncdl.sandbox.dataset_records import DATASETS, SandboxDataset
from asyncdl.sandbox.refusal import invalid, no_such_dataset, required, withdrawn
from asyncdl.sandbox.sandbox_state import SandboxState

Json: TypeAlias = Any
"""Plain JSON, as it goes over the wire."""
Payload: TypeAlias = Mapping[str, Json]
"""The parameters of a call."""
Endpoint: TypeAlias = Callable[[SandboxState, Payload], Json]
"""Takes the sandbox and the parameters; returns the ``data`` of the reply."""


def need(payload: Payload, name: str) -> Json:
    """Return a parameter.

    Raises: Refusal, if it is missing or empty.
    """
    value = payload.get(name)
    if value in (None, ""):
        raise required(name)
    return value


def whole(payload: Payload, name: str, default: int) -> int:
    """Return a whole number, or the default if it is missing.

    Raises: Refusal, if it is not a number.
    """
    value = payload.get(name)
    try:
        return default if value is None else int(value)
    except (TypeError, ValueError):
        raise invalid(f"{name} must be a number") from None


def named_dataset(state: SandboxState, payload: Payload) -> SandboxDataset:
    """Return the dataset that ``datasetName`` names.

    Raises: Refusal, if it is missing, unknown or withdrawn.
    """
    name = need(payload, "datasetName")
    dataset = find_dataset(name)
    if dataset is None:
        raise no_such_dataset(name)
    return open_dataset(state, dataset)


def find_dataset(name: Json) -> SandboxDataset | None:
    """Return the dataset of an alias, in upper or lower case."""
    return DATASETS.get(str(name).lower())


def alias_in(payload: Payload) -> str | None:
    """Return ``datasetName`` in lower case, or ``None`` where it is left out."""
    name = payload.get("datasetName")
    return str(name).lower() if name else None


def open_dataset(state: SandboxState, dataset: SandboxDataset) -> SandboxDataset:
    """Return a dataset that the user may use.

    Raises: Refusal, if it is withdrawn.
    """
    if dataset.alias == state.faults.withdrawn_dataset:
        raise withdrawn()
    return dataset


def entity_ids(payload: Payload) -> list[str]:
    """Return ``entityIds`` (a list, or one text with commas) or the single ``entityId``."""
    given = payload.get("entityIds") or payload.get("entityId") or []
    if isinstance(given, str):
        return [one.strip() for one in given.split(",") if one.strip()]
    return [str(one) for one in given]

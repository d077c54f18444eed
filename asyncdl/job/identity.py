"""By what a job is known again: its label at the service, and its config's fingerprint. Pure."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from asyncdl.config import DownloadConfig
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.m2m.downloads.selection import Wanted
from asyncdl.m2m.searching.scene_search import SceneQuery

HASHED_CHARS = 20
"""So many hex digits keep the jobs of a thousand accounts apart; a label has 50 characters."""


def label_of(service: str, username: str, directory: Path) -> str:
    """Return the label of a job that has none yet.

    It follows from the account, the machine and the directory: a run that has
    lost its journal finds its requests under the same label, and so spends no
    quota twice. The account's other jobs go by other labels.
    """
    facts = (service, username, socket.gethostname(), str(directory.absolute()))
    return "asyncdl-" + _hash_of("\0".join(facts).encode())


def fingerprint_of(search_plan: SearchPlan, products: Sequence[Wanted]) -> str:
    """Return what changes with the scenes or products that a config asks for, and only then."""
    named = [(type(product).__name__, product) for product in products]
    facts = (_facts_of(search_plan.query), search_plan.named, named)
    return _hash_of(msgspec.json.encode(facts, order="deterministic"))


def _facts_of(query: SceneQuery | None) -> dict[str, Any] | None:
    """Return what a query asks for; what is said about its area is no part of it."""
    if query is None:
        return None
    facts = {field.name: getattr(query, field.name) for field in fields(query)}
    facts["area"] = query.area.filters
    # Only where it counts, so that all other jobs are known again by older fingerprints.
    return facts | ({"ground": query.area.ground} if query.area.ground else {})


def search_mark_of(fingerprint: str, download: DownloadConfig) -> str:
    """Return what changes when a run has to look at all scenes again, not at new ones only.

    Args:
        fingerprint: Of what the config asks for.
        download: Says where files go and what they have to show.
    """
    facts = (fingerprint, str(download.layout), str(download.template_of_bundles), download.verify)
    return _hash_of("\0".join(facts).encode())


def _hash_of(facts: bytes) -> str:
    return hashlib.sha256(facts).hexdigest()[:HASHED_CHARS]

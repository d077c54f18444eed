"""What identifies a job: its label at the service, and the fingerprint of its config. Pure."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import msgspec

from asyncdl.config import DownloadConfig
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.m2m.downloads.selection import Wanted
from asyncdl.m2m.searching.scene_search import SceneQuery

HASHED_CHARS = 20
"""Enough hex digits to keep the jobs of a thousand accounts apart; a label has 50 characters."""


def label_of(service: str, username: str, target: str) -> str:
    """Return a label for a job that has none yet.

    It is derived from the account, the machine and the directory: a run that has
    lost its journal finds its requests under the same label, and so spends no
    quota twice. The account's other jobs have other labels.
    """
    facts = (service, username, socket.gethostname(), target)
    return "asyncdl-" + _hash_of("\0".join(facts).encode())


def fingerprint_of(search_plan: SearchPlan, products: Sequence[Wanted]) -> str:
    """Return a hash that changes with the scenes or products that a config asks for."""
    named = [(type(product).__name__, product) for product in products]
    facts: tuple[object, ...] = (_facts_of(search_plan.query), search_plan.named, named)
    if search_plan.window is not None:
        facts = (*facts, search_plan.window.name)
    return _hash_of(msgspec.json.encode(facts, order="deterministic"))


def _facts_of(query: SceneQuery | None) -> dict[str, Any] | None:
    """Return what a query selects; notes about its area are left out."""
    if query is None:
        return None
    facts = {field.name: getattr(query, field.name) for field in fields(query)}
    facts["area"] = query.area.filters
    # Only where it matters, so that fingerprints of all other jobs stay what they were.
    return facts | ({"ground": query.area.ground} if query.area.ground else {})


def search_mark_of(fingerprint: str, download: DownloadConfig) -> str:
    """Return a hash that changes when a run has to search all scenes again, not only new ones.

    Args:
        fingerprint: Of what the config asks for.
        download: Where files go, and how they are verified.
    """
    facts = (fingerprint, str(download.layout), str(download.template_of_bundles), download.verify)
    return _hash_of("\0".join(facts).encode())


def _hash_of(facts: bytes) -> str:
    return hashlib.sha256(facts).hexdigest()[:HASHED_CHARS]

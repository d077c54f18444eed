"""The check of the object store that a job's files go to."""

from __future__ import annotations

import secrets

from asyncdl.doctor.finding import Check, CheckState
from asyncdl.job.places.store_placer import StorePlace
from asyncdl.journal import STATE_FOLDER
from asyncdl.stores.object_store import open_store
from asyncdl.stores.pace import Pace

PATIENCE_S = 5.0
"""For a store that is away: a check is no run."""


def check_store(place: StorePlace) -> Check:
    """Return whether a store can be listed and written to; nothing is kept there. Blocks.

    Raises: ConfigError, StoreError.
    """
    store = open_store(place.settings, Pace(least_wait_s=PATIENCE_S))
    is_empty = next(store.list(), None) is None
    probe = f"{STATE_FOLDER}/doctor-{secrets.token_hex(4)}"
    store.put(b"", probe)
    store.delete(probe)
    holds = "nothing is there yet" if is_empty else "files are there"
    return Check("store", CheckState.OK, f"{store.address}: can be listed and written to; {holds}")

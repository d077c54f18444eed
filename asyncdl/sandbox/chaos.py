"""Everything at once: the faults of ``chaos``, which a good client survives.

In is what a client can come through within seconds, with every byte right and
nothing left over. What nobody knows of the real service (which validators and
digests it gives, how it names files, how its older host behaves) differs from
seed to seed, so that many seeds see many combinations.

Left out, and why:

- ``disabled``: such an item works again after minutes or hours (API notes, section
  3.1), so a run is right to report it and end.
- ``never``, ``fails``, ``vanishes``, ``invalid_scenes``, ``not_offered``,
  ``withdrawn_dataset``, ``removed_endpoint``: no client can get these files.
- ``eula``: whether an agreement is accepted is the user's affair.
- ``bundle_changes``: there would be no right bytes to compare with.
- ``corrupt_members``, ``members_missing``: what proves a member are the digests of
  STAC, and STAC fails here too.
- outages of the API and of the file hosts: they last; tests turn them on and off.
- ``strikes = 0`` and ``corrupt_times = 0``: whatever strikes for ever wins.

``corrupt`` comes with ``checksums``, for without a digest nobody could tell.
"""

from __future__ import annotations

import random
from typing import Any

_STALL_S = 0.3
"""Long enough to be a pause, short enough for a test to wait for the end of it."""


def shares_of_chaos() -> dict[str, Any]:
    """Return what strikes under every seed, by the names of the faults."""
    return {
        "api_rate_limit": 0.03,
        "api_unavailable": 0.03,
        "key_calls": 9,
        "preparing": 0.3,
        "polls": 1,
        "duplicates": 0.1,
        "proxied": 0.1,
        "dds": 0.1,
        "refuse": 0.03,
        "gone": 0.03,
        "login_redirect": 0.03,
        "no_length": 0.05,
        "short_body": 0.1,
        "reset": 0.05,
        "stall": 0.03,
        "stall_s": _STALL_S,
        "html": 0.05,
        "error": 0.1,
        "corrupt": 0.1,
        "checksums": True,
        "max_connections": 3,
        "retry_after_s": 0,
        "stac_error": 0.2,
        "stac_missing": 0.2,
    }


def switches_of_chaos(seed: int) -> dict[str, Any]:
    """Return what one seed decides: everything that is unknown of the real service."""
    draw = random.Random(f"chaos {seed}")
    return {
        "auth_status": draw.choice((200, 401, 403)),
        "busy_status": draw.choice((429, 503)),
        "disposition": draw.choice(("quoted", "unquoted", "missing")),
        "etag": draw.random() < 0.7,
        "last_modified": draw.random() < 0.5,
        "bundle_etag": draw.random() < 0.5,
        "ranges": draw.random() < 0.9,
        "bundle_ranges": draw.random() < 0.5,
        "dds_redirect": draw.random() < 0.5,
        "staging_html": draw.random() < 0.5,
        "stac_down": draw.random() < 0.2,
        "preparing_listed": draw.random() < 0.5,
        "repeats": draw.choice(("anew", "duplicate", "old")),
        "early_replies": draw.random() < 0.3,
    }

"""What clients have left behind: the manners of a client, seen at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncdl.sandbox.links import target_of
from asyncdl.sandbox.state import SandboxState


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """What is still there; a client with good manners leaves ``Leftovers()``."""

    entries: Mapping[str, int] = field(default_factory=dict)
    """Downloads in the queue, by label."""
    scene_lists: tuple[str, ...] = ()
    """Names of the scene lists."""
    open_keys: int = 0
    """API keys that are good: sessions that have not logged out. A client that was killed
    leaves one, until it expires."""
    unreported: tuple[str, ...] = ()
    """Names of proxied files that were fetched without a ``download-complete-proxied``."""


def leftovers_of(world: SandboxState) -> CleanupReport:
    """Look at everything that a client should have tidied up."""
    items = list(world.queue)
    return CleanupReport(
        entries=dict(Counter(item.label for item in items)),
        scene_lists=tuple(world.scene_lists.names),
        open_keys=world.account.open_keys,
        unreported=tuple(target_of(world, i).file_name for i in items if i.is_unreported),
    )

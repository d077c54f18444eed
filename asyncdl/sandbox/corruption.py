"""Wrong bytes in a right form: what only a digest, or a look at the members, can tell."""

from __future__ import annotations

from asyncdl.sandbox.bundles import Flipped
from asyncdl.sandbox.delivery import Delivery
from asyncdl.sandbox.lookup import Requestable
from asyncdl.sandbox.product_rows import members_of
from asyncdl.sandbox.world import World


def corrupt(world: World, delivery: Delivery) -> None:
    """Flip one bit of what is about to be sent, if it is this file's turn."""
    fault = "corrupt_members" if delivery.target.is_bundle else "corrupt"
    if delivery.request.method == "HEAD" or not _is_due(world, fault, delivery.name):
        return
    where = world.faults.spot(delivery.name, delivery.nth)
    spot = delivery.content.soft_spot(delivery.start, delivery.stop, where)
    if spot is not None:
        delivery.content = Flipped(delivery.content, spot)
        _note(world, fault, delivery.name)


def lacking_member(world: World, target: Requestable) -> int | None:
    """Return the index of the file that a bundle lacks this time, if it lacks one."""
    name = target.file_name
    if not _is_due(world, "members_missing", name):
        return None
    members = members_of(target.scene, target.row) if target.row else ()
    if not members:
        return None
    _note(world, "members_missing", name)
    return members[int(world.faults.spot(name, 0) * len(members))].index


def _is_due(world: World, fault: str, name: str) -> bool:
    faults = world.faults
    if not faults.picks(fault, name):
        return False
    return not faults.corrupt_times or world.ledger.spoilt[_key(fault, name)] < faults.corrupt_times


def _note(world: World, fault: str, name: str) -> None:
    world.ledger.spoilt.count(_key(fault, name))


def _key(fault: str, name: str) -> str:
    return f"{fault} {name}"

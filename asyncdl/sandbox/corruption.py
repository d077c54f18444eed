"""What a broken host sends: pages of an outage, and wrong bytes in a right form.

Source: API notes, sections 3.2 and 7.1.
"""

from __future__ import annotations

from aiohttp import web

from asyncdl.sandbox.bundles import Flipped
from asyncdl.sandbox.delivery import Delivery
from asyncdl.sandbox.faults import DownMode
from asyncdl.sandbox.lookup import Requestable
from asyncdl.sandbox.product_rows import members_of
from asyncdl.sandbox.state import SandboxState

_PAGE = "<!DOCTYPE html><html><body><h1>Down for maintenance</h1></body></html>"


def maintenance(status: int = 503) -> web.Response:
    """Return the page that says so."""
    return web.Response(status=status, text=_PAGE, content_type="text/html")


def down_answer(request: web.Request, mode: DownMode) -> web.Response:
    """Return what a host that is down answers with; cut the connection if with nothing."""
    if mode == "refuse" and request.transport is not None:
        request.transport.abort()
    return maintenance(200 if mode == "html" else 503)


def corrupt(world: SandboxState, delivery: Delivery) -> None:
    """Flip one bit of what is about to be sent, if it is this file's turn."""
    fault = "corrupt_members" if delivery.target.is_bundle else "corrupt"
    if delivery.request.method == "HEAD" or not _is_due(world, fault, delivery.name):
        return
    where = world.faults.spot(delivery.name, delivery.nth)
    spot = delivery.content.soft_spot(delivery.start, delivery.stop, where)
    if spot is not None:
        delivery.content = Flipped(delivery.content, spot)
        _note(world, fault, delivery.name)


def lacking_member(world: SandboxState, target: Requestable) -> int | None:
    """Return the index of the file that a bundle lacks this time, if it lacks one."""
    name = target.file_name
    if not _is_due(world, "members_missing", name):
        return None
    members = members_of(target.scene, target.row) if target.row else ()
    if not members:
        return None
    _note(world, "members_missing", name)
    return members[int(world.faults.spot(name, 0) * len(members))].index


def _is_due(world: SandboxState, fault: str, name: str) -> bool:
    faults = world.faults
    if not faults.picks(fault, name):
        return False
    return not faults.corrupt_times or world.ledger.spoilt[_key(fault, name)] < faults.corrupt_times


def _note(world: SandboxState, fault: str, name: str) -> None:
    world.ledger.spoilt.count(_key(fault, name))


def _key(fault: str, name: str) -> str:
    return f"{fault} {name}"

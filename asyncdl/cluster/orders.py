"""Orders: file requests as plain data, for another process. Pure.

What a :class:`~asyncdl.transfer.FileRequest` holds as a function stays with the coordinator, or
becomes data: a URL that is refused is reported, and replaced by a message; where the service is,
which names the URL, is a number; and members are unpacked by a plan.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from asyncdl.job.places.delivery import DeliveryPlan, DeliveryRequest, FileDelivery
from asyncdl.job.places.raster_cut import RasterCut
from asyncdl.net.addresses import Zone
from asyncdl.transfer import Digest, FileRequest, Form, Recheck
from asyncdl.transfer.verification.archive import Unpack


class FileOrder(Struct, frozen=True, omit_defaults=True):
    """One file request, as it travels to an agent. Its ``repr`` has no URL and no header."""

    number: int
    """Its name between coordinator and agent, unique in a run."""
    url: str
    directory: str
    name: str | None = None
    size_bytes: int | None = None
    digests: tuple[Digest, ...] = ()
    members: dict[str, tuple[Digest, ...]] = field(default_factory=dict)
    fingerprint: str | None = None
    form: Form | None = None
    key: str = ""
    headers: dict[str, str | None] = field(default_factory=dict)
    is_renewable: bool = False
    """Whether the coordinator has a fresh URL when this one is refused."""
    named_by: str | None = None
    max_zone: int | None = None
    """The zone of the service that named the URL, where the coordinator knows it."""
    overwrite: bool = False
    resume: bool | None = None
    mirrors: tuple[str, ...] = ()
    recheck: Recheck = Recheck.NEVER
    remote_time: bool = False
    accept_html: bool = False
    connections: int | None = None
    delivery: DeliveryPlan | None = None
    """What is done with it once it is verified; ``None`` leaves it where it was received."""
    excerpt: RasterCut | None = None
    """What is wanted of it, if not all."""
    keeps_source: bool = False

    def __repr__(self) -> str:
        return f"<order {self.number}: {self.key}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Return what a debugger may show."""
        return [("number", self.number)]


def order_of(
    request: FileRequest, number: int, *, url: str = "", spool: Path | None = None
) -> FileOrder:
    """Return a request as an order.

    Args:
        request: Its ``unpack`` is that of its delivery, its ``excerpt`` of a
            :class:`RasterCut`, or ``None``.
        number: Of the order.
        url: The latest URL, if that of the request was replaced.
        spool: The folder in which this process would receive it, if workers receive it in
            folders of their own.
    Raises: TypeError, if ``unpack`` or ``excerpt`` is a function, which cannot travel.
    """
    return FileOrder(
        number=number,
        url=url or request.url,
        directory=_directory_of(request, spool),
        name=request.name,
        size_bytes=request.size_bytes,
        digests=request.digests,
        members=dict(request.members),
        fingerprint=request.fingerprint,
        form=request.form,
        key=request.key,
        headers=dict(request.headers),
        is_renewable=request.refresh is not None,
        named_by=request.named_by,
        max_zone=None if request.named_from is None else int(request.named_from()),
        overwrite=request.overwrite,
        resume=request.resume,
        mirrors=request.mirrors,
        recheck=request.recheck,
        remote_time=request.remote_time,
        accept_html=request.accept_html,
        connections=request.connections,
        delivery=_plan_of(request),
        excerpt=_cut_of(request),
        keeps_source=request.keeps_source,
    )


def _directory_of(request: FileRequest, spool: Path | None) -> str:
    if spool is None:
        return str(request.directory)
    return request.directory.relative_to(spool).as_posix()


def _cut_of(request: FileRequest) -> RasterCut | None:
    if request.excerpt is None:
        return None
    cut = getattr(request.excerpt, "__self__", None)
    if not isinstance(cut, RasterCut):
        raise TypeError("FileRequest.excerpt: a function cannot be sent to a worker")
    return cut


def _plan_of(request: FileRequest) -> DeliveryPlan | None:
    delivery = delivery_in(request)
    plan = None if delivery is None else delivery.plan
    if request.unpack is not None and (plan is None or plan.members is None):
        raise TypeError("FileRequest.unpack: a function cannot be sent to a worker")
    return plan


def delivery_in(request: FileRequest) -> FileDelivery | None:
    """Return a file's way to its places, if the request has one."""
    return request.delivery if isinstance(request, DeliveryRequest) else None


def request_of(
    order: FileOrder,
    refresh: Callable[[], Awaitable[str]] | None = None,
    unpack: Callable[[], Unpack] | None = None,
    *,
    spool: Path | None = None,
) -> FileRequest:
    """Return the request that an order stands for.

    Args:
        order: From :func:`order_of`.
        refresh: Asks the coordinator for a fresh URL; used only if it has one.
        unpack: Begins to unpack by the order's plan.
        spool: The folder in which this worker receives files, if it is its own.
    """
    zone = None if order.max_zone is None else Zone(order.max_zone)
    return FileRequest(
        url=order.url,
        directory=Path(order.directory) if spool is None else spool / order.directory,
        name=order.name,
        size_bytes=order.size_bytes,
        digests=order.digests,
        members=order.members,
        fingerprint=order.fingerprint,
        unpack=unpack,
        excerpt=None if order.excerpt is None else order.excerpt.begin,
        keeps_source=order.keeps_source,
        form=order.form,
        key=order.key,
        headers=order.headers,
        refresh=refresh if order.is_renewable else None,
        named_by=order.named_by,
        named_from=None if zone is None else lambda: zone,
        overwrite=order.overwrite,
        resume=order.resume,
        mirrors=order.mirrors,
        recheck=order.recheck,
        remote_time=order.remote_time,
        accept_html=order.accept_html,
        connections=order.connections,
    )

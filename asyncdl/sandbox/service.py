"""Start and stop a sandbox, and look into it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

from aiohttp import web

from asyncdl.background import require_asyncio
from asyncdl.sandbox.account import Account
from asyncdl.sandbox.admin_api import PATH as DOOR_PATH
from asyncdl.sandbox.admin_api import AdminApi
from asyncdl.sandbox.api import PATH as API_PATH
from asyncdl.sandbox.api import Api
from asyncdl.sandbox.catalog import Catalog
from asyncdl.sandbox.cleanup_report import CleanupReport, leftovers_of
from asyncdl.sandbox.expected_files import ExpectedFiles
from asyncdl.sandbox.faults import Faults
from asyncdl.sandbox.files import FileHost
from asyncdl.sandbox.links import signed_url
from asyncdl.sandbox.lookup import find_target
from asyncdl.sandbox.queue import ServedQueue
from asyncdl.sandbox.request_log import Call, LoggedFileRequest, RecentCounts, RequestLog
from asyncdl.sandbox.scene_lists import ServedSceneLists
from asyncdl.sandbox.signing import Signer
from asyncdl.sandbox.stac_service import PATH as STAC_PATH
from asyncdl.sandbox.stac_service import StacService
from asyncdl.sandbox.state import SandboxState
from asyncdl.sandbox.visitors import keeping_pages_out

_MAX_BODY_BYTES = 64 * 2**20
"""Fifty thousand entity ids fit easily."""
_SHUTDOWN_S = 0.05
_NOT_REQUESTED = 0
"""The download id of a file that is in no queue."""


class Service:
    """A running sandbox: where it is, and what it has seen."""

    def __init__(self, world: SandboxState, truth: ExpectedFiles, token: str) -> None:
        self._world = world
        self._truth = truth
        self._token = token

    def __repr__(self) -> str:
        return f"<Service at {self.origin}>"

    @property
    def origin(self) -> str:
        """``http://host:port``."""
        return self._world.origin

    @property
    def url(self) -> str:
        """Base URL of the API, with a slash at the end."""
        return self.origin + API_PATH

    @property
    def stac_url(self) -> str:
        """Base URL of the STAC service."""
        return self.origin + STAC_PATH

    @property
    def username(self) -> str:
        """The one user there is."""
        return self._world.account.username

    @property
    def token(self) -> str:
        """The user's application token."""
        return self._token

    @property
    def faults(self) -> Faults:
        """What goes wrong; may be changed, or replaced, at any time."""
        return self._world.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._world.faults = faults

    @property
    def catalog(self) -> Catalog:
        """All scenes."""
        return self._world.catalog

    @property
    def queue(self) -> ServedQueue:
        """What was requested and not removed."""
        return self._world.queue

    @property
    def scene_lists(self) -> ServedSceneLists:
        """The scene lists that exist."""
        return self._world.scene_lists

    @property
    def leftovers(self) -> CleanupReport:
        """What clients have not tidied up: queue entries, scene lists, keys."""
        return leftovers_of(self._world)

    @property
    def running(self) -> str | None:
        """Endpoint of the API call that is being served, if one is."""
        return self._world.account.running

    @property
    def calls(self) -> Counter[str]:
        """API calls by endpoint, the refused ones too."""
        return self._world.ledger.calls

    @property
    def call_log(self) -> deque[Call]:
        """The latest API calls, oldest first."""
        return self._world.ledger.call_log

    @property
    def file_requests(self) -> RecentCounts:
        """Requests for data by file name."""
        return self._world.ledger.file_counts

    @property
    def file_log(self) -> deque[LoggedFileRequest]:
        """The latest requests to the file host, in the order they ended."""
        return self._world.ledger.file_log

    @property
    def violations(self) -> list[str]:
        """What the real service would have frowned on."""
        return self._world.ledger.violations

    @property
    def remarks(self) -> list[str]:
        """What clients do and the service bears, such as opening staging URLs too early."""
        return self._world.ledger.remarks

    @property
    def truth(self) -> ExpectedFiles:
        """What all files really hold."""
        return self._truth

    @property
    def watch(self) -> Callable[[str], None]:
        """Called at each moment, in the loop, before anything more happens.

        The moments are ``<endpoint> called`` and ``<endpoint> answered``, when the reply
        is made and not yet sent, ``<file> flows`` for each portion of a body, and
        ``<file> sent`` at the end of one, as it came.
        """
        return self._world.ledger.watch

    @watch.setter
    def watch(self, watch: Callable[[str], None]) -> None:
        self._world.ledger.watch = watch

    def file_bytes(self, name: str) -> bytes:
        """Return the true content of a file such as ``…_SR_B4.TIF``, or of a ``….tar``.

        Where two entities have a file of the same name: of ``<entity id>/<file name>``.

        Raises: KeyError, if there is no such file.
        """
        return self._truth.bytes_of(name)

    def file_url(self, name: str) -> str:
        """Return a fresh URL of a file, named as for :meth:`file_bytes`; nobody need ask for it.

        Raises: KeyError, if there is no such file.
        """
        target = find_target(self._world.catalog, name)
        if target is None:
            raise KeyError(name)
        return signed_url(self._world, target, _NOT_REQUESTED)

    def bundle_bytes(self, product_id: str) -> bytes:
        """Return the true content of a bundle, as it is while ``bundle_changes`` is off.

        Raises: KeyError, if there is no such product.
        """
        return self._truth.bytes_of(f"{product_id}.tar")

    def publish(self, product_id: str) -> None:
        """Add a scene, ingested on the day its id says it was processed.

        With the id of a scene that is there and another day of processing it is that scene
        processed anew; the old one stays until it is withdrawn.

        Raises: ValueError, if ``product_id`` is no id of a Landsat product or U.S. tile.
        """
        self._world.catalog.publish(product_id)

    def withdraw(self, product_id: str, day: date | None = None) -> None:
        """Delete a scene, today or on some day. Raises: KeyError, if there is none of this id."""
        self._world.catalog.withdraw(product_id, day or datetime.now(UTC).date())

    def expire_keys(self) -> None:
        """Let every API key be expired, as after two idle hours."""
        self._world.account.expire_keys()

    def expire_urls(self) -> None:
        """Let every file URL handed out so far be refused."""
        self._world.signer.expire_all()


@asynccontextmanager
async def serve(
    *,
    scenes: Sequence[str] = (),
    generated: int = 0,
    faults: Faults | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    username: str = "sandbox",
    token: str = "sandbox-token",
    raster_pixels: int = 64,
    file_size: int | None = None,
    seed: int = 0,
    keep: int = 10_000,
) -> AsyncIterator[Service]:
    """Serve the sandbox while the context is open.

    Args:
        scenes: Ids of scenes and U.S. tiles beside those that are always there.
        generated: How many computed scenes there are besides.
        faults: What goes wrong; nothing by default.
        host: Address to listen on.
        port: 0 takes a free one.
        username: The one user.
        token: The user's application token.
        raster_pixels: Width and height of all rasters.
        file_size: Bytes of each raster file, in place of ``raster_pixels``; 1024 or more.
        seed: Another seed makes other pixels and other signatures.
        keep: How many calls, file requests and file names are remembered.
    Yields: The running service.
    Raises: ValueError, for an id in ``scenes`` that is none, or an impossible ``file_size``;
        OSError, if the port is taken.
    """
    require_asyncio("The sandbox")
    truth = ExpectedFiles(
        scenes=scenes,
        generated=generated,
        raster_pixels=raster_pixels,
        file_size=file_size,
        seed=seed,
    )
    signer = Signer(seed, time.time)
    world = SandboxState(
        catalog=truth.catalog,
        archive=truth.archive,
        account=Account(username, token, signer),
        signer=signer,
        ledger=RequestLog(keep),
        faults=faults or Faults(),
    )
    # Answers that still run when the sandbox ends are cut off, not waited for.
    runner = web.AppRunner(_application(world), access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        world.addresses = tuple(address for address, *_ in runner.addresses)
        world.origin = f"http://{_in_url(host)}:{runner.addresses[0][1]}"
        yield Service(world, truth, token)
    finally:
        await runner.cleanup()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _application(world: SandboxState) -> web.Application:
    keep_out = keeping_pages_out(world, (API_PATH, STAC_PATH, DOOR_PATH))
    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[keep_out])
    for part in (Api(world), FileHost(world), StacService(world), AdminApi(world)):
        part.add_routes(app)
    return app

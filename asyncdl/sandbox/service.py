"""Start and stop a sandbox, and inspect it."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

from aiohttp import web

from asyncdl.background import require_asyncio
from asyncdl.sandbox.account import Account
from asyncdl.sandbox.admin_api import PATH as ADMIN_PATH
from asyncdl.sandbox.admin_api import AdminApi, CleanupReport, make_cleanup_report
from asyncdl.sandbox.api import PATH as API_PATH
from asyncdl.sandbox.api import Api
from asyncdl.sandbox.file_contents import ExpectedFiles
from asyncdl.sandbox.file_host import FileHost
from asyncdl.sandbox.injected_faults import Faults
from asyncdl.sandbox.links import signed_url
from asyncdl.sandbox.lookup import find_target
from asyncdl.sandbox.origin_check import refuse_web_pages
from asyncdl.sandbox.request_log import Call, LoggedFileRequest, RecentCounts, RequestLog
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.scene_catalog import Catalog
from asyncdl.sandbox.served_queue import ServedQueue
from asyncdl.sandbox.served_scene_lists import ServedSceneLists
from asyncdl.sandbox.signing import Signer
from asyncdl.sandbox.stac_service import PATH as STAC_PATH
from asyncdl.sandbox.stac_service import StacService

_MAX_BODY_BYTES = 64 * 2**20
"""Fifty thousand entity ids fit easily."""
_SHUTDOWN_S = 0.05
_NOT_REQUESTED = 0
"""The download id of a file that is in no queue."""


class Service:
    """A running sandbox: its addresses, its state, and the requests so far."""

    def __init__(self, state: SandboxState, expected_files: ExpectedFiles, token: str) -> None:
        self._state = state
        self._expected_files = expected_files
        self._token = token
        self._loop = asyncio.get_running_loop()

    def __repr__(self) -> str:
        return f"<Service at {self.origin}>"

    @property
    def is_served_here(self) -> bool:
        """Whether it runs on the event loop of this thread, which must not be blocked then."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    @property
    def origin(self) -> str:
        """``http://host:port``."""
        return self._state.origin

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
        """The only user."""
        return self._state.account.username

    @property
    def token(self) -> str:
        """The user's application token."""
        return self._token

    @property
    def faults(self) -> Faults:
        """The faults; can be changed or replaced at any time."""
        return self._state.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._state.faults = faults

    @property
    def catalog(self) -> Catalog:
        """All scenes."""
        return self._state.catalog

    @property
    def queue(self) -> ServedQueue:
        """Downloads that were requested and not removed."""
        return self._state.queue

    @property
    def scene_lists(self) -> ServedSceneLists:
        """The scene lists that exist."""
        return self._state.scene_lists

    @property
    def cleanup_report(self) -> CleanupReport:
        """What clients have not cleaned up: queue entries, scene lists, keys."""
        return make_cleanup_report(self._state)

    @property
    def running(self) -> str | None:
        """Endpoint of the API call that is being served, if one is."""
        return self._state.account.running

    @property
    def calls(self) -> Counter[str]:
        """Number of API calls by endpoint, including refused ones."""
        return self._state.request_log.calls

    @property
    def call_log(self) -> deque[Call]:
        """The latest API calls, oldest first."""
        return self._state.request_log.call_log

    @property
    def file_requests(self) -> RecentCounts:
        """Requests for data by file name."""
        return self._state.request_log.file_counts

    @property
    def file_log(self) -> deque[LoggedFileRequest]:
        """The latest requests to the file host, in the order they ended."""
        return self._state.request_log.file_log

    @property
    def violations(self) -> list[str]:
        """Violations of the real service's rules, such as overlapping calls."""
        return self._state.request_log.violations

    @property
    def remarks(self) -> list[str]:
        """Behaviour that the service tolerates, such as opening staging URLs too early."""
        return self._state.request_log.remarks

    @property
    def expected_files(self) -> ExpectedFiles:
        """The expected content of all files."""
        return self._expected_files

    @property
    def leftovers(self) -> CleanupReport:
        """Deprecated: use :attr:`cleanup_report`."""
        _warn_renamed("leftovers", "cleanup_report")
        return self.cleanup_report

    @property
    def truth(self) -> ExpectedFiles:
        """Deprecated: use :attr:`expected_files`."""
        _warn_renamed("truth", "expected_files")
        return self.expected_files

    @property
    def watch(self) -> Callable[[str], None]:
        """Callback for each moment, called in the loop before anything else happens.

        The moments are ``<endpoint> called``, ``<endpoint> answered`` (the reply is complete
        and not sent yet), ``<file> flows`` for each chunk of a body, and ``<file> sent`` at
        the end of a body, complete or not.
        """
        return self._state.request_log.watch

    @watch.setter
    def watch(self, watch: Callable[[str], None]) -> None:
        self._state.request_log.watch = watch

    def file_bytes(self, name: str) -> bytes:
        """Return the expected content of a file such as ``…_SR_B4.TIF``, or of a ``….tar``.

        Where two entities have a file of the same name: ``<entity id>/<file name>``.

        Raises: KeyError, if there is no such file.
        """
        return self._expected_files.bytes_of(name)

    def file_url(self, name: str) -> str:
        """Return a fresh URL of a file, named as for :meth:`file_bytes`, without a request.

        Raises: KeyError, if there is no such file.
        """
        target = find_target(self._state.catalog, name)
        if target is None:
            raise KeyError(name)
        return signed_url(self._state, target, _NOT_REQUESTED)

    def bundle_bytes(self, product_id: str) -> bytes:
        """Return the expected content of a bundle, as served while ``bundle_changes`` is off.

        Raises: KeyError, if there is no such product.
        """
        return self._expected_files.bytes_of(f"{product_id}.tar")

    def publish(self, product_id: str) -> None:
        """Add a scene, ingested on the processing date in its id.

        The id of an existing scene with another processing date adds the reprocessed scene;
        the old one stays until it is withdrawn.

        Raises: ValueError, if ``product_id`` is not the id of a Landsat product or U.S. tile.
        """
        self._state.catalog.publish(product_id)

    def withdraw(self, product_id: str, day: date | None = None) -> None:
        """Delete a scene, today or on ``day``. Raises: KeyError, if there is none with this id."""
        self._state.catalog.withdraw(product_id, day or datetime.now(UTC).date())

    def expire_keys(self) -> None:
        """Expire all API keys, as after two idle hours."""
        self._state.account.expire_keys()

    def expire_urls(self) -> None:
        """Expire all file URLs returned so far."""
        self._state.signer.expire_all()


def _warn_renamed(old: str, new: str) -> None:
    warnings.warn(
        f"Service.{old} is Service.{new} now; the old name goes with 0.3",
        DeprecationWarning,
        stacklevel=3,
    )


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
    full_size: bool = False,
    seed: int = 0,
    keep: int = 10_000,
) -> AsyncIterator[Service]:
    """Serve the sandbox while the context is open.

    Args:
        scenes: Ids of scenes and U.S. tiles to add to the built-in ones.
        generated: Number of computed scenes to add.
        faults: What goes wrong; nothing by default.
        host: Address to listen on.
        port: Port to listen on; 0 selects a free one.
        username: Name of the only user.
        token: The user's application token.
        raster_pixels: Width and height of all rasters.
        file_size: Bytes of each raster file, instead of ``raster_pixels``; 1024 or more.
        full_size: Whether single rasters are cloud-optimised GeoTIFFs of real size instead, with
            a pixel for each 30 metres, in tiles that are made when they are read.
        seed: Random seed for the pixel values and the signatures.
        keep: Maximum number of calls, file requests and file names to keep in the log.
    Yields: The running service.
    Raises: ValueError, for an invalid id in ``scenes`` or an impossible ``file_size``;
        OSError, if the port is in use.
    """
    require_asyncio("The sandbox")
    expected_files = ExpectedFiles(
        scenes=scenes,
        generated=generated,
        raster_pixels=raster_pixels,
        file_size=file_size,
        full_size=full_size,
        seed=seed,
    )
    signer = Signer(seed, time.time)
    state = SandboxState(
        catalog=expected_files.catalog,
        contents=expected_files.contents,
        account=Account(username, token, signer),
        signer=signer,
        request_log=RequestLog(keep),
        faults=faults or Faults(),
    )
    # Responses still running at the end are cut off, not waited for.
    runner = web.AppRunner(_application(state), access_log=None, shutdown_timeout=_SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        state.addresses = tuple(address for address, *_ in runner.addresses)
        state.origin = f"http://{_in_url(host)}:{runner.addresses[0][1]}"
        yield Service(state, expected_files, token)
    finally:
        await runner.cleanup()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _application(state: SandboxState) -> web.Application:
    refuse_or_serve = refuse_web_pages(state, (API_PATH, STAC_PATH, ADMIN_PATH))
    app = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=[refuse_or_serve])
    for part in (Api(state), FileHost(state), StacService(state), AdminApi(state)):
        part.add_routes(app)
    return app

"""``asyncdl sandbox``: serve the embedded M2M service and file host."""

from __future__ import annotations

import errno
import socket
from contextlib import AsyncExitStack

import anyio
import click

from asyncdl.cli.field_docs import field_docs
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import OK
from asyncdl.cli.options import command, verbose_option
from asyncdl.cli.printing import echo


@command(
    examples=[
        "asyncdl sandbox --list-faults",
        "asyncdl sandbox --port 0 --fault preparing=0.5 --fault polls=3",
    ],
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8080,
    show_default=True,
    help="Port; 0 selects a free one.",
)
@click.option(
    "--generated",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Scenes besides the built-in ones.",
)
@click.option(
    "--pixels",
    type=click.IntRange(1, 20_000),
    default=64,
    show_default=True,
    help="Width and height of rasters.",
)
@click.option(
    "--file-size",
    type=click.IntRange(min=1024),
    help="Bytes of each raster, instead of --pixels.",
)
@click.option(
    "--full-size",
    is_flag=True,
    help="Rasters as large as real ones: cloud-optimised, about 7,800 by 7,800 pixels.",
)
@click.option("--seed", default=0, show_default=True, help="Random seed for the pixel values.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="Fault, such as chaos; may be repeated.",
)
@click.option("--list-faults", is_flag=True, help="List all faults and exit.")
@verbose_option
def sandbox(
    host: str,
    port: int,
    generated: int,
    pixels: int,
    file_size: int | None,
    full_size: bool,
    seed: int,
    faults: tuple[str, ...],
    list_faults: bool,
) -> int:
    """Serve the embedded M2M service and file host until interrupted."""
    from asyncdl.cli.service_access import print_violations
    from asyncdl.sandbox import Faults, serve

    if list_faults:
        for name, meaning in field_docs(Faults).items():
            echo(f"{name:<20}{meaning}")
        echo(f"{'chaos':<20}Everything that a good client survives, from a seed.")
        return OK
    chosen = Faults.parse(faults)

    async def work() -> None:
        async with AsyncExitStack() as stack:
            server = serve(
                host=host,
                port=port,
                generated=generated,
                raster_pixels=pixels,
                file_size=file_size,
                full_size=full_size,
                seed=seed,
                faults=chosen,
            )
            try:
                service = await stack.enter_async_context(server)
            except (OSError, UnicodeError) as error:
                raise click.UsageError(cannot_listen(host, port, error)) from error
            echo(f"url      = {service.url}")
            echo(f"username = {service.username}")
            echo(f"token    = {service.token}")
            echo(f"stac_url = {service.stac_url}")
            echo("Press Ctrl-C to stop.", err=True)
            try:
                await anyio.sleep_forever()
            finally:
                print_violations(service.violations)

    run_async(work)
    return OK


def cannot_listen(host: str, port: int, error: Exception) -> str:
    """Return why the server cannot listen at an address, and what to do."""
    if isinstance(error, UnicodeError | socket.gaierror):
        return f"--host {host}: unknown host; allowed: an address of this machine"
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"port {port} of {host} is in use; --port 0 selects a free one"
        case errno.EACCES:
            return f"port {port} is privileged; --port 0 selects a free one above 1023"
    return f"--host {host}: cannot listen ({error}); allowed: an address of this machine"

"""The sandbox as a process of its own, which has made its bundles before the first call.

::

    python -m benchmarks.lines.sandbox --port 8080 --pixels 1365 --fault api_latency_s=2

A bundle costs half a second of CPU time when it is asked for the first time. No line has that,
and it would come to each client at another moment.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence

import asyncdl.sandbox

PRODUCTS = {
    "LC80680172020070LGN00": "LC08_L2SP_068017_20200310_20200822_02_T1",
    "LC80680182020070LGN00": "LC08_L2SP_068018_20200310_20200822_02_T1",
    "LC80670182020063LGN00": "LC08_L2SP_067018_20200303_20200822_02_T1",
}
"""The notebook's scenes: what the search finds, by entity id."""


async def serve(options: argparse.Namespace) -> None:
    """Serve until the process is ended."""
    async with asyncdl.sandbox.serve(
        port=options.port,
        raster_pixels=options.pixels,
        file_size=options.file_size,
        full_size=options.full_size,
        faults=asyncdl.sandbox.Faults.parse(options.fault),
    ) as service:
        # No request is served before, since this holds up the loop.
        for product in () if options.full_size else PRODUCTS.values():
            service.bundle_bytes(product)
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pixels", type=int, required=True)
    parser.add_argument("--file-size", type=int)
    parser.add_argument("--full-size", action="store_true")
    parser.add_argument("--fault", action="append", default=[])
    asyncio.run(serve(parser.parse_args(arguments)))


if __name__ == "__main__":
    main()

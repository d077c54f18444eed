"""Write ``sandbox.md``; its table of faults is generated from the class.

::

    python docs/make_sandbox.py
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from asyncdl.cli.field_docs import field_docs
from asyncdl.sandbox import Faults, injected_faults
from asyncdl.sandbox.api import FIXED, KNOWN

PAGE = Path(__file__).with_name("sandbox.md")
HEAD = """\
<!-- Written by docs/make_sandbox.py from asyncdl/sandbox/. Do not edit. -->

# The sandbox

An M2M service, its file hosts and its STAC catalogue in one process: for trials
without an account, for the tests of asyncdl, and for tests of other clients. It
only does what is publicly known of the real service; what is not known is a
setting. It contains the scenes of the USGS notebook around Anchorage, some of
other sensors, and as many computed ones as you like.

It also has a few entries each of `landsat_ard_tile_c2`, `srtm_v3`, `naip`,
`sentinel_2a` and `corona2`, with several products per entity: tars, zips, a tgz and
single files, some of which have to be ordered, and two air photos that share one
display id. Records and filters of datasets are recorded ones.

```console
$ asyncdl run examples/anchorage.toml --sandbox                  # for one run
$ asyncdl run examples/anchorage.toml --sandbox --fault chaos=7  # with faults
$ asyncdl sandbox --generated 1000 --fault preparing=0.5         # until Ctrl-C
$ asyncdl sandbox --full-size                                    # rasters of real size
```

Rasters have 64 by 64 pixels, so that a run takes seconds. With `--full-size` (`full_size=True` in
Python) each has a pixel for every 30 metres of its scene and is a cloud-optimised GeoTIFF as real
ones are, with tiles of 256 by 256 in Deflate, and overviews. Tiles are made when they are read, and
nothing is stored.

`asyncdl sandbox` prints the address and the account for the config. It keeps
keys, queue, labels, scene lists and quota when clients end or are killed. Its admin
API, which the real service does not have, reports its state and changes its faults:

```console
$ curl -s http://127.0.0.1:8080/sandbox                          # calls, violations, leftovers
$ curl -s http://127.0.0.1:8080/sandbox/faults -d '["api_down", "down_mode=html"]'
```

Web pages in a browser on the same machine have no access: a request with an `Origin` other than
the sandbox's, or a `Host` that is neither an address nor `localhost` nor the name given by
`--host`, gets 403 and is not logged. If `--host` allows other machines (`0.0.0.0`), the name of
this machine and names without a dot are accepted, too. The admin API accepts `application/json`,
and the content type that `curl -d` sends.

From Python, `asyncdl.sandbox.serve()` returns a `Service`: its addresses, the requests
so far (`calls`, `call_log`, `file_requests`, `file_log`), violations of the real
service's rules (`violations`), what clients have not cleaned up
(`cleanup_report`), and the expected bytes of every file (`file_bytes`, `bundle_bytes`; `file_url`
returns its URL).
`asyncdl.sandbox.ExpectedFiles` provides these bytes, and their digests, without a server, to
verify downloads from a sandbox in another process.
`service.faults` can be changed while it runs.

## Calls

As with the service, a call is a POST or a GET with a JSON body (the login has to be a
POST), a URL may end in `/` or `?`, a body may be empty, `null`, `{{}}` or `[]`, dataset
names are case-insensitive, ids are a list or one string with commas, and unknown fields
are ignored. A test compares the replies with every recorded and
documented one, field by field.

Implemented:
{full}.

Implemented with a fixed reply:
{fixed}.

Every other name gets the reply of the service for an endpoint that does not exist or was removed,
such as `login`: `NOT_FOUND`, "Invalid Endpoint".

`make clients` runs other programs against the sandbox (usgs, usgsxplore, eodag, callusgs,
landsatxplore, and the steps of the USGS notebook), each at a fixed version in its own
environment, from the login to the downloaded bytes, and prints the result of each step.

## Faults

`--fault NAME=VALUE`, as often as needed; later ones win, and a switch needs no
value. A **share** is a number from 0 to 1, or a pattern for file names such as
`*_ST_B10.TIF`. Which files a number hits follows from the seed, so that a run can be
repeated.

| fault | default | meaning |
|---|---|---|
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the whole page."""
    docs = field_docs(Faults)
    rows = (row(field.name, field.default, docs[field.name]) for field in fields(Faults))
    head = HEAD.format(full=names(KNOWN - FIXED), fixed=names(FIXED))
    return f"{head}{''.join(rows)}\n## chaos\n\n{chaos_in_words()}"


def names(endpoints: Iterable[str]) -> str:
    """Return names in order, in lines of a readable length."""
    return textwrap.fill(
        ", ".join(f"`{name}`" for name in sorted(endpoints)), 96, break_on_hyphens=False
    )


def row(name: str, default: Any, meaning: str) -> str:
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"| `{name}` | {shown} | {meaning.replace('|', chr(92) + '|')} |\n"


def chaos_in_words() -> str:
    """Return what its docstring says about ``chaos``, and its shares."""
    words = (inspect.getdoc(Faults.chaos) or "").replace("``", "`")
    shares = ", ".join(
        f"`{name}={value}`" for name, value in injected_faults.shares_of_chaos().items()
    )
    decided = ", ".join(f"`{name}`" for name in injected_faults.switches_of_chaos(0))
    return f"{words}\n\nUnder every seed: {shares}.\n\nDecided by the seed: {decided}.\n"


if __name__ == "__main__":
    main()

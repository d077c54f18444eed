"""Write ``sandbox.md``: its table of faults comes from the faults themselves.

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
from asyncdl.sandbox import Faults, chaos
from asyncdl.sandbox.api import KNOWN
from asyncdl.sandbox.endpoints.table import FIXED

PAGE = Path(__file__).with_name("sandbox.md")
HEAD = """\
<!-- Written by docs/make_sandbox.py from asyncdl/sandbox/. Do not edit. -->

# The sandbox

An M2M service, its file hosts and its STAC catalogue in one process: for trials
without an account, for the tests of asyncdl, and for tests of other clients. It
says nothing that is not publicly known of the real service; what is not known is
a setting. It holds the scenes of the USGS notebook around Anchorage, some of
other sensors, and as many computed ones as you like.

Beside them it has a few entries each of `landsat_ard_tile_c2`, `srtm_v3`, `naip`,
`sentinel_2a` and `corona2`, with several products per entity: tars, zips, a tgz and
single files, some of which have to be ordered, and two air photos that share one
display id. Records and filters of datasets are those that were recorded.

```console
$ asyncdl run examples/anchorage.toml --sandbox                  # a service for one run
$ asyncdl run examples/anchorage.toml --sandbox --fault chaos=7  # and an awful one
$ asyncdl sandbox --generated 1000 --fault preparing=0.5         # one that stays
```

The one that stays prints the address and the account for the config. It keeps
keys, queue, labels, scene lists and quota while clients come, go and are killed. It
has a door that the real service has not, to look inside and to change the faults:

```console
$ curl -s http://127.0.0.1:8080/sandbox                          # calls, violations, leftovers
$ curl -s http://127.0.0.1:8080/sandbox/faults -d '["api_down", "down_mode=html"]'
```

Web pages that are open in a browser on the same machine are kept out: a request with an `Origin`
that is not the sandbox's, or a `Host` that is neither an address nor `localhost` nor the name given
by `--host`, is answered 403 and noted nowhere. Where `--host` lets other machines in (`0.0.0.0`),
the name of this machine and names without a dot are served, too. The door takes
`application/json`, and what `curl -d` sends.

From Python, `asyncdl.sandbox.serve()` gives a `Service`: where it listens, what
it was asked (`calls`, `call_log`, `file_requests`, `file_log`), what the real
service would have frowned on (`violations`), what was not tidied up
(`leftovers`), and the true bytes of every file (`file_bytes`, `bundle_bytes`; `file_url`
leads to one).
`asyncdl.sandbox.ExpectedFiles` tells these, and their digests, without a server, to prove
what came from one in another process.
`service.faults` may be changed while it runs.

## Calls

As with the service, a call is a POST or a GET with a JSON body (the login has to be a
POST), an address may end in `/` or `?`, a body may be empty, `null`, `{{}}` or `[]`, names of
datasets have any case, ids come as a list or as one text with commas, and fields that an
endpoint does not know do not matter. A test compares the replies with every recorded and
documented one, field by field.

Served in full:
{full}.

Served with a reply that is always the same:
{fixed}.

Every other name gets what the service returns for an endpoint that does not exist or was removed,
such as `login`: `NOT_FOUND`, "Invalid Endpoint".

`make clients` runs programs that nobody here wrote against the sandbox (usgs, usgsxplore,
eodag, callusgs, landsatxplore, and the way of the USGS notebook), each at a fixed version in an
environment of its own, from the login to the downloaded bytes, and prints how each step ended.

## Faults

`--fault NAME=VALUE`, as often as needed; later ones win, and a switch needs no
value. A **share** is a number from 0 to 1, or a pattern for file names such as
`*_ST_B10.TIF`. What a number strikes follows from the seed, so that a run can be
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
    """Return what the module says about ``chaos``, and its shares."""
    words = (inspect.getdoc(chaos) or "").replace("``", "`")
    shares = ", ".join(f"`{name}={value}`" for name, value in chaos.shares_of_chaos().items())
    decided = ", ".join(f"`{name}`" for name in chaos.switches_of_chaos(0))
    return f"{words}\n\nUnder every seed: {shares}.\n\nDecided by the seed: {decided}.\n"


if __name__ == "__main__":
    main()

"""What the drivers share: their settings and their report. Standard library only.

A driver runs in the environment of its client, where neither asyncdl nor pytest is::

    python -m tests.clients.drive_usgs '{"url": …, "username": …, "token": …, "folder": …}'
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

SCENES = ("LC80680172020070LGN00", "LC80680182020070LGN00", "LC80670182020063LGN00")
"""What the search around Anchorage finds."""
PRODUCTS = (
    "LC08_L2SP_068017_20200310_20200822_02_T1",
    "LC08_L2SP_068018_20200310_20200822_02_T1",
    "LC08_L2SP_067018_20200303_20200822_02_T1",
)
"""The same by product id. The bundle of the last one is in preparation when it is requested."""
DATASET = "landsat_ot_c2_l2"
WEST, SOUTH, EAST, NORTH = -150.9495, 61.0031, -148.9555, 61.4834
FIRST_DAY, LAST_DAY = "2020-03-01", "2020-03-15"
MOST_CLOUD = 60


class Steps:
    """Runs the steps of one client and remembers how each ended.

    Args:
        client: Name of its distribution; empty for a script without one.
    """

    def __init__(self, client: str = "") -> None:
        settings = json.loads(sys.argv[1])
        self.url: str = settings["url"]
        self.username: str = settings["username"]
        self.token: str = settings["token"]
        self.folder = Path(settings["folder"])
        self._version = version(client) if client else "-"
        self._outcomes: list[tuple[str, str]] = []
        self._files: list[tuple[str, str]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Do something; an exception ends the step, not the driver."""
        try:
            # Progress bars and notes of the client are no report of ours.
            with redirect_stdout(sys.stderr):
                yield
        except Exception as error:
            traceback.print_exc()
            self._outcomes.append((name, _in_one_line(error)))
        else:
            self._outcomes.append((name, "ok"))

    def set_faults(self, *settings: str) -> None:
        """Change the faults of the sandbox, as ``--fault`` does."""
        address = urlsplit(self.url)
        request = Request(
            f"{address.scheme}://{address.netloc}/sandbox/faults", json.dumps(settings).encode()
        )
        urlopen(request).close()

    def lacks(self, name: str) -> None:
        """Note a step that the client cannot do."""
        self._outcomes.append((name, "not in the client"))

    def keep(self, path: str | Path, name: str) -> None:
        """Note a downloaded file, and whose bytes it should hold."""
        self._files.append((str(path), name))

    def report(self) -> None:
        """Print everything as one JSON object."""
        report = {"version": self._version, "steps": self._outcomes, "files": self._files}
        print(json.dumps(report))  # noqa: T201


def _in_one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = re.sub(r"https?://\S+", "<url>", lines[0] if lines else "")
    return f"{type(error).__name__}: {text}".strip(": ")


def same(found: object, wanted: object) -> None:
    """Raise: AssertionError, if two things differ."""
    assert found == wanted, f"{found!r} in place of {wanted!r}"

"""The way of the USGS notebook: a thread per file, a semaphore, each body whole in memory.

::

    python -m benchmarks.notebook files FOLDER AT_ONCE < urls.txt
    python -m benchmarks.notebook job ERRAND

A job makes the notebook's calls in its order: for each kind of product options, request, links,
and all files before the next kind begins; what is in preparation is looked for every 30 s.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from benchmarks.by_hand import (
    DATASET,
    FILE_LIST,
    GROUP,
    SCENE_LIST,
    Api,
    Errand,
    bands_of,
    bundles_of,
    links_of,
)

AT_ONCE = 5
LOOK_AGAIN_S = 30.0


def download(url: str, folder: Path, turn: threading.Semaphore) -> None:
    """Download one file, named by its host, else by its URL."""
    with turn, urlopen(url) as response:
        disposition = response.headers.get("Content-Disposition", "")
        named = re.findall("filename=(.+)", disposition)
        name = named[0].strip('"') if named else Path(urlsplit(url).path).name
        (folder / name).write_bytes(response.read())


class Threads:
    """Downloads into one folder, each in a thread of its own."""

    def __init__(self, folder: Path, at_once: int) -> None:
        self._folder = folder
        self._turn = threading.Semaphore(at_once)
        self._threads: list[threading.Thread] = []

    def begin(self, urls: Sequence[str]) -> None:
        for url in urls:
            thread = threading.Thread(target=download, args=(url, self._folder, self._turn))
            self._threads.append(thread)
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()


# --- a whole job ---------------------------------------------------------------------------


def run_job(errand: Errand) -> None:
    """Fetch every kind, one after the other."""
    api = Api(errand)
    api.list_scenes()
    api.call("scene-list-get", {"listId": SCENE_LIST})
    for kind in errand.kinds:
        folder = Path(errand.folder) / kind
        folder.mkdir()
        fetch(api, _request_of(api, kind), folder)
    for name in (SCENE_LIST, FILE_LIST) if "band_group" in errand.kinds else (SCENE_LIST,):
        api.call("scene-list-remove", {"listId": name})
    api.call("logout")


def _request_of(api: Api, kind: str) -> dict[str, Any]:
    products = api.options(with_groups=kind == "band_group")
    if kind == "band_group":
        assert GROUP in str(api.call("dataset-file-groups", {"datasetName": DATASET}))
        return api.group_request(products)
    return {"downloads": bands_of(products) if kind == "bands" else bundles_of(products)}


def fetch(api: Api, request: dict[str, Any], folder: Path) -> None:
    """Request, download what is there, look for the rest, and wait for all threads."""
    label = datetime.now().strftime("%Y%m%d_%H%M%S")
    reply = api.call("download-request", {**request, "label": label})
    threads = Threads(folder, AT_ONCE)
    threads.begin([item["url"] for item in reply["availableDownloads"]])
    waited_for = {item["downloadId"] for item in reply["preparingDownloads"]}
    lists = ["available", "requested"]
    while waited_for:
        found = api.call("download-retrieve", {"label": label})
        for name in lists:
            threads.begin(links_of(found[name], waited_for))
        lists = ["available"]
        if waited_for:
            time.sleep(LOOK_AGAIN_S)
    threads.join()


def main() -> None:
    what, *rest = sys.argv[1:]
    if what == "job":
        run_job(Errand.from_json(rest[0]))
        return
    threads = Threads(Path(rest[0]), int(rest[1]))
    threads.begin([line.strip() for line in sys.stdin])
    threads.join()


if __name__ == "__main__":
    main()

"""The way of the USGS notebook: a thread per file, a semaphore, each body whole in memory.

::

    python benchmarks/notebook.py FOLDER AT_ONCE < urls.txt
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen


def download(url: str, folder: Path, turn: threading.Semaphore) -> None:
    with turn, urlopen(url) as response:
        (folder / Path(urlsplit(url).path).name).write_bytes(response.read())


def main() -> None:
    folder, turn = Path(sys.argv[1]), threading.Semaphore(int(sys.argv[2]))
    threads = [
        threading.Thread(target=download, args=(line.strip(), folder, turn)) for line in sys.stdin
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()

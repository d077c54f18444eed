"""Links by hand, the files by a tuned aria2c: what somebody does who knows both well.

::

    python -m benchmarks.lines.hand_over ERRAND CERTIFICATE

The documented calls, none twice; every link that is there goes to aria2c at once, and what was in
preparation to another one as soon as it is ready.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.by_hand import Api, Errand, bands_of, bundles_of, links_of

LABEL = "by-hand"
LOOK_AGAIN_S = 5.0


def main() -> None:
    errand, certificate = Errand.from_json(sys.argv[1]), sys.argv[2]
    api = Api(errand)
    api.list_scenes()
    replies = [api.call("download-request", request) for request in _requests(api, errand.kinds)]
    running = [
        _aria2c(
            [item["url"] for reply in replies for item in reply["availableDownloads"]],
            Path(errand.folder),
            certificate,
        )
    ]
    waited_for = {item["downloadId"] for reply in replies for item in reply["preparingDownloads"]}
    while waited_for:
        found = api.call("download-retrieve", {"label": LABEL})
        links = links_of([*found["available"], *found["requested"]], waited_for)
        running.append(_aria2c(links, Path(errand.folder), certificate))
        if waited_for:
            time.sleep(LOOK_AGAIN_S)
    statuses = [process.wait() for process in running]
    if any(statuses):
        raise SystemExit("aria2c has failed")


def _requests(api: Api, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    products = api.options(with_groups="band_group" in kinds)
    single = bands_of(products) if "bands" in kinds else []
    single += bundles_of(products) if "bundle" in kinds else []
    distinct = [dict(pairs) for pairs in {tuple(item.items()): None for item in single}]
    requests = [{"downloads": distinct, "label": LABEL}]
    if "band_group" in kinds:
        requests.append({**api.group_request(products), "label": LABEL})
    return requests


def _aria2c(urls: list[str], folder: Path, certificate: str) -> subprocess.Popen[bytes]:
    options = ["--no-conf", "--quiet", "--file-allocation=none", f"--ca-certificate={certificate}"]
    tuned = ["-j16", "-x16", "-s16", "-k1M", "-d", str(folder), "-i", "-"]
    process = subprocess.Popen(["aria2c", *options, *tuned], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write("".join(f"{url}\n" for url in urls).encode())
    process.stdin.close()
    return process


if __name__ == "__main__":
    main()

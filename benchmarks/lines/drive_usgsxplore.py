"""usgsxplore as its documentation uses it, in an environment of its own; bundles only.

::

    .venv-lines/bin/python -m benchmarks.lines.drive_usgsxplore ERRAND
"""

from __future__ import annotations

import sys

import usgsxplore.api  # type: ignore[import-not-found, unused-ignore]

from benchmarks.by_hand import (
    DATASET,
    EAST,
    FIRST_DAY,
    LAST_DAY,
    MOST_CLOUD,
    NORTH,
    SOUTH,
    WEST,
    Errand,
)


def main() -> None:
    errand = Errand.from_json(sys.argv[1])
    usgsxplore.api.API_URL = errand.url
    from usgsxplore.scene_downloader import (  # type: ignore[import-not-found, unused-ignore]
        SceneDownloader,
    )

    api = usgsxplore.api.API(errand.username, errand.token)
    hits = api.search(
        DATASET,
        bbox=(WEST, SOUTH, EAST, NORTH),
        date_interval=(FIRST_DAY, LAST_DAY),
        max_cloud_cover=MOST_CLOUD,
    )
    with SceneDownloader(api) as downloader:
        downloader.download(
            DATASET,
            [hit["entityId"] for hit in hits],
            errand.folder,
            product_number=0,
            show_progress=False,
            extract=False,
        )
    api.logout()


if __name__ == "__main__":
    main()

"""Scenes as a search tells them, some of them hostile."""

from __future__ import annotations

from asyncdl.events import FoundScene

HOSTILE = "</script><img src=x onerror=window.hacked=1>\"'><script>window.hacked=1</script>"
ANCHORAGE = ((-150.8, 60.9), (-147.5, 60.4), (-146.1, 62.0), (-149.6, 62.6))
BESIDE = ((-150.1, 59.5), (-146.9, 59.0), (-145.6, 60.7), (-149.0, 61.2))
FIJI = ((179.2, -17.0), (-179.1, -17.2), (-178.8, -15.8), (179.6, -15.6))
FIJI_CUT = (
    ((178.0, -19.0), (180.0, -19.2), (180.0, -17.6), (178.3, -17.4)),
    ((-180.0, -19.2), (-179.5, -19.3), (-179.2, -17.7), (-180.0, -17.6)),
)
AROUND_THE_POLE = tuple((longitude, 84.0) for longitude in range(-180, 180, 30))


def scene(
    *outlines: tuple[tuple[float, float], ...],
    date: str = "2020-03-10",
    cloud: float = 9.0,
    browse_url: str = "",
) -> FoundScene:
    day = date.replace("-", "")
    return FoundScene(
        f"LC08_L2SP_068017_{day}_20200822_02_T1", f"E{day}", date, cloud, outlines, browse_url
    )


def hostile_scene() -> FoundScene:
    return FoundScene(HOSTILE, HOSTILE, HOSTILE, None, (ANCHORAGE,), "javascript:window.hacked=1")

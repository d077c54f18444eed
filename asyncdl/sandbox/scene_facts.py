"""Facts about a scene beyond its ids: sun position, geometry, quality.

Plausible, not real, and always the same for the same scene. Numbers are strings, or padded,
where the service sends them so.

Source: recorded ``scene-metadata`` and ``scene-search``; API notes, section 12a.
"""

from __future__ import annotations

import math
import zlib
from datetime import date, timedelta

from asyncdl.sandbox.geometry import Ring, bounds
from asyncdl.sandbox.landsat_scenes import LandsatScene, SandboxScene

_TILT = 23.44
"""Of the Earth's axis, degrees."""
_MORNING = -32.0
"""The sun's hour angle at the time of the overpass, degrees before noon."""
_SENSORS = {"C": "OLI_TIRS", "O": "OLI", "E": "ETM", "M": "MSS"}
_LEVEL_1 = {"L2SP": "L1TP", "L2SR": "L1TP"}


def sensor_of(sensor: str, satellite: int) -> str:
    """Return a sensor's name in the metadata, such as ``OLI_TIRS``."""
    if sensor == "T":
        return "TM" if satellite < 8 else "TIRS"
    return _SENSORS[sensor]


def sensor_name(scene: LandsatScene) -> str:
    """Return the name of a scene's sensor in the metadata."""
    return sensor_of(scene.product.sensor, scene.product.satellite)


def slashed(day: date) -> str:
    """Return a date in the service's form: ``2023/03/28``."""
    return f"{day:%Y/%m/%d}"


def padded(number: int) -> str:
    """Return a path or row in the service's form: with a leading space and zeros."""
    return f" {number:03}"


def level_1_type(scene: LandsatScene) -> str:
    """Return the processing type of a scene's level 1 product, such as ``L1TP``."""
    return _LEVEL_1.get(scene.product.level, scene.product.level)


def level_1_id(scene: LandsatScene) -> str:
    """Return the id of a scene's level 1 product."""
    return scene.display_id.replace(scene.product.level, level_1_type(scene))


def sun_elevation(scene: SandboxScene) -> float:
    """Return the sun elevation in degrees, from latitude and season."""
    latitude, declination, hour = _angles(scene.footprint, scene.acquired)
    sine = math.sin(latitude) * math.sin(declination)
    sine += math.cos(latitude) * math.cos(declination) * math.cos(hour)
    return round(math.degrees(math.asin(sine)), 8)


def sun_azimuth(scene: SandboxScene) -> float:
    """Return the sun azimuth in degrees from north."""
    latitude, declination, hour = _angles(scene.footprint, scene.acquired)
    east = -math.cos(declination) * math.sin(hour)
    north = math.sin(declination) * math.cos(latitude)
    north -= math.cos(declination) * math.sin(latitude) * math.cos(hour)
    return round(math.degrees(math.atan2(east, north)) % 360, 8)


def _angles(footprint: Ring, day: date) -> tuple[float, float, float]:
    _, south, _, north = bounds(footprint)
    season = math.radians((day.timetuple().tm_yday - 81) * 360 / 365)
    declination = math.radians(_TILT) * math.sin(season)
    return math.radians((south + north) / 2), declination, math.radians(_MORNING)


def geometric_rmse(scene: LandsatScene) -> float | None:
    """Return the error of the geometric model in metres; ``None`` without ground control."""
    return (
        None if level_1_type(scene) != "L1TP" else round(4 + _mix(scene, "rmse") % 5000 / 1000, 3)
    )


def image_quality(scene: LandsatScene) -> int:
    """Return the quality from 0 to 9, mostly 9; -1 where it was not assessed."""
    return (9, 9, 9, 9, 9, 9, 7, -1)[_mix(scene, "quality") % 8]


def start_time(scene: LandsatScene) -> str:
    """Return the start time of the acquisition, as ``2020:217:13:48:06.7714180``."""
    return _moment(scene, 0)


def stop_time(scene: LandsatScene) -> str:
    """Return the stop time of the acquisition."""
    return _moment(scene, 31.769999)


def _moment(scene: LandsatScene, later_s: float) -> str:
    west, _, east, _ = bounds(scene.footprint)
    seconds = (10.2 - (west + east) / 30) % 24 * 3600 + later_s
    clock = timedelta(seconds=int(seconds) % 86_400)
    fraction = int(seconds % 1 * 10_000_000)
    return f"{scene.acquired:%Y:%j}:{str(clock).zfill(8)}.{fraction:07}"


def _mix(scene: LandsatScene, word: str) -> int:
    return zlib.crc32(f"{word} {scene.display_id}".encode())

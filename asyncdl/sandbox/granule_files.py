"""The ready-made files of datasets other than Landsat: zips, a tgz, rasters.

They are small and made on the fly, but valid: any tool opens them, and the same
name of the same entity always has the same bytes.
"""

from __future__ import annotations

import gzip
import io
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from asyncdl.sandbox.granules import FILM, NAIP, SENTINEL, SRTM, Granule
from asyncdl.sandbox.product_rows import ProductRow
from asyncdl.sandbox.rasters import Frame, Raster, degree_frame, square, utm_frame
from asyncdl.sandbox.sized_content import read_all, smallest_jpeg

Member: TypeAlias = tuple[str, bytes]

_PIXELS = 48
"""Width and height of all rasters."""
_POSTS = 61
"""Elevations in a row or column of a cell; real cells have 3601."""
_MADE = (2021, 3, 3, 8, 49, 40)
"""Modification time of the members of all zips."""


def make_file(granule: Granule, row: ProductRow, seed: int) -> bytes:
    """Return the content of one product of a granule.

    Args:
        granule: The granule.
        row: The product.
        seed: Random seed for the pixel values.
    Raises: KeyError, if the granule's dataset has no such product.
    """
    return _MAKERS[granule.dataset, row.code](granule, row.file_name(granule.display_id), seed)


def _raster(granule: Granule, name: str, seed: int, frame: Frame) -> bytes:
    # Entities with the same name have different pixels.
    return read_all(Raster(f"{granule.entity_id}/{name}", square(_PIXELS, 2), frame, seed))


def _degrees(granule: Granule, name: str, seed: int) -> bytes:
    return _raster(granule, name, seed, degree_frame(granule.footprint))


def _utm(granule: Granule, name: str, seed: int) -> bytes:
    return _raster(granule, name, seed, utm_frame(granule.footprint))


def _zip(folder: str, members: Sequence[Member]) -> bytes:
    """Return a zip with a folder; texts are deflated, everything else is stored."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{folder}/", _MADE), b"")
        for name, data in members:
            info = zipfile.ZipInfo(f"{folder}/{name}", _MADE)
            info.external_attr = 0o644 << 16
            is_text = name.endswith((".txt", ".xml", ".hdr", ".prj"))
            info.compress_type = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
            archive.writestr(info, data)
    return out.getvalue()


def _photo_zip(granule: Granule, name: str, seed: int) -> bytes:
    stem = name.removesuffix(".zip")
    text = "\n".join(f"{key}: {value}" for key, value in _about(granule).items()) + "\n"
    tif = _utm(granule, f"{stem}.tif", seed)
    return _zip(granule.display_id, [(f"{stem}.tif", tif), (f"{stem}.txt", text.encode())])


def _about(granule: Granule) -> Mapping[str, str]:
    return {
        "Entity ID": granule.entity_id,
        "Display ID": granule.display_id,
        "Acquisition Date": f"{granule.acquired:%Y/%m/%d}",
        "Origin": "asyncdl sandbox, not the U.S. Geological Survey",
    }


def _bil_zip(granule: Granule, name: str, seed: int) -> bytes:
    stem = name.removesuffix("_bil.zip")
    west, south = granule.footprint[0]
    step = 1 / (_POSTS - 1)
    header = (
        f"BYTEORDER      I\nLAYOUT         BIL\nNROWS          {_POSTS}\nNCOLS          {_POSTS}\n"
        f"NBANDS         1\nNBITS          16\nPIXELTYPE      SIGNEDINT\n"
        f"ULXMAP         {west}\nULYMAP         {south + 1}\n"
        f"XDIM           {step:.10f}\nYDIM           {step:.10f}\nNODATA         -32767\n"
    )
    heights = b"".join(height.to_bytes(2, "little") for height in _heights(granule, seed))
    return _zip(stem, [(f"{stem}.bil", heights), (f"{stem}.hdr", header.encode())])


def _heights(granule: Granule, seed: int) -> list[int]:
    """Return the elevations of a cell in metres, row by row from the north."""
    source = random.Random(f"{seed}/{granule.entity_id}")
    return [source.randrange(0, 4000) for _ in range(_POSTS * _POSTS)]


def _dted(granule: Granule, name: str, seed: int) -> bytes:
    """Return a DTED file: three heads, then one record for each column from the west.

    Source: MIL-PRF-89020B.
    """
    west, south = (int(value) for value in granule.footprint[0])
    interval = f"{36000 // (_POSTS - 1):04}"
    longitude = f"{abs(west):03}0000{'E' if west >= 0 else 'W'}"
    latitude = f"{abs(south):03}0000{'N' if south >= 0 else 'S'}"
    uhl = f"UHL1{longitude}{latitude}{interval}{interval}0016U  {'':12}{_POSTS:04}{_POSTS:04}0"
    heights = _heights(granule, seed)
    records = (_dted_column(number, heights[number::_POSTS]) for number in range(_POSTS))
    heads = uhl.ljust(80) + f"DSIU{'':644}" + f"ACC{'':2697}"
    return heads.encode() + b"".join(records)


def _dted_column(number: int, heights: list[int]) -> bytes:
    body = bytes([0xAA]) + number.to_bytes(3, "big") + number.to_bytes(2, "big") + bytes(2)
    # A column runs from the south.
    body += b"".join(height.to_bytes(2, "big") for height in reversed(heights))
    return body + sum(body).to_bytes(4, "big")


def _safe_zip(granule: Granule, name: str, seed: int) -> bytes:
    """Return a tile as the zip of a SAFE folder with subfolders."""
    _, tile, _, taken = granule.display_id.split("_")
    folder = f"S2A_MSIL1C_{taken}_N0209_R027_{tile}_{taken}.SAFE"
    data = f"GRANULE/{granule.display_id}/IMG_DATA"
    about = "".join(
        f"  <{k.replace(' ', '_')}>{v}</{k.replace(' ', '_')}>\n"
        for k, v in _about(granule).items()
    )
    manifest = f'<?xml version="1.0" encoding="UTF-8"?>\n<manifest>\n{about}</manifest>\n'
    preview = smallest_jpeg(f"{granule.entity_id} {seed}")
    bands = [(f"{data}/{tile}_{taken}_B{n:02}.tif", n) for n in (2, 3, 4)]
    return _zip(
        folder,
        [
            ("manifest.xml", manifest.encode()),
            *((path, _utm(granule, path, seed)) for path, _ in bands),
            (f"{granule.display_id}-ql.jpg", preview),
        ],
    )


def _film_tgz(granule: Granule, name: str, seed: int) -> bytes:
    """Return the scans of a film strip, which come in parts."""
    out = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0) as packed,
        tarfile.open(mode="w", fileobj=packed, format=tarfile.USTAR_FORMAT) as tar,
    ):
        for letter in "abcd":
            member = f"{granule.display_id}_{letter}.tif"
            data = _degrees(granule, member, seed)
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


_MAKERS: Mapping[tuple[str, str], Callable[[Granule, str, int], bytes]] = {
    (SRTM, "D990"): _dted,
    (SRTM, "D991"): _bil_zip,
    (SRTM, "D539"): _degrees,
    (NAIP, "D441"): _photo_zip,
    (NAIP, "D482"): _photo_zip,
    (SENTINEL, "D557"): _safe_zip,
    (SENTINEL, "D556"): _utm,
    (FILM, "D992"): _film_tgz,
    (FILM, "D993"): _degrees,
}

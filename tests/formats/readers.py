"""What others make of a file: readers that nobody here wrote.

Each gives a digest of all that it read, so that the loss of a part shows, or ``None`` if it
does not take the file.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from xml.parsers import expat

from asyncdl.transfer.verification.structure import Form

Reader: TypeAlias = Callable[[Path], str | None]

_MAX_VALUES = 1 << 24
"""Of an image or a page: pixels times bands. Of one that claims more only the header is read."""


def _digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()


def by_gdal(path: Path) -> str | None:
    """Read all pixels and masks of every page, subdataset and overview."""
    rasterio: Any = importlib.import_module("rasterio")
    parts = list[bytes]()
    try:
        with warnings.catch_warnings(), rasterio.Env():
            warnings.simplefilter("ignore")
            with rasterio.open(path) as image:
                pages, overviews = image.subdatasets, len(image.overviews(1))
                parts += _pixels_and_masks(image)
            for level in range(overviews):
                with rasterio.open(path, overview_level=level) as image:
                    parts += _pixels_and_masks(image)
            for page in pages:
                with rasterio.open(page) as image:
                    parts += _pixels_and_masks(image)
    except (rasterio.errors.RasterioError, ValueError, MemoryError):
        return None
    return _digest(parts)


def _pixels_and_masks(image: Any) -> Iterator[bytes]:
    yield repr((image.shape, image.dtypes, image.tags())).encode()
    if image.width * image.height * image.count <= _MAX_VALUES:
        yield image.read().tobytes()
        yield image.read_masks().tobytes()


def by_pillow(path: Path) -> str | None:
    """Read all pixels of every frame."""
    pillow: Any = importlib.import_module("PIL.Image")
    parts = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pillow.open(path, formats=["TIFF"]) as image:
                for frame in range(image.n_frames):
                    image.seek(frame)
                    parts.append(repr((image.size, image.mode)).encode())
                    if image.width * image.height * len(image.getbands()) <= _MAX_VALUES:
                        parts.append(image.tobytes())
    # A file that is broken makes it fail in any way there is.
    except Exception:
        return None
    return _digest(parts)


def by_gnu_tar(path: Path) -> str | None:
    """List the members, and read what they hold."""
    return _by_command(("tar", "-tvf"), ("tar", "-xOf"), path)


def by_bsdtar(path: Path) -> str | None:
    """List the members, and read what they hold."""
    return _by_command(("bsdtar", "-tvf"), ("bsdtar", "-xOf"), path)


def _by_command(listing: tuple[str, ...], reading: tuple[str, ...], path: Path) -> str | None:
    listed = subprocess.run([*listing, str(path)], capture_output=True)
    # One of them passes by what it calls damaged, with a status as if nothing had happened.
    if listed.returncode or b"Damaged" in listed.stderr:
        return None
    read = subprocess.run([*reading, str(path)], capture_output=True)
    return _digest([listed.stdout, bytes([read.returncode]), read.stdout])


def by_lxml(path: Path) -> str | None:
    """Parse, with nothing mended and nothing fetched."""
    etree: Any = importlib.import_module("lxml.etree")
    try:
        tree = etree.parse(str(path), etree.XMLParser(no_network=True, load_dtd=False))
        return _digest([etree.tostring(tree)])
    except (etree.Error, OSError, LookupError, ValueError):
        return None


def by_expat(path: Path) -> str | None:
    """Parse, and take note of every element and text."""
    parts: list[bytes] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda *of: parts.append(repr(of).encode())
    parser.EndElementHandler = lambda *of: parts.append(repr(of).encode())
    parser.CharacterDataHandler = lambda text: parts.append(text.encode())
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, ValueError, LookupError):
        return None
    return _digest(parts)


def by_json(path: Path) -> str | None:
    """Parse it as one value."""
    try:
        return _digest([repr(json.loads(path.read_bytes())).encode()])
    except (ValueError, RecursionError):
        return None


def by_json_lines(path: Path) -> str | None:
    """Parse each line as a value."""
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    try:
        return _digest(repr(json.loads(line)).encode() for line in lines) if lines else None
    except (ValueError, RecursionError):
        return None


READERS: dict[Form, dict[str, Reader]] = {
    Form.TIFF: {"GDAL": by_gdal, "Pillow": by_pillow},
    Form.TAR: {"GNU tar": by_gnu_tar, "bsdtar": by_bsdtar},
    Form.XML: {"lxml": by_lxml, "expat": by_expat},
    Form.JSON: {"json": by_json, "JSON Lines": by_json_lines},
}


def read_by_all(path: Path, form: Form) -> dict[str, str]:
    """Return what each reader of a form gives, without those that do not take the file."""
    given = {name: reader(path) for name, reader in READERS[form].items()}
    return {name: digest for name, digest in given.items() if digest is not None}

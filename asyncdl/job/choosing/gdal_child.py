"""Read one vector file with GDAL, in a process of its own. The only module that uses pyogrio.

``vector_files.py`` runs this file as a script and gives it an order on standard input; the
response goes to standard output: one line of JSON, then the GeoJSON. Nothing of asyncdl is
imported here, so that it starts quickly and the tests of imports hold.

Messages of GDAL are not passed on: they repeat contents of the file.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

CPU_S = 60
"""Limit of processor time, in seconds."""
MAX_FEATURES = 100_000
MAX_OUTPUT_BYTES = 32 * 1024**2
"""The same limit as for GeoJSON files."""
MAX_ZIP_MEMBERS = 10_000
_OF_GDAL_ITSELF = (".gdb.zip", ".gpkg.zip", ".shp.zip", ".shz", ".kmz")
"""Zips that its drivers open by themselves."""
_IN_ZIPS = (".shp", ".gpkg", ".geojson", ".json", ".kml", ".fgb", ".gpx", ".geojsonl")


class AreaRefused(Exception):
    """Why a file is not read, for the parent process."""

    def __init__(self, problem: str, allowed: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.allowed = allowed


def main() -> int:
    """Carry out one order; the response has the result or the problem."""
    order = json.loads(sys.stdin.buffer.read())
    try:
        _check_drivers(frozenset(order["drivers"]))
        _confine(order["memory_bytes"])
        found = _read(order["path"], order["layer"])
    except AreaRefused as error:
        _respond({"problem": error.problem, "allowed": error.allowed})
    except MemoryError:
        _respond({"problem": "takes more memory than any area of interest does"})
    else:
        _respond({}, found)
    return 0


def _respond(head: dict[str, str], body: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + body)


def _check_drivers(wanted: frozenset[str]) -> None:
    pyogrio = importlib.import_module("pyogrio")
    if foreign := pyogrio.list_drivers().keys() - wanted:
        # An unknown version of GDAL may ignore the variable that leaves drivers out.
        raise AreaRefused(f"this GDAL opens more than plain files: {', '.join(sorted(foreign))}")


def _read(path: str, layer: str | int | None) -> bytes:
    pyogrio = importlib.import_module("pyogrio")
    name = _name_for_gdal(path)
    try:
        layers = [known for known, kind in pyogrio.list_layers(name) if kind is not None]
        chosen = _chosen(layers, layer, PurePosixPath(path).name)
        meta, _, geometries, _ = pyogrio.raw.read(
            name, layer=chosen, columns=[], force_2d=True, max_features=MAX_FEATURES + 1
        )
        return _as_geojson(pyogrio, geometries, meta["crs"])
    except pyogrio.errors.CRSError:
        _refuse_reference_system()
    except pyogrio.errors.DataSourceError:
        raise AreaRefused("GDAL cannot read this: it is damaged, or another format") from None
    except (RuntimeError, ValueError, OverflowError):  # pyogrio's own are RuntimeErrors
        raise AreaRefused("GDAL cannot read this: its contents are damaged") from None


def _confine(memory_bytes: int) -> None:
    """Bound memory and time, and write no file, where the system can.

    Args:
        memory_bytes: Address space, beside what GDAL itself has taken when it was loaded.
    """
    with suppress(ImportError):  # Windows has none of it
        import resource

        taken_bytes = _taken_pages() * resource.getpagesize()
        for kind, most in (
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CPU, CPU_S),
            (resource.RLIMIT_AS, taken_bytes + memory_bytes),
        ):
            with suppress(OSError, ValueError):  # a limit that is lower already stays
                resource.setrlimit(kind, (most, most))


def _taken_pages() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        return 0


def _chosen(layers: Sequence[str], layer: str | int | None, name: str) -> str | int:
    if not layers:
        raise AreaRefused("has no geometries")
    allowed = ", ".join(f"{name}|layername={known}" for known in layers)
    if layer is None and len(layers) > 1:
        raise AreaRefused("has several layers; name one", allowed)
    if isinstance(layer, str) and layer not in layers:
        raise AreaRefused(f"has no layer {layer!r} with geometries", allowed)
    if isinstance(layer, int) and layer >= len(layers):
        raise AreaRefused(f"has no layer of the number {layer}; the first is 0", allowed)
    return layers[0] if layer is None else layer


def _as_geojson(pyogrio: Any, geometries: Sequence[bytes | None], crs: str | None) -> bytes:
    if len(geometries) > MAX_FEATURES:
        raise AreaRefused(
            f"has more than {MAX_FEATURES:,} features", "a dissolved or simplified area"
        )
    if crs is None:
        _refuse_reference_system()
    file = io.BytesIO()
    pyogrio.raw.write(
        file,
        geometry=geometries,
        field_data=[],
        fields=[],
        crs=crs,
        geometry_type="Unknown",
        driver="GeoJSON",
        RFC7946="YES",  # which is longitude first, on WGS 84
    )
    if len(file.getbuffer()) > MAX_OUTPUT_BYTES:
        problem = f"is longer than {MAX_OUTPUT_BYTES:,} bytes as GeoJSON"
        raise AreaRefused(f"{problem}; an area of interest is an outline: simplify it")
    return file.getvalue()


def _refuse_reference_system() -> NoReturn:
    raise AreaRefused(
        "does not say in which reference system its coordinates are; for a shapefile "
        "the .prj beside it does",
        "a file with a reference system",
    )


# --- zips ---------------------------------------------------------------------------------


def _name_for_gdal(path: str) -> str:
    """Return what GDAL calls a file: of a zip, the one file in it that holds geometries."""
    if not path.lower().endswith(".zip") or path.lower().endswith(_OF_GDAL_ITSELF):
        return path
    try:
        with zipfile.ZipFile(path) as archive:
            names = list(_vector_files_in(archive))
    except (OSError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        raise AreaRefused("GDAL cannot read this: it is not a valid zip") from None
    if len(names) != 1:
        return f"/vsizip/{path}"
    return f"/vsizip/{path}/{names[0]}"


def _vector_files_in(archive: zipfile.ZipFile) -> Iterator[str]:
    if len(archive.namelist()) > MAX_ZIP_MEMBERS:
        raise AreaRefused(f"has more than {MAX_ZIP_MEMBERS:,} files in it", "a zip of one area")
    for name in archive.namelist():
        parts = PurePosixPath(name).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if name.lower().endswith(_IN_ZIPS) and not hidden and ".." not in parts:
            yield name


if __name__ == "__main__":
    sys.exit(main())

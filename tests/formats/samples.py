"""The files of a package that have a form whose structure is checked."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zipfile
from collections.abc import Iterator

from msgspec import Struct

from asyncdl.transfer.verification.structure import Form, form_of
from tests.formats.archives import Package

FORMS = (Form.TIFF, Form.TAR, Form.XML, Form.JSON)
LARGEST_BYTES = 40 << 20
"""Larger ones are left out, to end in minutes; the archives themselves come near to it."""
_ALSO = {
    **dict.fromkeys(("svg", "kml", "gml", "vrt", "xsd", "xsl", "xslt", "rng", "rdf"), Form.XML),
    **dict.fromkeys(("jsonl", "ndjson", "topojson", "ipynb"), Form.JSON),
    **dict.fromkeys(("lsm", "svs", "btf", "tf8"), Form.TIFF),
}
"""Names that give a file no form in asyncdl, of files that have one."""


class Sample(Struct, frozen=True):
    """One file, in memory."""

    package: str
    name: str
    form: Form
    data: bytes

    @property
    def digest(self) -> bytes:
        """Tells whether two are the same."""
        return hashlib.sha256(self.data).digest()


def samples_of(package: Package) -> Iterator[Sample]:
    """Yield the files of a package, and a source archive itself as the tar that it is."""
    title = f"{package.name} {package.version}"
    packed = package.place.read_bytes()
    if packed.startswith(b"\x1f\x8b"):
        archive = gzip.decompress(packed)
        if len(archive) <= LARGEST_BYTES:
            yield Sample(title, f"{package.name}.tar", Form.TAR, archive)
    for name, data in _files_in(package):
        yield Sample(title, name, _form(name), data)


def _files_in(package: Package) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(package.place):
        with zipfile.ZipFile(package.place) as archive:
            for entry in archive.infolist():
                if _is_wanted(entry.filename, entry.file_size):
                    yield entry.filename, archive.read(entry)
        return
    with tarfile.open(package.place) as archive:
        for member in archive:
            if member.isfile() and _is_wanted(member.name, member.size):
                file = archive.extractfile(member)
                assert file is not None
                yield member.name, file.read()


def _is_wanted(name: str, size_bytes: int) -> bool:
    return _form(name) in FORMS and 0 < size_bytes <= LARGEST_BYTES


def _form(name: str) -> Form:
    form = form_of(name)
    return _ALSO.get(name.rpartition(".")[2].lower(), form) if form is Form.ANY else form

"""Hold what asyncdl says of files against what others make of them, whole and cut off."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.transfer.verification.checks import Expected, verify_file
from asyncdl.transfer.verification.structure import Form
from tests.formats.archives import Package
from tests.formats.readers import read_by_all
from tests.formats.samples import Sample, samples_of

URL = "http://h.test/"


class Cut(Struct, frozen=True):
    """A copy that lost its end, as somebody reads it otherwise than the whole file."""

    size_bytes: int
    is_noticed: bool
    """Refused, without a length to compare with."""


class Finding(Struct, frozen=True):
    """What was seen of one file."""

    package: str
    name: str
    form: Form
    digest: bytes
    readers: tuple[str, ...]
    """Those that take it."""
    refusal: str = ""
    """Why it is refused although its length is met; empty if it is not."""
    doubt: str = ""
    refusal_without_length: str = ""
    cuts: tuple[Cut, ...] = ()
    harmless_cuts: tuple[str, ...] = ()
    """Of each copy that lost its end, and that all readers read as before, why it is refused
    although its length is met; empty if it is not."""

    @property
    def is_falsely_refused(self) -> bool:
        """Whether somebody reads it, and we refuse it."""
        return bool(self.readers and self.refusal)


def measure(packages: Iterable[Package]) -> Iterator[Finding]:
    """Yield a finding for each different file."""
    seen = set()
    for package in packages:
        for sample in samples_of(package):
            if (sample.form, sample.digest) not in seen:
                seen.add((sample.form, sample.digest))
                yield look_at(sample)


def look_at(sample: Sample) -> Finding:
    """Read a file with all readers and ours, and then copies that lost their end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample"
        path.write_bytes(sample.data)
        read = read_by_all(path, sample.form)
        refusal, doubt = _judge(path, sample.form, is_whole=True)
        without_length, _ = _judge(path, sample.form, is_whole=False)
        cuts, harmless = list[Cut](), list[str]()
        for size_bytes in _cut_sizes(len(sample.data)) if read else ():
            path.write_bytes(sample.data[:size_bytes])
            of_cut = read_by_all(path, sample.form)
            if all(of_cut.get(reader) == digest for reader, digest in read.items()):
                harmless.append(_judge(path, sample.form, is_whole=True)[0])
            else:
                refused, _ = _judge(path, sample.form, is_whole=False)
                cuts.append(Cut(size_bytes, is_noticed=bool(refused)))
    return Finding(
        sample.package,
        sample.name,
        sample.form,
        sample.digest,
        tuple(read),
        refusal,
        doubt,
        without_length,
        tuple(cuts),
        tuple(harmless),
    )


def _cut_sizes(size_bytes: int) -> set[int]:
    """Return the lengths of copies: less a byte, a block, a tenth, a quarter, the half."""
    lost = (1, 512, size_bytes // 10, size_bytes // 4, size_bytes // 2)
    return {size_bytes - some for some in lost if 0 < some < size_bytes}


def _judge(path: Path, form: Form, *, is_whole: bool) -> tuple[str, str]:
    """Return why a file is refused, and what is odd about it; each may be empty."""
    try:
        proof = verify_file(path, Expected(form, is_whole=is_whole), url=URL)
    except TransferError as refused:
        return str(refused).replace(str(path), "file"), ""
    return "", proof.warning

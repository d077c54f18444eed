"""What others read is kept, and a cut copy is not: a slice of what ``make formats`` looks at."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import pytest

from asyncdl.transfer.verification.structure import form_of
from tests.formats.archives import Package, fetch, read_packages
from tests.formats.measure import Finding, look_at, measure
from tests.formats.samples import FORMS, Sample, samples_of
from tests.transfer.fault_server import HostedFile, rig

for needed in ("rasterio", "PIL", "lxml"):
    pytest.importorskip(needed, reason=f"{needed} is not installed: make formats")
if shutil.which("bsdtar") is None:
    pytest.skip("bsdtar is not installed: make formats", allow_module_level=True)

SLICE = [package for package in read_packages() if package.is_in_slice]
BARE_NUMBERS = ("y_structure_lonely_int.json", "y_structure_lonely_negative_real.json")
"""Without its last digits a number is a number."""


@pytest.fixture(scope="session")
def packages() -> list[Package]:
    fetch(SLICE)
    return SLICE


@pytest.mark.slow
@pytest.mark.parametrize("package", SLICE, ids=lambda package: package.name)
def test_what_a_reader_takes_is_kept_and_cut_copies_are_noticed(
    packages: list[Package], package: Package
) -> None:
    findings = list(measure([package]))
    assert [_why(finding) for finding in findings if finding.is_falsely_refused] == []
    cuts = [(finding, cut) for finding in findings for cut in finding.cuts]
    assert len(cuts) >= 5
    unnoticed = [finding.name for finding, cut in cuts if not cut.is_noticed]
    assert [name for name in unnoticed if not name.endswith(BARE_NUMBERS)] == []


def _why(finding: Finding) -> str:
    return f"{finding.name}, read by {', '.join(finding.readers)}: {finding.refusal}"


@pytest.mark.slow
@pytest.mark.allow_blocking
@pytest.mark.parametrize("form", FORMS)
async def test_over_the_wire_they_arrive_with_the_same_proof(
    packages: list[Package], form: str, tmp_path: Path
) -> None:
    """The odd ones among them with a notice."""
    some = (sample for package in packages for sample in samples_of(package))
    wanted = (sample for sample in some if sample.form == form == form_of(sample.name))
    for number, sample in enumerate(islice(wanted, 0, 60, 6)):
        finding = look_at(sample)
        if finding.readers:
            await _arrives(sample, finding, tmp_path / str(number))


async def _arrives(sample: Sample, finding: Finding, folder: Path) -> None:
    name = Path(sample.name).name
    async with rig(folder, HostedFile(sample.data)) as r:
        fetched = await r.fetch(name)
        assert r.content(name) == sample.data
    expected = "length" if finding.doubt else f"length+{sample.form}"
    assert fetched.proof == expected, sample.name

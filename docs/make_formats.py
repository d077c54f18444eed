"""Measure what structure checks and windows make of files that others read; write ``formats.md``.

::

    make formats

Ends with status 1 if a file is refused that a reader takes, its length being met, or if a window
has other pixels than the whole.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from xml.parsers import expat

from tests.formats.archives import fetch, read_packages
from tests.formats.measure import Finding, measure
from tests.formats.readers import READERS
from tests.formats.samples import FORMS
from tests.formats.windows import CutFile, windows_of

PAGE = Path(__file__).with_name("formats.md")
HEAD = """\
<!-- Written by docs/make_formats.py, by make formats. Do not edit. -->

# Structure checks against other readers

What a structure check refuses was held against what others make of the same files: those that
packages on the index ship, good and broken ones, and the source archives themselves, which are
tars. A file counts as *read* if one of the readers takes all of it: every page with its masks and
overviews, every member, the whole tree or value. A reader that reports damage does not count.

*Refused* are files that are read, though their length was met: none may be. *With a doubt* are
those that are kept with a notice. *Cut copies* lost a byte, a block of 512, a tenth, a quarter or
half of a file that is read and accepted; they count where a reader fails or loses something. They
are checked with no length to compare with.
"""


def measured() -> list[Finding]:
    """Return a finding for each different file."""
    packages = read_packages()
    fetch(packages)
    found = dict[tuple[str, bytes], Finding]()
    with ProcessPoolExecutor(initializer=_be_quiet) as pool:
        for findings in pool.map(_of_one, packages):
            for finding in findings:
                found.setdefault((finding.form, finding.digest), finding)
    return list(found.values())


def cut_files() -> list[CutFile]:
    """Return what came of the windows of each different TIFF."""
    found = dict[bytes, CutFile]()
    with ProcessPoolExecutor(initializer=_be_quiet) as pool:
        for files in pool.map(_windows_of_one, read_packages()):
            for file in files:
                found.setdefault(file.digest, file)
    return list(found.values())


def _windows_of_one(package: Any) -> list[CutFile]:
    return list(windows_of([package]))


def _be_quiet() -> None:
    """Readers complain of broken files past ``sys.stderr``; what is raised is shown still."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _of_one(package: Any) -> list[Finding]:
    return list(measure([package]))


def page(findings: Sequence[Finding], cut: Sequence[CutFile]) -> str:
    """Return the page."""
    parts = (_forms(findings), _unread(findings), _windows(cut), _sources(findings))
    return "\n".join([HEAD, *(line for part in parts for line in (*part, ""))])


def _forms(findings: Sequence[Finding]) -> Iterator[str]:
    yield "| | files | read | refused | with a doubt | cut copies | noticed |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    for form in FORMS:
        some = [finding for finding in findings if finding.form is form]
        read = [finding for finding in some if finding.readers]
        cuts = [cut for each in read if not each.refusal_without_length for cut in each.cuts]
        numbers = (
            len(some),
            len(read),
            sum(each.is_falsely_refused for each in read),
            sum(bool(each.doubt) for each in read),
            len(cuts),
            sum(cut.is_noticed for cut in cuts),
        )
        yield f"| {form} | {' | '.join(map(str, numbers))} |"
    lost = [each for each in findings if any(not cut.is_noticed for cut in each.cuts)]
    if lost:
        names = ", ".join(f"`{each.name.rpartition('/')[2]}`" for each in lost)
        yield f"\nNot noticed: copies of {names}."
    harmless = [why for each in findings if each.readers for why in each.harmless_cuts]
    yield (
        f"\nOf further {len(harmless)} copies that lost their end all readers read all the same."
        f" With their length met, {sum(map(bool, harmless))} of them are refused."
    )


def _unread(findings: Sequence[Finding]) -> Iterator[str]:
    yield "## What no reader takes\n"
    yield "Most of these are broken on purpose. With their length met they are\n"
    yield "| | files | refused | kept with a doubt | kept |"
    yield "|---|--:|--:|--:|--:|"
    for form in FORMS:
        some = [each for each in findings if each.form is form and not each.readers]
        refused, doubts = (sum(map(bool, each)) for each in _verdicts(some))
        yield f"| {form} | {len(some)} | {refused} | {doubts} | {len(some) - refused - doubts} |"


def _verdicts(some: Sequence[Finding]) -> tuple[list[str], list[str]]:
    return [each.refusal for each in some], [each.doubt for each in some]


def _windows(cut: Sequence[CutFile]) -> Iterator[str]:
    yield "## Windows\n"
    yield (
        "Three [windows](howto/window.md) of each TIFF, anywhere in it, were held against what GDAL"
        " reads there, pixel by pixel. Of files that say where on the earth they lie a fourth one"
        " was cut as a job does it, around a place in degrees. *Made* are windows of files that"
        " this GDAL does not read, with nothing to compare with.\n"
    )
    read = [file for file in cut if file.is_read]
    placed = [file for file in read if file.is_placed]
    yield "| | files | the same pixels | other pixels | refused |"
    yield "|---|--:|--:|--:|--:|"
    for title, some, refusals in (
        ("read by GDAL", read, [file.refusal for file in read]),
        ("of these in degrees", placed, [file.refusal or file.refusal_of_area for file in placed]),
    ):
        wrong, refused = sum(bool(file.wrong) for file in some), sum(map(bool, refusals))
        yield f"| {title} | {len(some)} | {len(some) - wrong - refused} | {wrong} | {refused} |"
    unread = [file for file in cut if not file.is_read]
    refused = sum(bool(file.refusal) for file in unread)
    yield f"\nOf {len(unread)} that it does not read, {refused} are refused, the others made.\n"
    yield "| why windows are refused of what GDAL reads | files |"
    yield "|---|--:|"
    whys = Counter(file.refusal or file.refusal_of_area for file in read)
    for why, files in whys.most_common():
        if why:
            yield f"| {why} | {files} |"


def _sources(findings: Sequence[Finding]) -> Iterator[str]:
    yield "## Readers and packages\n"
    names = ", ".join(f"{', '.join(READERS[form])} ({form})" for form in FORMS)
    yield f"The readers are {names}: {', '.join(_versions())}.\n"
    yield "| package | tiff | tar | xml | json |"
    yield "|---|--:|--:|--:|--:|"
    for package in dict.fromkeys(finding.package for finding in findings):
        forms = [finding.form for finding in findings if finding.package == package]
        yield f"| {package} | {' | '.join(str(forms.count(form) or '') for form in FORMS)} |"


def _versions() -> Iterator[str]:
    yield f"GDAL {importlib.import_module('rasterio').__gdal_version__}"
    yield f"Pillow {importlib.import_module('PIL').__version__}"
    for command in ("tar", "bsdtar"):
        done = subprocess.run(  # noqa: S603 - the two names above
            [command, "--version"], capture_output=True, text=True, check=True
        )
        yield done.stdout.splitlines()[0].partition(" - ")[0]
    etree = importlib.import_module("lxml.etree")
    yield f"lxml {etree.__version__} with libxml2 {'.'.join(map(str, etree.LIBXML_VERSION))}"
    yield expat.EXPAT_VERSION.replace("_", " ")
    yield f"Python {sys.version.split()[0]}"


def main() -> int:
    findings = measured()
    cut = cut_files()
    PAGE.write_text(page(findings, cut))
    refused = [finding for finding in findings if finding.is_falsely_refused]
    for finding in refused:
        print(f"{finding.name} of {finding.package}: {finding.refusal}")  # noqa: T201
    wrong = [file for file in cut if file.wrong]
    for file in wrong:
        print(f"{file.name} of {file.package}: other pixels: {file.wrong}")  # noqa: T201
    return 1 if refused or wrong else 0


if __name__ == "__main__":
    sys.exit(main())

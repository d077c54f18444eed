"""Get archives of packages from the index as they are: nothing is built, nothing is installed.

``pip download`` of a source archive runs what builds it, which may need what this machine lacks.
So pip is asked where the archive is and to bring it, with all that it is configured with, and
no more. Each archive has to have the digest that :data:`PACKAGES` states, and the index's own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from pip._internal.cli.cmdoptions import make_target_python
from pip._internal.cli.req_command import RequirementCommand
from pip._internal.commands.download import DownloadCommand
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.link import Link
from pip._internal.network.download import Downloader
from pip._vendor.packaging.specifiers import SpecifierSet

PACKAGES = Path(__file__).with_name("packages.txt")
CACHE = Path(__file__).parents[2] / ".formats"
"""Git ignores it."""
_WHEELS = (
    *("--only-binary", ":all:", "--python-version", "3.11", "--implementation", "cp"),
    *("--platform", "manylinux_2_28_x86_64"),
)
"""The same ones on every machine."""


class Package(Struct, frozen=True):
    """A line of :data:`PACKAGES`: one archive of a release."""

    name: str
    version: str
    sha256: str
    is_wheel: bool = False
    """Else it is the source archive."""
    is_in_slice: bool = False
    """Whether a quick look takes it in."""

    @property
    def place(self) -> Path:
        """Where it is kept."""
        return CACHE / f"{self.name}-{self.version}{'.whl' if self.is_wheel else '.sdist'}"


class WrongDigest(Exception):
    """An archive is another than the one that was looked at here, or than the index says."""


def read_packages() -> list[Package]:
    """Return what :data:`PACKAGES` lists."""
    lines = (line.partition("#")[0].split() for line in PACKAGES.read_text().splitlines())
    return [_package(words) for words in lines if words]


def _package(words: list[str]) -> Package:
    name, _, version = words[0].partition("==")
    digest, marks = words[1].removeprefix("sha256:"), words[2:]
    return Package(name, version, digest, "wheel" in marks, "slice" in marks)


def fetch(packages: list[Package]) -> None:
    """Bring what is not there yet. Raises: WrongDigest; what pip raises."""
    lacking = [package for package in packages if not package.place.exists()]
    for is_wheel in (False, True):
        some = [package for package in lacking if package.is_wheel == is_wheel]
        if some:
            with _index(is_wheel=is_wheel) as (finder, downloader):
                for package in some:
                    _fetch_one(package, finder, downloader)


@contextmanager
def _index(*, is_wheel: bool) -> Iterator[tuple[PackageFinder, Downloader]]:
    command: RequirementCommand = DownloadCommand("download", "")
    which = _WHEELS if is_wheel else ("--no-binary", ":all:")
    options, _ = command.parse_args([*which, "--no-deps", "--progress-bar", "off"])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(
            options, session, make_target_python(options), ignore_requires_python=True
        )
        yield finder, Downloader(session, "off")


def _fetch_one(package: Package, finder: PackageFinder, downloader: Downloader) -> None:
    version = SpecifierSet(f"=={package.version}")
    found = finder.find_best_candidate(package.name, version).best_candidate
    if found is None:
        raise FileNotFoundError(f"the index has no such archive of {package.name} {version}")
    CACHE.mkdir(exist_ok=True)
    arriving = Path(_bring(found.link, downloader))
    digest = hashlib.sha256(arriving.read_bytes()).hexdigest()
    of_index = found.link.hash if found.link.hash_name == "sha256" else digest
    if not digest == of_index == package.sha256:
        arriving.unlink()
        stated = f"{of_index} on the index, {package.sha256} in {PACKAGES.name}"
        raise WrongDigest(f"{found.link.filename}: sha256 {digest}, but {stated}")
    os.replace(arriving, package.place)


def _bring(link: Link, downloader: Downloader) -> str:
    if link.is_file:
        return shutil.copy(link.file_path, str(CACHE / "arriving"))
    path, _ = downloader(link, str(CACHE))
    return path

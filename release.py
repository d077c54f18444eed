"""Makes a release: dates the changelog, builds, checks what was built, and tags.

``make release VERSION=0.2.0`` does it here; ``make release-check`` does all of it in a clone that
is thrown away. Nothing is pushed or uploaded: RELEASING.md says what comes next.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parent
VERSION_FILE = Path("asyncdl/version.py")
CHANGELOG = Path("CHANGELOG.md")
UNRELEASED = "## Unreleased\n"
ONLY_IN_GIT = frozenset[str]()
"""Files of the repository that a source distribution is meant to be without."""
ONLY_IN_SDIST = frozenset({"PKG-INFO"})
"""What the build adds."""

_VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
_ASSIGNED = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


class NotReleasable(Exception):
    """Something is not as a release needs it; the message says what."""


def current_version(text: str) -> str:
    """Return the version that ``asyncdl/version.py`` has."""
    found = _ASSIGNED.search(text)
    if found is None:
        raise NotReleasable(f"{VERSION_FILE} assigns no __version__")
    return found[1]


def with_version(text: str, version: str) -> str:
    """Return ``asyncdl/version.py`` with another version."""
    current_version(text)
    return _ASSIGNED.sub(f'__version__ = "{version}"', text)


def dated(changelog: str, version: str, day: date) -> str:
    """Return the changelog with what is unreleased under a version and its day.

    Raises: NotReleasable, if nothing is unreleased, or the version is there already.
    """
    if f"\n## {version} " in changelog:
        raise NotReleasable(f"{CHANGELOG} has a section for {version} already")
    _, heading, rest = changelog.partition(UNRELEASED)
    if not heading or not rest.partition("\n## ")[0].strip():
        raise NotReleasable(f'{CHANGELOG} has nothing under "{UNRELEASED.strip()}"')
    section = f"{UNRELEASED}\n## {version} - {day.isoformat()}\n"
    return changelog.replace(UNRELEASED, section, 1)


def sdist_problems(members: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """Say in what a source distribution differs from the repository.

    Args:
        members: Names of its files, without the folder that all are in.
        tracked: What git knows.
    """
    there, wanted = frozenset(members) - ONLY_IN_SDIST, frozenset(tracked) - ONLY_IN_GIT
    missing = [f"the sdist lacks {name}" for name in sorted(wanted - there)]
    return missing + [f"the sdist has {name}, which git has not" for name in sorted(there - wanted)]


def wheel_problems(members: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """Say in what a wheel differs from the package as git knows it; metadata is passed over."""
    there = {name for name in members if ".dist-info/" not in name}
    wanted = {name for name in tracked if name.startswith("asyncdl/")}
    missing = [f"the wheel lacks {name}" for name in sorted(wanted - there)]
    return missing + [f"the wheel has {name}" for name in sorted(there - wanted)]


def members_of_sdist(path: Path) -> list[str]:
    """Return the names of the files in a source distribution, from its one folder on."""
    with tarfile.open(path) as archive:
        return [member.name.partition("/")[2] for member in archive if member.isfile()]


def members_of_wheel(path: Path) -> list[str]:
    """Return the names of the files in a wheel."""
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def check_ready(root: Path, version: str) -> None:
    """Raise NotReleasable unless this version can be made from this checkout."""
    if not _VERSION.fullmatch(version):
        raise NotReleasable(f"{version!r} is no version (allowed: such as 0.2.0 or 0.2.0rc1)")
    if _git(root, "status", "--porcelain"):
        raise NotReleasable("there are changes that are not committed")
    if _git(root, "tag", "--list", f"v{version}"):
        raise NotReleasable(f"the tag v{version} is there already")


def prepare(root: Path, version: str, day: date) -> None:
    """Write version and day into the files that have them."""
    _rewrite(root / CHANGELOG, lambda text: dated(text, version, day))
    _rewrite(root / VERSION_FILE, lambda text: with_version(text, version))


def build(root: Path, into: Path) -> tuple[Path, Path]:
    """Build a source distribution, and a wheel from it; return both."""
    _run([sys.executable, "-m", "build", "--outdir", str(into), str(root)], root)
    [sdist], [wheel] = into.glob("*.tar.gz"), into.glob("*.whl")
    return sdist, wheel


def check(root: Path, sdist: Path, wheel: Path, version: str) -> None:
    """Raise NotReleasable if what was built is not all that it should be, and that alone."""
    tracked = _git(root, "ls-files").splitlines()
    problems = sdist_problems(members_of_sdist(sdist), tracked)
    problems += wheel_problems(members_of_wheel(wheel), tracked)
    if problems:
        raise NotReleasable("\n".join(problems))
    _run([sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel)], root)
    _check_installed(wheel, version)


def _check_installed(wheel: Path, version: str) -> None:
    """Install the wheel as a user does and ask it for its version."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        programs = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin")
        pip = [str(programs / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "install", str(wheel)], Path(folder))
        shown = _run([str(programs / "asyncdl"), "--version"], Path(folder)).split()
        if version not in shown:
            raise NotReleasable(f"the wheel calls itself {' '.join(shown)}, not {version}")


def tag(root: Path, version: str) -> None:
    """Commit what was prepared and tag it."""
    _git(root, "commit", "--quiet", "--all", "--message", f"version: {version}")
    _git(root, "tag", "--annotate", f"v{version}", "--message", f"asyncdl {version}")


def release(root: Path, version: str, day: date, dist: Path) -> None:
    """Do all of it, in this order; where it fails, the files that were written go back.

    Raises: NotReleasable, saying why; then there is no commit and no tag.
    """
    check_ready(root, version)
    try:
        prepare(root, version, day)
        with tempfile.TemporaryDirectory() as folder:
            built = build(root, Path(folder))
            check(root, *built, version)
            dist.mkdir(exist_ok=True)
            for path in built:
                (dist / path.name).write_bytes(path.read_bytes())
    except BaseException:
        _git(root, "checkout", "--", str(CHANGELOG), str(VERSION_FILE))
        raise
    tag(root, version)


def rehearse(root: Path, version: str, day: date) -> None:
    """Make the release in a clone of what is committed, and throw that away."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "asyncdl"
        _run(["git", "clone", "--quiet", str(root), str(clone)], root)
        for key in ("user.name", "user.email"):
            _git(clone, "config", key, "rehearsal")
        release(clone, version, day, clone / "dist")
        for path in sorted((clone / "dist").iterdir()):
            print(f"{path.name}: {path.stat().st_size:,} bytes")


def _rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def _git(root: Path, *arguments: str) -> str:
    return _run(["git", *arguments], root)


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        raise NotReleasable(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Release from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", help="such as 0.2.0")
    parser.add_argument("--dry-run", action="store_true", help="in a clone that is thrown away")
    given = parser.parse_args()
    today = datetime.now(UTC).date()
    try:
        if given.dry_run:
            rehearse(ROOT, given.version, today)
            print(f"{given.version} can be released")
        else:
            release(ROOT, given.version, today, ROOT / "dist")
            print(f"v{given.version} is tagged; RELEASING.md says what comes next")
    except NotReleasable as problem:
        sys.exit(f"no release: {problem}")


if __name__ == "__main__":
    main()

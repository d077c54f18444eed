"""Make the environments in which the clients of others run, one for each dependency group.

::

    python -m tests.clients.environments .venv-clients

A group whose Python is not on this machine is left out, and its tests say so.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".venv-clients"
VERSIONS = {
    "clients": ("3.11", "3.12", "3.13"),
    # Its source is written for 3.12; it needs fiona, which has wheels up to 3.13.
    "clients-callusgs": ("3.12", "3.13"),
    # It needs shapely 1.8, which has wheels up to 3.11.
    "clients-landsatxplore": ("3.11", "3.10"),
}
"""Which versions of Python the clients of a group run on, the best first."""


def main() -> None:
    place = Path(sys.argv[1])
    for group, versions in VERSIONS.items():
        python = find_python(versions)
        if python is None:
            print(f"{group}: no Python {' or '.join(versions)} here")  # noqa: T201
        else:
            make(place / group, python, group)


def make(place: Path, python: str, group: str) -> None:
    """Make one environment. Raises: CalledProcessError, if a package cannot be had."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(place)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(place), "--disable-pip-version-check"]
    subprocess.run([*pip, "--quiet", "install", "--group", group], check=True, cwd=ROOT)


def find_python(versions: Iterable[str]) -> str | None:
    """Return a Python of one of some versions: this one, one on the path, or one of pyenv."""
    for version in versions:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            return sys.executable
        for candidate in _candidates(version):
            # What pyenv puts on the path need not run.
            done = subprocess.run([candidate, "-c", "import venv"], capture_output=True)
            if done.returncode == 0:
                return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    found = shutil.which(f"python{version}")
    if found:
        yield found
    for folder in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*")):
        yield str(folder / "bin" / "python")


def python_of(group: str) -> Path | None:
    """Return the Python of a group's environment, if it was made."""
    python = PLACE / group / "bin" / "python"
    return python if python.exists() else None


if __name__ == "__main__":
    main()

"""What is built has all that the repository has, and reads well where nothing lies beside it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

import release
from hatch_build import index_readme
from release import NotReleasable, dated, sdist_problems, wheel_problems, with_version

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## Unreleased\n\n### Added\n\n- More.\n"
DAY = date(2026, 12, 1)


@pytest.fixture
def tracked() -> list[str]:
    """The files that git knows, where this is a checkout."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("no checkout of git")
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def files_by(builder: SdistBuilder | WheelBuilder) -> list[str]:
    return [file.distribution_path for file in builder.recurse_included_files()]


@pytest.mark.allow_blocking
def test_a_source_distribution_has_every_file_of_the_repository(tracked: list[str]) -> None:
    assert sdist_problems(files_by(SdistBuilder(str(ROOT))), tracked) == []


@pytest.mark.allow_blocking
def test_a_wheel_has_the_package_and_nothing_else(tracked: list[str]) -> None:
    files = files_by(WheelBuilder(str(ROOT)))
    assert wheel_problems(files, tracked) == []
    assert "asyncdl/py.typed" in files


def test_what_is_missing_and_what_is_too_much_is_named() -> None:
    assert sdist_problems(["a", "secret", "PKG-INFO"], ["a", "b"]) == [
        "the sdist lacks b",
        "the sdist has secret, which git has not",
    ]
    assert wheel_problems(["tests/x.py", "asyncdl-1.dist-info/RECORD"], ["asyncdl/a.py"]) == [
        "the wheel lacks asyncdl/a.py",
        "the wheel has tests/x.py",
    ]


def test_the_metadata_has_a_readme_whose_links_lead_somewhere() -> None:
    readme = ProjectMetadata(str(ROOT), PluginManager()).core.readme
    assert readme.startswith("# asyncdl\n")
    assert "all keys" in readme
    assert readme == index_readme(readme, "", "")  # no relative link is left
    assert "docs/images" not in readme


README = """![A picture
of two lines](docs/a.svg)

See [all keys](docs/b.md#keys), [USGS](https://usgs.gov) and [below](#here)."""


def test_without_an_address_links_become_text_and_pictures_go() -> None:
    expected = "See all keys, [USGS](https://usgs.gov) and [below](#here)."
    assert index_readme(README, "", "1.0") == expected


def test_with_an_address_links_lead_to_the_files_of_the_version() -> None:
    made = index_readme(README, "https://code.example/o/asyncdl/", "1.0")
    assert "(https://code.example/o/asyncdl/raw/v1.0/docs/a.svg)\n\nSee" in made
    assert "[all keys](https://code.example/o/asyncdl/blob/v1.0/docs/b.md#keys)" in made
    assert "[USGS](https://usgs.gov) and [below](#here)" in made


def test_a_release_has_its_version_and_its_day() -> None:
    assert with_version('"""D."""\n\n__version__ = "0.1.0"\n', "0.2.0") == (
        '"""D."""\n\n__version__ = "0.2.0"\n'
    )
    made = dated(CHANGELOG, "0.2.0", DAY)
    assert "## Unreleased\n\n## 0.2.0 - 2026-12-01\n\n### Added\n\n- More.\n" in made


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: dated(dated(CHANGELOG, "0.2.0", DAY), "0.2.0", DAY),
        lambda: dated(dated(CHANGELOG, "0.2.0", DAY), "0.3.0", DAY),
        lambda: dated("# Changelog\n", "0.2.0", DAY),
        lambda: with_version("", "0.2.0"),
    ],
    ids=["there already", "nothing new", "no section", "no version"],
)
def test_what_cannot_be_released_is_refused(wrong: Callable[[], str]) -> None:
    with pytest.raises(NotReleasable):
        wrong()


def test_nothing_is_installed_from_an_index_that_has_no_asyncdl() -> None:
    """Another one's package could have the name there."""
    files = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("asyncdl/**/*.py")]
    by_name = re.compile(r"asyncdl\[\w+\]|pip install (-\S+ )*[\"']?asyncdl")
    assert [str(file) for file in files if by_name.search(file.read_text(encoding="utf-8"))] == []


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with the files that a release writes."""
    if shutil.which("git") is None:
        pytest.skip("no git")
    (tmp_path / "asyncdl").mkdir()
    (tmp_path / release.VERSION_FILE).write_text('__version__ = "0.1.0"\n')
    (tmp_path / release.CHANGELOG).write_text(CHANGELOG)
    git(tmp_path, "init", "--quiet")
    for key in ("user.name", "user.email"):
        git(tmp_path, "config", key, "test")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "all")
    return tmp_path


def build_nothing(root: Path, into: Path) -> tuple[Path, Path]:
    for name in ("a.tar.gz", "a.whl"):
        (into / name).touch()
    return into / "a.tar.gz", into / "a.whl"


@pytest.mark.allow_blocking
def test_a_release_commits_tags_and_keeps_what_it_built(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    dist = tmp_path_factory.mktemp("out") / "dist"
    monkeypatch.setattr(release, "build", build_nothing)
    monkeypatch.setattr(release, "check", lambda *given: None)
    release.release(checkout, "0.2.0", DAY, dist)
    assert git(checkout, "describe", "--exact-match") == "v0.2.0"
    assert git(checkout, "status", "--porcelain") == ""
    assert '"0.2.0"' in (checkout / release.VERSION_FILE).read_text()
    assert sorted(path.name for path in dist.iterdir()) == ["a.tar.gz", "a.whl"]
    with pytest.raises(NotReleasable, match=r"v0\.2\.0 is there already"):
        release.release(checkout, "0.2.0", DAY, dist)


@pytest.mark.allow_blocking
def test_where_a_check_fails_nothing_is_left_of_a_release(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise NotReleasable("a file is missing")

    monkeypatch.setattr(release, "build", build_nothing)
    monkeypatch.setattr(release, "check", refuse)
    with pytest.raises(NotReleasable, match="a file is missing"):
        release.release(checkout, "0.2.0", DAY, tmp_path / "dist")
    assert git(checkout, "status", "--porcelain") == ""
    assert git(checkout, "tag") == ""


def test_the_checks_of_a_release_are_a_group_of_their_own() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    assert {name.partition(">")[0] for name in groups["release"]} == {"build", "hatchling", "twine"}


def test_the_readme_names_every_extra_and_what_it_brings() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    rows = set(re.findall(r"^\| `(\w+)` \| .*\b[\w-]+ \| ", readme, re.MULTILINE))
    assert rows == set(project["optional-dependencies"])

"""The table of rooms: who may import whom. The code is read, not believed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "asyncdl"

ROOMS: dict[str, set[str]] = {
    "version": set(),
    "renamed": set(),
    "redact": set(),
    "text": set(),
    "outside": set(),
    "user_text": set(),
    "units": set(),
    "markup": set(),
    "private_files": {"system", "redact"},
    "extras": set(),
    "login_hosts": set(),
    "remedies": set(),
    "errors": {"redact", "remedies"},
    "system": set(),
    "at_exit": set(),
    "background": {"errors"},
    "events": {"errors"},
    "run_state": {"events", "text", "units"},
    "metrics": {"errors", "events", "extras", "run_state", "version"},
    "net": {"errors", "extras", "outside", "redact", "version"},
    "stores": {"errors", "extras"},
    "archive": {"errors", "m2m", "stac", "stores"},
    "config": {
        "user_text", "errors", "net.hosts", "outside", "stores.address", "text", "units",
    },
    "transfer": {
        "system", "background", "errors", "events", "login_hosts", "net", "outside",
        "private_files", "redact", "text", "user_text",
    },
    "m2m": {
        "background", "errors", "events", "net", "outside", "private_files", "redact", "system",
        "text", "user_text",
    },
    "stac": {"background", "errors", "events", "net", "outside", "redact"},
    "lists": {"errors", "outside", "redact", "transfer", "user_text"},
    "items": {"errors", "transfer", "m2m"},
    "windows": {"errors", "items.projections", "items.raster_head", "transfer.ranges"},
    "journal": {
        "background", "config", "errors", "events", "m2m", "outside",
        "stores.address", "system", "text", "transfer",
    },
    "job": {
        "background", "errors", "events", "extras", "config", "markup", "outside", "net", "redact",
        "run_state", "system", "text", "units", "user_text", "transfer", "m2m", "stac", "items",
        "journal", "windows", "cluster", "stores", "archive",
    },
    "cluster": {
        "errors", "events", "extras", "job.places", "journal", "net", "redact", "stores",
        "system", "transfer", "version",
    },
    "doctor": {
        "version", "errors", "config", "net", "redact", "m2m", "job", "journal", "stores", "units",
    },
    "progress": {"events", "extras", "run_state", "text", "units"},
    "sandbox": {"background", "errors", "net.addresses", "net.hosts", "m2m.naming"},
    "pages": {"version", "events", "markup", "job.reporting", "m2m.naming", "units"},
    "cli": {
        "version", "errors", "events", "config", "outside", "net", "redact", "text", "units",
        "transfer", "lists", "m2m", "stac", "journal", "job", "doctor", "library", "pages",
        "progress", "run_state", "sandbox", "stores.address", "system",
    },
    "library": {
        "background", "config", "errors", "events", "job", "journal", "m2m", "markup", "net",
        "pages", "stores", "text", "transfer", "units",
    },
    "sync": {"at_exit", "config", "errors", "transfer", "m2m", "job", "library"},
    "__main__": {"cli"},
}  # fmt: skip
"""For each room the rooms it may import; as in docs/design.md."""

FLOORS: dict[str, tuple[set[str], ...]] = {
    "job": (
        {"reporting"},
        {"places"},
        {"choosing"},
        {"queue"},
        {"run_context", "deferred_calls", "fetcher_choice"},
        {"stages"},
    ),
    "m2m": (
        {"models", "tolerant", "naming", "bands", "reply_rows"},
        {"searching"},
        {"account"},
        {"calling"},
        {"m2m_client", "scene_lists"},
        {"downloads"},
    ),
}
"""The floors of a room, from the ground up; what is not named lives above all of them."""

FACES = {"journal"}
"""Rooms of which others import the face alone."""

LAZY = {"__init__"}
"""The package's face imports every room, but only when a name is asked for."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Yield what a module imports of asyncdl, without the package's name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            if node.module.partition(".")[0] == "asyncdl":
                for alias in node.names:
                    yield imported_from(node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("asyncdl."):
                    yield alias.name.removeprefix("asyncdl.")


def imported_from(module: str, name: str) -> str:
    """Return the module that ``from module import name`` is about."""
    folder = PACKAGE.parent.joinpath(*module.split("."))
    is_module = (folder / name).is_dir() or (folder / f"{name}.py").is_file()
    whole = f"{module}.{name}" if is_module else module
    return whole.removeprefix("asyncdl").removeprefix(".") or "__init__"


def may_import(room: str, wanted: str) -> bool:
    if wanted.partition(".")[0] == room:
        return True
    return any(wanted == allowed or wanted.startswith(f"{allowed}.") for allowed in ROOMS[room])


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_imports_only_rooms_that_its_room_may(path: Path) -> None:
    room = name_of(path).partition(".")[0]
    if room in LAZY:
        return
    wrong = [wanted for wanted in imports_of(path) if not may_import(room, wanted)]
    assert not wrong, f"{name_of(path)} may not import {', '.join(wrong)}"


@pytest.mark.parametrize("face", sorted(FACES))
def test_the_modules_behind_a_face_are_the_rooms_own(face: str) -> None:
    outside = [path for path in modules() if name_of(path).partition(".")[0] not in (face, *LAZY)]
    wanted = {name_of(path): sorted(imports_of(path)) for path in outside}
    behind = {name: [w for w in all_ if w.startswith(f"{face}.")] for name, all_ in wanted.items()}
    assert not {name: found for name, found in behind.items() if found}


def floor_of(module: str) -> int:
    """Return the floor of a module in a room that has some."""
    room, part = module.split(".")[:2]
    floors = FLOORS[room]
    return next((n for n, parts in enumerate(floors) if part in parts), len(floors))


def modules_on_floors() -> list[Path]:
    """Return the modules of all rooms with floors, but for the rooms' faces."""
    inside = (path for room in sorted(FLOORS) for path in (PACKAGE / room).rglob("*.py"))
    return sorted(path for path in inside if name_of(path) not in FLOORS)


@pytest.mark.parametrize("path", modules_on_floors(), ids=name_of)
def test_a_module_imports_from_no_floor_of_its_room_above_its_own(path: Path) -> None:
    name = name_of(path)
    room = name.partition(".")[0]
    inner = [wanted for wanted in imports_of(path) if wanted.startswith(f"{room}.")]
    above = [wanted for wanted in inner if floor_of(wanted) > floor_of(name)]
    assert not above, f"{name} may not import {', '.join(above)}"


def test_modules_of_a_room_do_not_import_each_other_in_a_circle() -> None:
    graph = {name_of(path): set(imports_of(path)) for path in modules()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circle: {' -> '.join((*trail, name))}"
        if name in done or name == "__init__":
            return
        for wanted in graph.get(name, ()):
            visit(wanted, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())

"""A run's progress as notebooks draw it, in a real browser: wide, and in a narrow column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PARTS = Path("asyncdl/progress/parts").resolve()
NAMES = [f"LC08_L2SP_068017_20200310_20200822_02_T1_{band}.TIF" for band in ("SR_B4", "QA_PIXEL")]
STATE: dict[str, Any] = {
    "totals": ["1 scene", "0 of 3 files"], "share": 0.4, "speed": ["2 MB of 5 MB", "1 MB/s"],
    "files": [
        {"name": n, "note": "", "share": 0.5, "sizes": "904.2 kB of 2.2 MB", "rate": "140.2 kB/s"}
        for n in NAMES
    ],
    "more": 0, "preparation": [], "delays": [], "notices": [], "status": "",
}  # fmt: skip
PAGE = """<!doctype html><style>body {{ margin: 0 }} {css}</style><div id="cell"></div><script>
{script}
const model = {{get: () => ({state}), on() {{}}, off() {{}}}};
render({{model, el: document.querySelector("#cell")}});
</script>"""
SEEN = """
const cell = document.querySelector("#cell");
cell.style.width = arguments[0];
const box = (part) => part.getBoundingClientRect(), edge = box(cell).right;
return [...cell.querySelectorAll(".file")].map((file) => {
  const end = file.querySelector(".name").lastElementChild;
  return {
    end: end.textContent,
    isShown: end.scrollWidth <= end.clientWidth || box(end).right <= box(file.children[2]).left,
    bar: box(file.querySelector(".bar")).width,
    isInside: [...file.children].every((part) => box(part).right <= edge + 1),
  };
});
"""


def test_files_have_a_bar_and_the_end_of_their_name(window: Browser, tmp_path: Path) -> None:
    """Names of a scene differ in their ends alone, and nobody scrolls a display sideways."""
    script = (PARTS / "widget.js").read_text(encoding="utf-8").replace("export default", "void")
    css = (PARTS / "widget.css").read_text(encoding="utf-8")
    page = tmp_path / "widget.html"
    page.write_text(PAGE.format(css=css, script=script, state=json.dumps(STATE)), encoding="utf-8")
    window.open(page)
    for width in ("340px", "520px", "900px"):
        files = window.run(SEEN, width)
        assert all(name.endswith(f["end"]) for name, f in zip(NAMES, files, strict=True)), width
        assert all(f["isShown"] and f["isInside"] and f["bar"] >= 40 for f in files), (width, files)
    assert window.complaints() == []

"""``examples/notebook.ipynb``: its cells run in order, as Jupyter runs them."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import anyio
import pytest

import asyncdl
from asyncdl.sandbox import Faults
from asyncdl.sandbox.admin_api import CleanupReport
from tests.e2e.conftest import files_under

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
NOT_COUNTED = ("#", "import ", "from ")


def cells(kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == kind]


@pytest.mark.slow
@pytest.mark.allow_blocking  # a config is read before the work begins, on the loop or not
async def test_its_cells_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(EXAMPLES / "anchorage.geojson", tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in cells("code"):
        code = compile(cell, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.isawaitable(result):
            await result
    summary = names["summary"]
    assert isinstance(summary, asyncdl.Summary)
    assert summary.is_complete
    assert len(files_under(tmp_path / "data")) == 54
    assert "Fetching into" in capsys.readouterr().out
    assert names["service"].cleanup_report == CleanupReport()


def test_a_kernel_shows_widgets_tables_and_maps(tmp_path: Path) -> None:
    """As Jupyter runs it: in a kernel of its own, which the display talks to."""
    pytest.importorskip("nbclient", reason="nbclient is not installed: make extras")
    nbformat, nbclient = map(importlib.import_module, ("nbformat", "nbclient"))
    shutil.copy(EXAMPLES / "anchorage.geojson", tmp_path)
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=200, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    kinds = [kind for output in shown for kind in output.get("data", {})]
    assert kinds.count("application/vnd.jupyter.widget-view+json") == 1
    assert kinds.count("text/html") == 4  # scenes, map, plan, outcome
    (state,) = [s for s in client.widget_state.values() if "state" in s and "_esm" in s]
    assert (state["state"]["status"], state["state"]["share"]) == ("complete", 1.0)
    assert len(files_under(tmp_path / "data")) == 54


BEFORE = """
import asyncdl
account = asyncdl.Credentials({user!r}, {token!r})
given = dict(service={service}, credentials=account, directory={to!r})
scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of packages that are none of ours
@pytest.mark.parametrize("call", ["await asyncdl.download", "asyncdl.sync.download"])
async def test_the_stop_button_ends_a_cell_and_the_next_one_goes_on(
    tmp_path: Path, call: str
) -> None:
    """What came before is kept: an interrupt in a notebook is what Ctrl-C is in a terminal."""
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: make extras")
    manager = importlib.import_module("jupyter_client.manager")
    slow = Faults(rate=400)  # a file takes twenty seconds
    async with asyncdl.sandbox.serve(faults=slow) as service:
        kernel, client = await manager.start_new_async_kernel(kernel_name="python3")
        try:
            where = {"url": service.url, "stac_url": service.stac_url}
            account = {"user": service.username, "token": service.token}
            cell = f"summary = {call}(scenes, bands=['SR_B4', 'SR_B5'], **given)\nprint(summary)"
            await shown(client, BEFORE.format(service=where, to=str(tmp_path), **account))
            # Else the kernel aborts what comes right after an error, as for "Run All".
            stopped = client.execute(cell, stop_on_error=False)
            with anyio.fail_after(200):
                while not list(tmp_path.rglob("*.part")):
                    await anyio.sleep(0.02)
            await kernel.interrupt_kernel()
            assert (await reply_to(client, stopped))["status"] == "error"
            report = json.loads((tmp_path / "asyncdl-report.json").read_bytes())
            assert report["status"] == "interrupted"
            service.faults = Faults()
            assert "<Summary: complete; 2 files" in await shown(client, cell)
        finally:
            client.stop_channels()
            await kernel.shutdown_kernel(now=True)
    assert len(list(tmp_path.rglob("*.TIF"))) == 2 and not list(tmp_path.rglob("*.part*"))


async def shown(client: Any, code: str) -> str:
    """Run a cell and return what it prints."""
    asked = client.execute(code)
    reply = await reply_to(client, asked)
    assert reply["status"] == "ok", reply
    printed = ""
    while True:
        message = await client.get_iopub_msg(timeout=200)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "stream":
            printed += message["content"]["text"]
        if message["content"].get("execution_state") == "idle":
            return printed


async def reply_to(client: Any, asked: str) -> dict[str, Any]:
    while True:
        message = await client.get_shell_msg(timeout=200)
        if message["parent_header"].get("msg_id") == asked:
            content: dict[str, Any] = message["content"]
            return content


def test_it_says_how_many_lines_of_code_it_has() -> None:
    lines = [line.strip() for cell in cells("code") for line in cell.splitlines()]
    counted = [line for line in lines if line and not line.startswith(NOT_COUNTED)]
    [(told, number)] = re.findall(
        r"It has\s(\d+) lines of code in (\d+) cells", cells("markdown")[0]
    )
    assert (int(told), int(number)) == (len(counted), len(cells("code")))


def test_it_is_stored_without_outputs() -> None:
    stored = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in stored)

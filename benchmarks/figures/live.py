"""What running commands of a tree shows: how much one file meets, and how a fault is put.

The walk: one file of one scene is fetched by ``run`` and one URL by ``get``, each under a trace.
A module counts when one of its functions ran, a class when one of its methods did; the sandbox,
which runs in a process of its own, does not count. So the numbers are of one way through the
code, the plainest one, and do not depend on what its modules are called.

The sentences: a host that refuses, closes or speaks no HTTP is asked by all parts that speak HTTP
(``doctor`` for the M2M API, its own look and the STAC service; a job's look at the STAC service;
``get`` by our own connections, and through a proxy). What each says after the host's name is its
sentence for that fault.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TRACE = Path(__file__).with_name("trace.py")
LIMIT_S = 120
BODY = bytes(range(256)) * 64
SCENE = "LC08_L2SP_068018_20200310_20200822_02_T1"
FAULTS: Mapping[str, bytes | None] = {
    "refused": None,
    "closed": b"",
    "not HTTP": b"hello there\r\n\r\n",
}
"""What a host sends before it closes; nothing is there at all for ``None``."""


class Tree:
    """One version of the code, and a folder to run its commands in."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder

    def environment(self, **more: str) -> dict[str, str]:
        own = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
        home = str(self.folder)
        places = {"HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home}
        account = {"ASYNCDL_USERNAME": "sandbox", "ASYNCDL_TOKEN": "sandbox-token"}
        path = {"PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        return own | places | account | path | more

    def run(self, *arguments: str, **env: str) -> str:
        """Run a command and return all it says; it may take :data:`LIMIT_S`."""
        return self._python("-m", "asyncdl", *arguments, **env)

    def _python(self, *arguments: str, **env: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=self.environment(**env), check=False,
            cwd=self.folder, capture_output=True, text=True, timeout=LIMIT_S,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.stdout + done.stderr

    def get(self, url: str, **env: str) -> str:
        """Fetch a URL with one attempt, and return all that is said."""
        folder = str(self.folder / "got")
        return self.run("get", "-q", "--attempts", "1", url, "-d", folder, **env)

    def traced(self, *arguments: str) -> set[tuple[str, str]]:
        """Run a command; return file and qualified name of every function that ran."""
        out = self.folder / "trace.json"
        said = self._python(str(TRACE), str(self.root / "asyncdl"), str(out), *arguments)
        if not out.exists():
            raise RuntimeError(f"asyncdl {' '.join(arguments)} was not traced:\n{said}")
        seen = {(file, name) for file, name in json.loads(out.read_text())}
        out.unlink()
        if not seen:
            raise RuntimeError(f"another asyncdl than that of {self.root} ran:\n{said}")
        return seen

    @contextmanager
    def sandbox(self) -> Iterator[dict[str, str]]:
        """Serve the tree's embedded service; yield what it says of itself."""
        process = subprocess.Popen(
            [sys.executable, "-m", "asyncdl", "sandbox", "--port", "0"], cwd=self.folder,
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(4)]
            yield {
                key.strip(): value.strip() for key, _, value in (x.partition("=") for x in lines)
            }
        finally:
            process.terminate()
            process.wait()
            process.stdout.close()

    def config(self, url: str, stac_url: str) -> str:
        """Write a config that wants one file, and return its path."""
        path = self.folder / "job.toml"
        path.write_text(
            f'[service]\nurl = "{url}"\nstac_url = "{stac_url}"\n[search]\nscenes = ["{SCENE}"]\n'
            '[[products]]\nkind = "bands"\nbands = ["SR_B4"]\n[download]\ndirectory = "data"\n'
        )
        return str(path)


# --- the walk -----------------------------------------------------------------------


def walk_of(tree: Tree) -> dict[str, float]:
    """Return how many modules and classes one file meets, of a job and of a plain URL."""
    with tree.sandbox() as served:
        job = tree.traced(
            "run", tree.config(served["url"], served["stac_url"]), "--no-progress", "-q"
        )
    with serving_a_file() as url:
        get = tree.traced("get", "-q", "--no-progress", url, "-d", str(tree.folder / "got"))
    return {
        "modules that one file of a job runs through": len(modules_in(job)),
        "classes whose methods it meets": len(classes_in(job)),
        "modules that one URL of `get` runs through": len(modules_in(get)),
        "classes whose methods that meets": len(classes_in(get)),
    }


def modules_in(seen: set[tuple[str, str]]) -> set[str]:
    """Return the files with a function that ran; that they were imported does not count."""
    return {file for file, name in seen if name != "<module>"}


def classes_in(seen: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the classes with a method that ran."""
    owned = ((file, name.split(".<locals>")[0]) for file, name in seen)
    return {(file, name.rpartition(".")[0]) for file, name in owned if "." in name}


class _OneFile(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(BODY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving_a_file() -> Iterator[str]:
    """Serve a file on a plain host; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _OneFile) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/file.bin"
        finally:
            server.shutdown()
            thread.join()


# --- the sentences ------------------------------------------------------------------


def sentences_of(tree: Tree) -> dict[str, dict[str, str]]:
    """Return, for each fault, what each part says of it."""
    found = {}
    with tree.sandbox() as served:
        for fault, sent in FAULTS.items():
            with failing_host(sent) as host:
                found[fault] = dict(_said(tree, served["url"], host, fault))
    return found


def _said(tree: Tree, good_url: str, host: str, fault: str) -> Iterator[tuple[str, str]]:
    doctor = tree.run("doctor", tree.config(f"http://{host}/", f"http://{host}"), "--json")
    lines = [json.loads(line) for line in doctor.splitlines() if line.startswith("{")]
    for check in (check for line in lines for check in line.get("checks", [line])):
        if check.get("name") in ("api", "stac", "login"):
            text = "\n".join(value for value in check.values() if isinstance(value, str))
            yield f"doctor {check['name']}", sentence_in(text, host)
    shutil.rmtree(tree.folder / "data", ignore_errors=True)  # else it would ask for no digests
    job = tree.run("run", tree.config(good_url, f"http://{host}"), "--no-progress", "-v")
    yield "job stac", sentence_in(job, host)
    got = tree.get(f"http://{host}/x")
    yield "get", sentence_in(got, host)
    if fault != "refused":  # that a proxy refuses is another fault
        proxied = tree.get("http://example.org/x", http_proxy=f"http://{host}")
        yield "get by a proxy", sentence_in(proxied, host)


_ADDRESS = re.compile(r"\s*\('127\.0\.0\.1', \d+\)")
_ENDS = re.compile(r"\s*\[[\w-]+\]$|; |, \w+=|\)")


def sentence_in(said: str, host: str) -> str:
    """Return what is said of a host: what follows its name, or stands in brackets behind it.

    What comes after it, such as a remedy or the code of a reason, is left out.
    """
    line = next((line for line in said.splitlines() if host in line), "")
    line = _ADDRESS.sub("", line)
    behind = line.partition(f"{host}: ")[2] or line.partition(host)[2].partition("(")[2]
    return _ENDS.split(behind)[0].strip(" .") or "(nothing)"


@contextmanager
def failing_host(sent: bytes | None) -> Iterator[str]:
    """Serve a host that fails; yield ``host:port``."""
    server = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{server.getsockname()[1]}"
    if sent is None:
        server.close()
        yield host
        return
    thread = threading.Thread(target=_fail, args=(server, sent))
    thread.start()
    try:
        yield host
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def _fail(server: socket.socket, sent: bytes) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(sent)


@contextmanager
def scratch(root: Path) -> Iterator[Tree]:
    """Yield a tree with a folder of its own to run in."""
    with tempfile.TemporaryDirectory() as folder:
        yield Tree(root, Path(folder))

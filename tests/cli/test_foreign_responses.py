"""How commands end when the service refuses, or somebody else responds in its place."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

DATA = Path(__file__).parents[1] / "data"
TOKEN = "token-that-nobody-may-see"
BLOCKED = b"<html><title>Request blocked</title><body>by the firewall</body></html>"


@contextmanager
def foreign_service(status: int, body: bytes, *, at: str) -> Iterator[tuple[str, Counter[str]]]:
    """Answer one endpoint like this and the others as the service would."""
    calls: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            endpoint = self.path.rpartition("/")[2]
            calls[endpoint] += 1
            data = b'["download"]' if endpoint == "permissions" else b'"key"'
            fine = b'{"data": %b, "errorCode": null}' % data
            content = body if endpoint == at else fine
            self.send_response(status if endpoint == at else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", calls
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("at", ["login-token", "scene-list-add"])
@pytest.mark.parametrize(
    ("status", "body", "exit_status", "words"),
    [
        (403, BLOCKED, 1, 'not M2M\'s (no type, BaseHTTP'),
        (403, BLOCKED, 1, 'says "Request blocked"'),
        (451, b"", 1, "country"),
        (200, "UNAUTHORIZED_USER_2022-04", 3, "Access Request"),
        (500, "UNAUTHORIZED_USER_2022-04", 3, "Access Request"),
        (404, "removed_endpoint_2025-03", 1, "USGS has removed or renamed this endpoint"),
        (500, "INPUT_PARAMETER_REQUIRED_http500_2023-12", 1, "label is required"),
    ],
)  # fmt: skip
def test_a_run_ends_at_once_and_says_why(
    at: str,
    status: int,
    body: bytes | str,
    exit_status: int,
    words: str,
    terminal: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASYNCDL_USERNAME", "ann")
    monkeypatch.setenv("ASYNCDL_TOKEN", TOKEN)
    if isinstance(body, str):
        body = (DATA / f"recorded_error_{body}.json").read_bytes()
    with foreign_service(status, body, at=at) as (url, calls):
        config = tmp_path / "job.toml"
        config.write_text(
            f'[service]\nurl = "{url}"\nstac_url = ""\n'
            '[search]\nscenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]\n'
            '[[products]]\nkind = "bundle"\n'
            f'[download]\ndirectory = "{tmp_path}/data"\n'
        )
        assert terminal.run("run", str(config)) == exit_status
    printed = terminal.out + terminal.err
    assert words in printed
    assert TOKEN not in printed
    assert calls[at] == 1
    assert calls["login-token"] == 1

"""The line and what is behind it: nginx with TLS, in front of files or of the sandbox."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.request import urlopen

from benchmarks.lines.model import Line
from benchmarks.servers import make_certificate, nginx, running

HOST = "127.0.0.1"
ACCESS_LOG = "access.log"
FORWARDER_NOTE = "carried.json"
_AHEAD = -10
"""The priority of what only exists because the line is simulated, where that may be set."""

_TLS = """
    log_format moments '$msec $request_time $status $remote_port $uri';
    {more}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:lines:1m;
        access_log {folder}/access.log moments;
        {locations}
    }}
"""
_UPSTREAM = "upstream sandbox {{ server 127.0.0.1:{sandbox}; keepalive 64; }}"
_PROXY = """
        proxy_pass http://sandbox;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host 127.0.0.1:{sandbox};
        proxy_max_temp_file_size 0;
        proxy_redirect http://127.0.0.1:{sandbox}/ https://127.0.0.1:{public}/;
"""
_TO_SANDBOX = """
        location / {{ {proxy} }}
        location /api/ {{
            {proxy}
            proxy_set_header Accept-Encoding "";
            sub_filter_types application/json;
            sub_filter_once off;
            sub_filter "http://127.0.0.1:{sandbox}" "https://127.0.0.1:{public}";
            sub_filter "http:\\/\\/127.0.0.1:{sandbox}" "https:\\/\\/127.0.0.1:{public}";
        }}
"""


@contextmanager
def serving_files(data: Path, folder: Path, port: int) -> Iterator[Path]:
    """Serve ``data`` by TLS; gives the certificate."""
    make_certificate(folder)
    with nginx(data, folder, _TLS.format(folder=folder, port=port, more="", locations=""), port):
        yield folder / "cert.pem"


@contextmanager
def serving_sandbox(sandbox: int, folder: Path, port: int, public: int) -> Iterator[Path]:
    """Serve the sandbox of one port by TLS at another; gives the certificate.

    Args:
        sandbox: Where the sandbox listens.
        folder: What nginx writes.
        port: Where nginx listens.
        public: What links lead to: the port of the line.
    """
    make_certificate(folder)
    proxy = _PROXY.format(sandbox=sandbox, public=public)
    locations = _TO_SANDBOX.format(sandbox=sandbox, public=public, proxy=proxy)
    more = _UPSTREAM.format(sandbox=sandbox)
    block = _TLS.format(folder=folder, port=port, more=more, locations=locations)
    with nginx(folder, folder, block, port):
        yield folder / "cert.pem"


@contextmanager
def behind_line(line: Line, listen: int, port: int, folder: Path) -> Iterator[None]:
    """Put a line between two ports; its note is in ``folder`` at the end."""
    fields = {name: value for name, value in asdict(line).items() if not math.isinf(value)}
    forwarder = [sys.executable, "-m", "benchmarks.lines.forwarder"]
    ends = ["--listen", str(listen), "--to", str(port), "--note", str(folder / FORWARDER_NOTE)]
    with running([*forwarder, *ends, "--line", json.dumps(fields)], listen, priority=_AHEAD):
        yield


@contextmanager
def running_sandbox(port: int, settings: list[str]) -> Iterator[None]:
    """Run the sandbox in a process of its own, and wait until it responds."""
    command = [sys.executable, "-m", "benchmarks.lines.sandbox", "--port", str(port), *settings]
    with running(command, port):
        urlopen(f"http://{HOST}:{port}/sandbox").close()
        yield

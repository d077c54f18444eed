"""A real nginx on free ports of 127.0.0.1: plain, over TLS, and capped per connection."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CAP_BYTES_S = 8 << 20
"""What the capped server gives each connection."""

_CONFIG = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    root {data};
    server {{ listen 127.0.0.1:{http}; }}
    server {{
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        ssl_session_cache shared:bench:1m;
    }}
    server {{ listen 127.0.0.1:{capped}; limit_rate {cap}; }}
}}
"""


@dataclass(frozen=True)
class Servers:
    """Where the three servers listen, and what makes the second one trusted."""

    http: int
    tls: int
    capped: int
    certificate: Path

    def origin(self, server: str) -> str:
        """Return the origin of the server called ``http``, ``tls`` or ``capped``."""
        scheme = "https" if server == "tls" else "http"
        return f"{scheme}://127.0.0.1:{getattr(self, server)}"


@contextmanager
def serve(data: Path, folder: Path) -> Iterator[Servers]:
    """Serve ``data``; nginx keeps what it writes in ``folder`` and ends with the block."""
    http, tls, capped = _free_ports(3)
    servers = Servers(http, tls, capped, folder / "cert.pem")
    _make_certificate(folder)
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(
            user=user, folder=folder, data=data, http=http, tls=tls, capped=capped, cap=CAP_BYTES_S
        )
    )
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(config), "-p", str(folder)]
    with subprocess.Popen(command, start_new_session=True) as nginx:
        try:
            _wait_for(http)
            yield servers
        finally:
            nginx.send_signal(signal.SIGTERM)


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")),
        ],
        check=True,
        capture_output=True,
    )


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def _wait_for(port: int) -> None:
    give_up_at = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return

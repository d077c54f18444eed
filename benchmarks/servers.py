"""Real servers on free ports of 127.0.0.1, and ports where none is: the home of all of them.

What is served lies in one folder; what the servers write, in another.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

CAP_BYTES_S = 8 << 20
"""What the capped server gives each connection."""
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where Debian keeps servers; not in everybody's path."""

_NGINX = """\
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
    {servers}
}}
"""
_BENCH = """
    server {{ listen 127.0.0.1:{http}; }}
    server {{
        listen 127.0.0.1:{tls} ssl;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        ssl_session_cache shared:bench:1m;
    }}
    server {{ listen 127.0.0.1:{capped}; limit_rate {cap}; }}
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
    http, tls, capped = free_ports(3)
    servers = Servers(http, tls, capped, folder / "cert.pem")
    make_certificate(folder)
    blocks = _BENCH.format(folder=folder, http=http, tls=tls, capped=capped, cap=CAP_BYTES_S)
    with nginx(data, folder, blocks, http):
        yield servers


@contextmanager
def nginx(data: Path, folder: Path, servers: str, port: int) -> Iterator[None]:
    """Run nginx until the block ends.

    Args:
        data: What it serves.
        folder: What it writes.
        servers: Its ``server`` blocks, and what else belongs into ``http``.
        port: One that it listens on.
    """
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(_NGINX.format(user=user, folder=folder, data=data, servers=servers))
    command = ["nginx", "-e", str(folder / "error.log"), "-c", str(config), "-p", str(folder)]
    with running(command, port):
        yield


@contextmanager
def running(
    command: Sequence[str], port: int, *, priority: int = 0, is_quiet: bool = False
) -> Iterator[None]:
    """Run a server that stays in the foreground, until the block ends.

    Args:
        command: What runs it; its output goes nowhere.
        port: Where it listens.
        priority: Below 0 it goes before others, where this may be set.
        is_quiet: Whether its errors go nowhere, too.
    """
    path = f"{os.environ.get('PATH', '')}:{SBIN}"
    environment = {**os.environ, "PATH": path}
    with subprocess.Popen(
        command,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL if is_quiet else None,
    ) as server:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, server.pid, priority)
        try:
            wait_for(port)
            yield
        finally:
            server.send_signal(signal.SIGTERM)


def make_certificate(folder: Path) -> None:
    """Make ``cert.pem`` and ``key.pem``, for 127.0.0.1 and two days."""
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


def trusting(certificate: Path) -> dict[str, str]:
    """Return the environment in which programs trust a certificate, whatever else it says."""
    names = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    return dict.fromkeys(names, str(certificate))


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server((address, 0)) for _ in range(count)]
    try:
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def wait_for(port: int) -> None:
    """Wait until somebody listens. Raises: OSError, if nobody does within ten seconds."""
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


@contextmanager
def refused() -> Iterator[str]:
    """A port that nobody listens on."""
    yield f"http://127.0.0.1:{free_ports(1)[0]}"


@contextmanager
def dropped() -> Iterator[str]:
    """A port with a full backlog: what asks for a connection hears nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            for filler in fillers:
                filler.close()

"""The real servers of the cases from the field: nginx, Apache and lighttpd, as Debian has them."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import free_ports, make_certificate, nginx, running

KIB, MIB = 1 << 10, 1 << 20
SLOW_BYTES_S = MIB
"""What the slow server gives each connection."""
CAP_BYTES_S = 512 * KIB
"""So that a file of the list takes a second, and connections are what counts."""
LIST_FILES = 100
LIST_FILE_BYTES = MIB
FAILS_PERCENT = 5

_MODULES = "/usr/lib/apache2/modules"
_NGINX = """
    log_format sent '$uri $body_bytes_sent';
    split_clients "$request_id" $fails {{ {percent}% 1; * 0; }}
    server {{ listen 127.0.0.1:{plain}; }}
    server {{
        listen 127.0.0.1:{slow};
        limit_rate {slow_rate};
        sendfile_max_chunk 64k;
        access_log {folder}/slow.log sent;
    }}
    server {{ listen 127.0.0.1:{capped}; limit_rate {cap}; }}
    server {{
        listen 127.0.0.1:{failing};
        limit_rate {cap};
        location / {{ if ($fails) {{ return 503; }} }}
    }}
    {secure}
"""
_SECURE = """
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/{name}.pem;
        ssl_certificate_key {folder}/{name}.key;
    }}"""
_APACHE = """\
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
Mutex posixsem
# One of the programs leaves the port out of what it calls the host.
ServerName 127.0.0.1:{port}
UseCanonicalName On
Listen 127.0.0.1:{port}
{user}
{modules}
TypesConfig /dev/null
AddType text/csv .csv
DocumentRoot {data}
<Directory {data}>
    Require all granted
</Directory>
# A proxy or a module that compresses whatever the client says.
<Location /always-gzip>
    SetEnv force-gzip 1
    SetOutputFilter DEFLATE
</Location>
# A rule against download managers, as they are copied from one blog to the next.
RewriteEngine On
RewriteCond %{{HTTP:Range}} .
RewriteRule ^/no-ranges/ - [F]
Redirect 302 /moved/ /pub/blogindex/
"""
_LIGHTTPD = """\
server.document-root = "{data}"
server.port = {port}
server.bind = "127.0.0.1"
server.errorlog = "{folder}/lighttpd.log"
server.modules = ( "mod_redirect" )
server.stat-cache-engine = "disable"
mimetype.assign = ( ".html" => "text/html", "" => "application/octet-stream" )
url.redirect = ( "^/hops/0$" => "/page.html", "^/hops/([1-9])$" => "/hops/$1" )
"""
_APACHE_MODULES = (
    "mpm_event", "authz_core", "mime", "filter", "deflate", "env", "setenvif", "alias", "rewrite",
)  # fmt: skip


@dataclass(frozen=True)
class FieldServers:
    """Where they listen, and what they serve."""

    data: Path
    folder: Path
    plain: str
    slow: str
    capped: str
    failing: str
    apache: str
    lighttpd: str
    secure: dict[str, str]
    """Origins over TLS, by what their certificate is: ``good``, ``expired``, ``other-host``."""
    authority: Path
    """Who has signed those; nobody trusts it by default."""

    def slow_bytes_sent(self, path: str) -> int:
        """Return how many bytes of a file the slow server has sent in all."""
        lines = (self.folder / "slow.log").read_text().splitlines()
        return sum(int(sent) for name, sent in map(str.split, lines) if name == f"/{path}")


@contextmanager
def serve_field(data: Path, folder: Path) -> Iterator[FieldServers]:
    """Run all servers until the block ends; ``data`` and ``folder`` are there and empty."""
    plain, slow, capped, failing, apache, lighttpd, *tls = free_ports(9)
    ports = dict(zip(("good", "expired", "other-host"), tls, strict=True))
    _make_certificates(folder)
    _make_data(data)
    with ExitStack() as stack:
        blocks = _NGINX.format(
            folder=folder, plain=plain, slow=slow, slow_rate=SLOW_BYTES_S, capped=capped,
            cap=CAP_BYTES_S, failing=failing, percent=FAILS_PERCENT,
            secure="".join(_SECURE.format(folder=folder, name=n, port=p) for n, p in ports.items()),
        )  # fmt: skip
        stack.enter_context(nginx(data, folder, blocks, plain))
        stack.enter_context(running(_apache(data, folder, apache), apache))
        stack.enter_context(running(_lighttpd(data, folder, lighttpd), lighttpd))
        yield FieldServers(
            data=data,
            folder=folder,
            plain=_origin(plain),
            slow=_origin(slow),
            capped=_origin(capped),
            failing=_origin(failing),
            apache=_origin(apache),
            lighttpd=_origin(lighttpd),
            secure={name: f"https://127.0.0.1:{port}" for name, port in ports.items()},
            authority=folder / "authority.pem",
        )


def _origin(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _apache(data: Path, folder: Path, port: int) -> list[str]:
    modules = "\n".join(
        f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _APACHE_MODULES
    )
    user = "User www-data\nGroup www-data"
    config = folder / "apache.conf"
    config.write_text(
        _APACHE.format(folder=folder, data=data, port=port, modules=modules, user=user)
    )
    return ["apache2", "-D", "FOREGROUND", "-f", str(config)]


def _lighttpd(data: Path, folder: Path, port: int) -> list[str]:
    config = folder / "lighttpd.conf"
    config.write_text(_LIGHTTPD.format(folder=folder, data=data, port=port))
    return ["lighttpd", "-D", "-f", str(config)]


def _make_data(data: Path) -> None:
    """Write what is served; Apache and lighttpd may be other users."""
    folders = ("always-gzip", "no-ranges", "pub/blogindex", "list")
    for name in folders:
        (data / name).mkdir(parents=True)
    (data / "always-gzip" / "table.csv").write_bytes(TABLE)
    (data / "no-ranges" / "scene.bin").write_bytes(SCENE)
    (data / "pub" / "blogindex" / "scene.bin").write_bytes(SCENE)
    (data / "page.html").write_bytes(PAGE)
    (data / "slow.bin").write_bytes(SLOW_FILE)
    for number in range(LIST_FILES):
        (data / "list" / f"{number:03}.bin").write_bytes(list_file(number))


def list_file(number: int) -> bytes:
    """Return the content of one file of the list."""
    return number.to_bytes(2, "big") * (LIST_FILE_BYTES // 2)


def pattern(size_bytes: int, seed: int = 1) -> bytes:
    """Return bytes of which no two places look alike."""
    import random

    return random.Random(seed).randbytes(size_bytes)


SCENE = pattern(300_000)
TABLE = b"".join(b"%d,%d\n" % (n, n * n) for n in range(5000))
PAGE = b"<!doctype html><title>What is wanted</title><p>" + b"text " * 500
SLOW_FILE = pattern(28 * MIB, seed=2)


def is_gzip_of(data: bytes, plain: bytes) -> bool:
    """Tell whether bytes are a whole gzip file of others."""
    try:
        return gzip.decompress(data) == plain
    except (OSError, EOFError):
        return False


def _make_certificates(folder: Path) -> None:
    """Make an authority, and what it signs: for 127.0.0.1, out of date, and for another host."""
    make_certificate(folder)
    _openssl(
        folder,
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-days", "2", "-subj", "/CN=An authority", "-keyout", "authority.key"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", "authority.pem"),
    )
    for name, host, days in (
        ("good", "IP:127.0.0.1", 2),
        ("expired", "IP:127.0.0.1", -1),
        ("other-host", "DNS:other.example", 2),
    ):
        _sign(folder, name, host, days)


def _sign(folder: Path, name: str, host: str, days: int) -> None:
    _openssl(
        folder,
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"),
    )
    (folder / f"{name}.ext").write_text(
        f"subjectAltName={host}\nauthorityKeyIdentifier=keyid\nbasicConstraints=CA:FALSE\n"
    )
    _openssl(
        folder,
        *("x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem", "-CAkey", "authority.key"),
        *("-days", str(days), "-CAcreateserial", "-extfile", f"{name}.ext"),
        *("-out", f"{name}.pem"),
    )


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

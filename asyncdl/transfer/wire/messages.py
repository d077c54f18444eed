"""HTTP/1.1 messages: heads of requests and responses, and chunked bodies. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from asyncdl.net.faults import (
    BAD_CHUNK_END,
    BAD_CHUNK_SIZE,
    BAD_LENGTH,
    MAX_HEAD_BYTES,
    NO_STATUS_LINE,
)
from asyncdl.redact import Secret, SecretBytes
from asyncdl.transfer.cookies import SEPARATOR
from asyncdl.transfer.ranges import parse_content_length
from asyncdl.transfer.verification.digest_headers import LISTED
from asyncdl.transfer.wire_url import RequestTarget

_END = re.compile(rb"\n\r?\n")
"""Some hosts end lines in a line feed alone; whichever end comes first is that of the head."""
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([0-9]{3})(?: .*)?")
_LINE = re.compile(r"^(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*+([^\0\r\n]*+)|(.+))$", re.MULTILINE)
"""A field, or a line that is none."""
_FOLD = re.compile(r"\n[ \t]+")
_FRAMING = re.compile(r"content-length|transfer-encoding", re.IGNORECASE)
"""Names of the fields that say where a body ends."""
_LISTED = LISTED | {"content-length", "content-encoding", "www-authenticate"}
"""Names of fields that may come several times and then are one list."""
_LINE_BREAK = re.compile(r"[\r\n\0]")
_BODILESS = frozenset({204, 304})


class NotHttp(Exception):
    """What came is not a response, or the end of its body cannot be determined."""


class ResponseHead(Struct, frozen=True):
    """The head of a response, and how its body is framed."""

    status: int
    headers: Mapping[str, str]
    """The first of each name, in lower case; of lists all in one."""
    length: int | None
    """Bytes of the body; ``None`` if it is chunked, or ends with the connection."""
    is_chunked: bool
    keeps_alive: bool
    """Whether another response may come over the same connection."""

    @property
    def is_interim(self) -> bool:
        """Whether the final response is still to come (1xx)."""
        return 100 <= self.status < 200


def end_of_head(data: bytearray, start: int, stop: int) -> int:
    """Return where the head in ``data[start:stop]`` ends; -1 if it does not yet."""
    match = _END.search(data, start, stop)
    return match.end() if match else -1


def read_response_head(data: bytes | bytearray) -> ResponseHead:
    """Read the head of a response, up to and with its empty line.

    Raises: NotHttp.
    Source: RFC 9112, sections 4, 5, 6.3 and 9.3.
    """
    # File names come in bytes of any encoding, and must stay as they are.
    text = data.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    status_line, _, lines = text.rstrip("\n").partition("\n")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise NotHttp(NO_STATUS_LINE)
    fields = _read_fields(lines)
    headers, status = fields.headers, int(match[2])
    if fields.is_repeated:
        raise NotHttp("Transfer-Encoding is there twice")
    if status == 101:
        raise NotHttp("the host switched to another protocol")
    coding = headers.get("transfer-encoding")
    length = _length(headers.get("content-length")) if coding is None else None
    if status in _BODILESS or 100 <= status < 200:
        coding, length = None, 0
    is_chunked = coding is not None and coding.lower().rpartition(",")[2].strip() == "chunked"
    is_framed = is_chunked or length is not None
    # A length beside a transfer coding is a means of request smuggling.
    is_plain = fields.is_sound and (coding is None or "content-length" not in headers)
    return ResponseHead(
        status, headers, length, is_chunked, is_framed and is_plain and _keeps(match[1], headers)
    )


class _Fields(Struct):
    """The fields of a head."""

    headers: dict[str, str] = {}
    is_repeated: bool = False
    """Whether Transfer-Encoding, which frames the body, is there twice."""
    is_sound: bool = True
    """Whether every line is a field."""


def _read_fields(lines: str) -> _Fields:
    """Return the fields; lines that are none are left out.

    A bad line that is not needed does no harm. But one that could be taken for the framing of
    the body, by other programs or behind a control character, leaves no safe reading.

    Raises: NotHttp.
    Source: RFC 9112, sections 2.2, 5 and 11.2; RFC 9110, section 5.5.
    """
    fields = _Fields()
    for name, value, other in _LINE.findall(lines):
        if other:
            if _FRAMING.search(other):
                raise NotHttp(BAD_LENGTH)
            fields.is_sound = False
            continue
        name, value = name.lower(), value.rstrip(" \t")
        if name not in fields.headers:
            fields.headers[name] = value
        elif name in _LISTED:
            # Whether several lengths agree is decided where they are read.
            fields.headers[name] += f", {value}"
        elif name == "set-cookie":
            fields.headers[name] += f"{SEPARATOR}{value}"
        else:
            fields.is_repeated |= name == "transfer-encoding"
    return fields


def _length(value: str | None) -> int | None:
    if value is None:
        return None
    length = parse_content_length(value)
    if length is None:
        raise NotHttp(BAD_LENGTH)
    return length


def _keeps(minor_version: str, headers: Mapping[str, str]) -> bool:
    options = headers.get("connection")
    if options is None:
        return minor_version == "1"
    named = {option.strip().lower() for option in options.split(",")}
    return "close" not in named and (minor_version == "1" or "keep-alive" in named)


def request_head(target: RequestTarget, headers: Mapping[str, str]) -> SecretBytes:
    """Return the head of a GET; of a header that is there twice the last counts.

    Raises: ValueError, if a header holds a line break.
    """
    fields: dict[str, str] = {"host": f"Host: {target.host}"}
    for name, value in headers.items():
        fields[name.lower()] = Secret(f"{name}: {value}")
    if _LINE_BREAK.search("".join(fields.values())):
        raise ValueError("a header with a line break")
    lines = (f"GET {target.path} HTTP/1.1", *fields.values(), "\r\n")
    return SecretBytes("\r\n".join(lines).encode("utf-8", "surrogateescape"))


_MAX_LINE_BYTES = 8 * 1024
_CHUNK_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)


class Chunks:
    """Decodes a chunked body that is fed in pieces of any size.

    Source: RFC 9112, section 7.1.
    """

    def __init__(self) -> None:
        self.is_ended = False
        """Whether the last chunk and all that follows it has come."""
        self.has_surplus = False
        """Whether bytes came behind the end of the body."""
        self._raw = bytearray()
        """Received, and not decoded yet."""
        self._left_bytes = 0
        """Of the present chunk, still to come."""
        self._is_within = False
        """Whether a chunk has begun whose line end is still to come."""
        self._trailer_bytes = 0
        self._is_in_trailer = False

    def feed(self, data: bytes | bytearray | memoryview) -> bytes:
        """Take the next bytes as they were sent; return the decoded ones.

        Raises: NotHttp.
        """
        self._raw += data
        parts = []
        while not self.is_ended and self._raw:
            if self._left_bytes:
                parts.append(self._take_data())
                continue
            line = self._take_line()
            if line is None:
                break
            self._read_line(line)
        if self.is_ended:
            self.has_surplus = bool(self._raw)
        return b"".join(parts)

    def _take_data(self) -> bytes:
        taken = bytes(self._raw[: self._left_bytes])
        del self._raw[: len(taken)]
        self._left_bytes -= len(taken)
        return taken

    def _take_line(self) -> bytes | None:
        stop = self._raw.find(b"\n") + 1
        if max(stop, len(self._raw) if not stop else 0) > _MAX_LINE_BYTES:
            raise NotHttp(BAD_CHUNK_SIZE)
        if not stop:
            return None
        line = bytes(self._raw[:stop])
        del self._raw[:stop]
        return line

    def _read_line(self, line: bytes) -> None:
        if self._is_in_trailer:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_HEAD_BYTES:
                raise NotHttp("trailers exceed 64 KiB")
            self.is_ended = not line.strip(b"\r\n")
        elif self._is_within:
            if line.strip(b"\r\n"):
                raise NotHttp(BAD_CHUNK_END)
            self._is_within = False
        else:
            match = _CHUNK_SIZE.fullmatch(line)
            if match is None:
                raise NotHttp(BAD_CHUNK_SIZE)
            self._left_bytes = int(match[1], 16)
            self._is_in_trailer = self._left_bytes == 0
            self._is_within = not self._is_in_trailer

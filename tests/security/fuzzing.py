"""Parsers of text from outside, fed with what is nearly right: only our own errors come out.

``python -m tests.security.fuzzing --minutes 10`` goes on for as long as one likes, and prints
what breaks; the test beside it takes a moment.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import random
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson

from asyncdl.config import LayoutTemplate, Since, load_config
from asyncdl.config.aoi import Aoi, form_of
from asyncdl.config.trust import leads_out, origin_of
from asyncdl.config.values import ByteRate, Seconds
from asyncdl.errors import AsyncdlError
from asyncdl.items.item import ItemFile, make_item
from asyncdl.items.metadata import footprint_of, read_facts
from asyncdl.items.projections import Crs
from asyncdl.items.published_item import read_item
from asyncdl.items.raster_head import Georeference, read_georeference, read_samples
from asyncdl.job.choosing.id_forms import NoSceneId, read_scene
from asyncdl.job.choosing.id_lists import decode_list, read_lines
from asyncdl.job.choosing.item_lists import NotItems, read_items
from asyncdl.job.reporting.report import REPORT_NAME, read_report
from asyncdl.lists.checksums import read_checksums
from asyncdl.lists.entries import EntryReader, Problem
from asyncdl.lists.line_reader import LineReader, lines_of
from asyncdl.m2m.calling.envelope import read_envelope
from asyncdl.m2m.downloads.matching import is_usable_url, names_in_url
from asyncdl.m2m.models import DownloadRequestReply, DownloadRetrieveReply, ScenePage, read_reply
from asyncdl.m2m.searching.area import area_from_geojson, area_from_wkt
from asyncdl.m2m.searching.footprints import outlines_of
from asyncdl.net.proxies import is_exempt, is_socks, proxy_for, without_login
from asyncdl.net.retry import parse_http_date, parse_retry_after
from asyncdl.outside import TooMuch
from asyncdl.redact import SecretBytes, redact
from asyncdl.sandbox.landsat_scenes import fixed_scene
from asyncdl.sandbox.mtl_files import text_file
from asyncdl.stac.items import NotAnItemCollection, next_page, parse_multihash, read_page
from asyncdl.text import plain
from asyncdl.transfer.content_coding import Gunzip, NotGzip
from asyncdl.transfer.cookies import ChainCookies
from asyncdl.transfer.error_pages import says_outage, title_of
from asyncdl.transfer.names import choose_name, name_in_url, safe_name
from asyncdl.transfer.netrc import parse_netrc
from asyncdl.transfer.parts.part_state import decode_state
from asyncdl.transfer.ranges import parse_content_range
from asyncdl.transfer.responses import exhausted_for_s
from asyncdl.transfer.url_identity import source_of
from asyncdl.transfer.validators import read_validator
from asyncdl.transfer.verification.archive import ArchiveReader, read_archive
from asyncdl.transfer.verification.digest_headers import (
    read_content_md5,
    read_digest_headers,
    read_repr_digest,
)
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.structure import Form, check_form, check_head
from asyncdl.transfer.verification.tar import TarReader, ignore_member
from asyncdl.transfer.wire.messages import Chunks, NotHttp, read_response_head
from asyncdl.transfer.wire_url import read_target
from asyncdl.windows import (
    PixelBox,
    assembled,
    finish,
    lay_out,
    plan_inquiry,
    structure_inquiry,
)
from tests.windows.handmade import GEO, Picture, tiff

DATA = Path(__file__).parents[1] / "data"
OURS = (
    AsyncdlError, NoSceneId, NotItems, NotAnItemCollection, NotHttp, Malformed, NotGzip, TooMuch,
)  # fmt: skip
"""What callers of the parsers wait for; each of them becomes an error of asyncdl above."""


@dataclass(frozen=True)
class Parser:
    """Something that reads what comes from outside, and texts that are right."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = OURS


def _text(
    read: Callable[[str], object], *seeds: str, decoding: str = "surrogateescape", **more: Any
) -> Parser:
    """Make a parser of text; bytes that are not UTF-8 come as in headers by default."""
    encoded = tuple(seed.encode() for seed in seeds)
    return Parser(lambda data: read(data.decode("utf-8", decoding)), encoded, **more)


def _with_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def write_and_read(data: bytes) -> object:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(data)
            return read(path)

    return write_and_read


def _samples(*names: str) -> tuple[bytes, ...]:
    return tuple((DATA / name).read_bytes() for name in names)


def _form(form: Form) -> Callable[[bytes], object]:
    def read(data: bytes) -> None:
        check_head(form, data[:512], "https://example.org/x")
        check_form(io.BytesIO(data), form, len(data))

    return read


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("a.txt", "b" * 150, "\u00e9.txt"):
            member = tarfile.TarInfo(name)
            member.size = 600
            archive.addfile(member, io.BytesIO(b"x" * 600))
    return file.getvalue()


def _streamed(data: bytes) -> None:
    reader = TarReader(ignore_member)
    for at in range(0, len(data), 700):
        reader.update(data[at : at + 700])
    reader.finish()


def _zip(method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("a/b.txt", "hello " * 20)
        archive.writestr("\u00e9.txt", "x")
        with archive.open("c.bin", "w", force_zip64=True) as member:
            member.write(b"y" * 50)
    return file.getvalue()


def _archived(data: bytes) -> None:
    reader = ArchiveReader(ignore_member)
    for at in range(0, len(data), 700):
        reader.update(data[at : at + 700])
    reader.finish()


def _gunzipped(data: bytes) -> None:
    gunzip = Gunzip()
    for at in range(0, len(data), 50):
        gunzip.feed(data[at : at + 50])
        while gunzip.take():
            pass
    gunzip.check_end()


def _url_list(data: bytes) -> object:
    problems: list[Problem] = []
    reader = EntryReader("list", problems.append)
    lines = LineReader()
    found = [reader.take(line) for line in (*lines.feed(data), *lines.close())]
    return [*found, reader.end(), *map(str, problems)]


def _cookies(text: str) -> object:
    cookies = ChainCookies()
    cookies.store("https://a.example.org/b/c", text)
    return cookies.join({"Cookie": "x=y"}, "https://a.example.org/b/d")


def _fields(data: bytes) -> dict[str, str]:
    """Return header fields, one a line, as the names and values that they are."""
    lines = (line.partition(":") for line in data.decode("latin-1").splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def _outlines(data: bytes) -> object:
    try:
        return outlines_of(orjson.loads(data))
    except orjson.JSONDecodeError:  # as no reply has it that was read
        return None


def _proxy(text: str) -> object:
    """Read a proxy where it is named, in the environment, which holds no zeros."""
    with patch.dict(os.environ, {"https_proxy": text.replace("\0", "")}):
        proxy = proxy_for("https://example.org/")
    return proxy and (is_socks(proxy), without_login(proxy))


def _others_config(path: Path) -> object:
    return load_config(path, trusted=False, hosts={"example.org"})


def _tiff(order: str = "little") -> bytes:
    def number(value: int, width: int) -> bytes:
        return value.to_bytes(width, order)  # type: ignore[arg-type]

    tags = ((256, 3, 1, 4), (257, 3, 1, 4), (273, 4, 1, 200), (279, 4, 1, 16), (34735, 3, 4, 180))
    table = b"".join(
        number(tag, 2) + number(kind, 2) + number(count, 4) + number(value, 4)
        for tag, kind, count, value in tags
    )
    head = b"II*\0" if order == "little" else b"MM\0*"
    body = head + number(8, 4) + number(len(tags), 2) + table + number(0, 4)
    return body + bytes(216 - len(body))


def _reply(kind: type) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        import msgspec

        try:
            return read_reply(read_envelope("x", 200, {}, data), kind)
        except msgspec.ValidationError:  # becomes an ApiError of the call
            return None

    return read


def _page(data: bytes) -> object:
    page = read_page(data)
    return next_page({}, page.next, "https://example.org")


PICTURE = Picture(40, 40, tags=GEO)


def _window(data: bytes) -> object:
    def read(start: int, stop: int) -> bytes:
        return data[start:stop]

    structure = finish(structure_inquiry(len(data)), read)
    plan = finish(plan_inquiry(structure, PixelBox(0, 0, 1 << 31, 1 << 31)), read)
    return list(assembled(lay_out(plan), read, []))


def _chunks(data: bytes) -> object:
    chunks = Chunks()
    return [chunks.feed(data[at : at + 7]) for at in range(0, len(data), 7)]


CONFIG = """
[search]
dataset = "landsat_ot_c2_l2"
start = 2024-01-01
bbox = [1.0, 2.0, 3.0, 4.0]
cloud_cover = [0, 20]
[[products]]
kind = "bands"
bands = ["SR_B4", "QA_PIXEL"]
[download]
directory = "out"
max_rate = "5 MB/s"
"""
PRODUCT = "LC08_L2SP_068017_20200310_20200822_02_T1"
IDS = f"dataset|displayId\n{PRODUCT}\n# a comment\nLC80680172020070LGN00\n"
GEOJSON = (
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":'
    '{"type":"Polygon","coordinates":[[[170,1],[190.5,1],[190.5,2e0],[170,2],[170,1]]]}},'
    '{"type":"Feature","geometry":null},{"type":"MultiPoint","coordinates":[[1,2]]}]}'
)
WKT = (
    "SRID=4326;GEOMETRYCOLLECTION(POINT Z(1 2 3),MULTIPOLYGON(((0 0,1.5 0,1 1,0 0))),POLYGON EMPTY)"
)
MTL = (
    "GROUP = L1\n  CLOUD_COVER = 3.25\n  DATE_ACQUIRED = 2020-03-10\n"
    '  SCENE_CENTER_TIME = "20:01:02.1234567Z"\n'
)
ITEM = (
    f'{{"type":"Feature","id":"{PRODUCT}_SR","properties":{{}},'
    '"assets":{"a":{"href":"https://x/y_B1.TIF"}}}'
)
URLS = (
    (
        "https://user:p%40ss@example.org:8443/download/abcdefghijkl/"
        "?requestSignature=eyJpZCI6ICJ4In0=&a=b#c"
    ),
    "http://[::1%25eth0]:80/a%2Fb/LC08.tar?token=x",
)
HEAD = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\nETag: "a"\r\nX: y\r\n z\r\nConnection: close\r\n\r\n'
)

SCENE = "LC08_L2SR_099120_20191129_20201016_02_T2"
FILES = [ItemFile(f"{SCENE}_{suffix}", "x", 1) for suffix in ("SR_B4.TIF", "MTL.txt")]
GRID = Georeference(Crs(3031), (30.0, 0.0, 7e5, 0.0, -30.0, 5e5), (9000, 9000))
ANG = text_file(fixed_scene(0, SCENE), "ANG.txt").decode()
SCENE_MTL = text_file(fixed_scene(0, SCENE), "MTL.txt").decode()
SERVICE_ITEM = """{"properties": {"datetime": "2020-03-10T21:17:05Z", "view:off_nadir": 0.5,
"proj:epsg": 32606, "proj:shape": [10, 10], "proj:transform": [30, 0, 1, 0, -30, 2]},
"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}"""


def _read_footprint(path: Path) -> object:
    found = read_georeference(path)
    return found and (found.footprint(), orjson.dumps(found.crs.fields()))


PARSERS: Mapping[str, Parser] = {
    "head": Parser(
        read_response_head,
        (HEAD, HEAD.replace(b"Content-Length: 12", b"Transfer-Encoding: chunked")),
    ),
    "chunks": Parser(_chunks, (b"5;a=b\r\nhello\r\n0\r\nA: b\r\n\r\n",)),
    "netrc": Parser(
        lambda data: parse_netrc(SecretBytes(data)),
        (b'# x\nmachine h login a password "b\\"c" macdef m\nput x\n\ndefault login d',),
    ),
    "range": _text(parse_content_range, "bytes 0-9/10", "bytes */10", "bytes=0-9/*"),
    "disposition": _text(
        lambda text: choose_name(text, "https://example.org/x"),
        'attachment; filename="a\\"b.tar"; filename*=UTF-8\'\'a%20b.tar',
    ),
    "retry-after": _text(
        lambda text: parse_retry_after(text, sent=text), "120", "Wed, 21 Oct 2015 07:28:00 GMT"
    ),
    "validator": _text(
        lambda text: read_validator(None, text, text), "Wed, 21 Oct 2015 07:28:00 GMT"
    ),
    "digest": _text(read_repr_digest, "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
    "md5": _text(read_content_md5, "1B2M2Y8AsgTpgAmY7PhCfg=="),
    "name": _text(safe_name, "a.tar", "C:\\x\\nul.txt", "e\u0301 \u202e.part"),
    "url": _text(read_target, *URLS),
    "name in url": _text(name_in_url, *URLS),
    "names in link": _text(lambda text: is_usable_url(text) and names_in_url(text), *URLS),
    "source": _text(lambda text: source_of(read_target(text).text), *URLS),
    "redact": _text(redact, *URLS),
    "plain": _text(plain, "a\x1b[31mb"),
    "wkt": _text(area_from_wkt, WKT),
    "geojson": Parser(area_from_geojson, (GEOJSON.encode(),)),
    "aoi": _text(lambda text: (form_of(text), Aoi.of(text)), WKT, GEOJSON, "a.gpkg|layername=x"),
    "seconds": _text(Seconds.read, "1h30m", "90s", errors=(ValueError,)),
    "rate": _text(ByteRate.read, "50 MB/s", "8 MiBps", errors=(ValueError,)),
    "metadata": _text(
        read_facts,
        '{"LANDSAT_METADATA_FILE": {"IMAGE_ATTRIBUTES": {"CLOUD_COVER": "3.2"}}}',
        MTL, '"CLOUD_COVER" : "3.2",\n', "<CLOUD_COVER>3.2</CLOUD_COVER>"
    ),
    "angles": _text(lambda text: footprint_of(text, GRID), ANG),
    "item of the service": _text(read_item, SERVICE_ITEM, GEOJSON),
    "item": _text(
        lambda text: orjson.dumps(make_item(SCENE, read_facts(text), FILES)),
        MTL,
        SCENE_MTL,
        decoding="replace",  # as the files of a product are read
    ),
    "tiff": Parser(_form(Form.TIFF), (_tiff(), _tiff("big"))),
    "georeference": Parser(_with_file("a.tif", _read_footprint), (_tiff(), _tiff("big"))),
    "samples": Parser(_with_file("a.tif", read_samples), (_tiff(), _tiff("big"))),
    "window": Parser(_window, (tiff(PICTURE), tiff(PICTURE, big=True))),
    "tar": Parser(_form(Form.TAR), (_tar(),)),
    "tar stream": Parser(_streamed, (_tar(),)),
    "xml": Parser(
        _form(Form.XML),
        (
            b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><a b="c">&x;<b/></a>',
            '<?xml version="1.0" encoding="shift_jis"?><a>観測</a>'.encode("shift_jis"),
            "<a>観測</a>".encode("utf-16-be"),
        ),
    ),
    "json": Parser(_form(Form.JSON), (GEOJSON.encode(), b"[NaN, 1e5]")),
    "id": _text(
        lambda text: read_scene(text, "landsat_ot_c2_l2"), PRODUCT, "LC80680172020070LGN00"
    ),
    "ids": Parser(
        lambda data: list(read_lines(decode_list(data), None)),
        (IDS.encode(), IDS.encode("utf-16"), b"Display ID,Scene\n\"LC08\",x\n"),
        (*OURS, UnicodeError),
    ),
    "items": _text(lambda text: list(read_items(text, None)), ITEM, f"[{ITEM}]"),
    "toml": Parser(_with_file("job.toml", load_config), (CONFIG.encode(),)),
    "search reply": Parser(_reply(ScenePage), _samples("recorded_scene-search_one-hit.json")),
    "request reply": Parser(
        _reply(DownloadRequestReply), _samples("recorded_download-request_2023-11-14.json")
    ),
    "retrieve reply": Parser(
        _reply(DownloadRetrieveReply), _samples("recorded_download-retrieve_5-available.json")
    ),
    "page of a proxy": Parser(
        partial(read_envelope, "x", 503, {"Content-Type": "text/html; charset=x"}),
        (b"<html><title>a &amp; b &#x41;</title><h1>c</h1><!-- d --></html>",),
    ),
    "stac reply": Parser(
        _page,
        (
            (
                b'{"features":[%b],"links":[{"rel":"next","href":"https://example.org/a",'
                b'"method":"POST","merge":true,"body":{"token":"x"}}]}'
            )
            % ITEM.encode(),
        ),
    ),
    "zip": Parser(
        lambda data: read_archive(io.BytesIO(data), ignore_member),
        (_zip(), _zip(zipfile.ZIP_STORED), gzip.compress(_tar(), mtime=0)),
    ),
    "archive stream": Parser(_archived, (_zip(), _tar(), gzip.compress(_tar(), mtime=0))),
    "gzip": Parser(_gunzipped, (gzip.compress(b"hello " * 50, mtime=0),)),
    "url list": Parser(
        _url_list,
        (
            b"http://a.test/x\thttp://b.test/x\n  out=a/b\n  checksum=md5=" + b"ab" * 16 + b"\n",
            "https://a.test/\u00e9\n header=A: b\n  split=2\n gid=1\n".encode("utf-16"),
        ),
    ),
    "checksums": Parser(
        lambda data: read_checksums("SUMS", lines_of(data)),
        (
            b"ab" * 32 + b"  *a/b\n",
            b"SHA256 (a b) = " + b"ab" * 32,
            b"\\" + b"ab" * 16 + b"  a\\nb",
        ),
    ),
    "cookies": _text(
        _cookies, "a=b; Path=/b; Secure; Max-Age=5, c=d; Domain=.example.org; HttpOnly"
    ),
    "allowance": Parser(
        lambda data: exhausted_for_s(_fields(data)),
        (
            b"RateLimit-Remaining: 0\nRateLimit-Reset: 12\nDate: Wed, 21 Oct 2015 07:28:00 GMT",
            b'RateLimit: "default";r=0;t=30\nX-RateLimit-Reset: 1700000000',
        ),
    ),
    "told digests": Parser(
        lambda data: read_digest_headers(_fields(data), is_whole=True),
        (b"Digest: SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nx-goog-hash: md5=AA==",),
    ),
    "date": _text(
        parse_http_date, "Wed, 21 Oct 2015 07:28:00 GMT", "Wednesday, 21-Oct-15 07:28:00 GMT"
    ),
    "error page": Parser(
        lambda data: (title_of(data, "text/html; charset=utf-16"), says_outage(data)),
        (b"<html><title>a &amp; b &#x41;</title><h1>down for maintenance</h1></html>",),
    ),
    "proxy": _text(_proxy, "http://u:p@a.test:8080", "socks5h://x", "a.test:3128"),
    "no proxy": _text(
        lambda text: is_exempt("a.example.org", 80, text), "*.example.org, 10.0.0.0/8, [::1]:80"
    ),
    "layout": _text(LayoutTemplate.read, "{kind}/{product_id}/{file}", errors=(ValueError,)),
    "since": _text(Since.read, "2024-01-01", "last-run", errors=(ValueError,)),
    "outline": Parser(
        _outlines, (b'{"type":"Polygon","coordinates":[[[1,2],[3,4],[5,6],[1,2]]]}',)
    ),
    "config of others": Parser(_with_file("job.toml", _others_config), (CONFIG.encode(),)),
    "path of others": _text(leads_out, "a/b.txt"),
    "origin": _text(origin_of, *URLS),
    "multihash": _text(parse_multihash, "1220" + "ab" * 32),
    "note": Parser(decode_state, (b'00000000 {"source":"https://x/y","done":{"spans":[]}}\n',)),
    "report": Parser(
        _with_file(REPORT_NAME, lambda path: read_report(path.parent)),
        (
            (
            b'{"status":"complete","scenes":1,"files":{"total":1},"by_kind":{},"bytes":'
            b'{"downloaded":1,"total":1},"elapsed_s":1.0,"api_calls":{},"failures":[],"notices":[]}'
            ),
        ),
    ),
}  # fmt: skip

_ODD = (
    b"", b"\0", b"\xff", b"\xed\xa0\x80", b"\r\n", b" " * 50, b"9" * 5000, b"-1", b"1e999",
    b"NaN", b"[" * 500 + b"]" * 500, b"[" * 950 + b"]" * 950, b"[" * 2000, b"(" * 200,
    b'{"a":' * 950 + b"1" + b"}" * 950, b'{"a":' * 2000, b"{a=" * 300 + b"1" + b"}" * 300,
    b"9" * 400, b"1e308", b"0x" + b"f" * 5000, b"%00", b"../", b"\xe2\x80\xae",
    b"&#" + b"9" * 5000 + b";", b"a." * 50, b"2024-02-30", b"18446744073709551616",
    b"\xcc\x81" * 50, b"://", b"[", b"]", b"null",
)  # fmt: skip


def mutate(rng: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """Return a text that is nearly right: cut, doubled, or with something odd in it."""
    data = rng.choice(seeds)
    for _ in range(rng.randrange(4)):
        start = rng.randrange(len(data) + 1)
        stop = min(len(data), start + rng.choice((0, 0, 1, 1, 2, 4, 8, 30)))
        piece = rng.choice((rng.choice(_ODD), data[start:stop] * 2, bytes([rng.randrange(256)])))
        data = data[:start] + piece + data[stop:]
    return data


def feed(parser: Parser, data: bytes) -> None:
    """Let a parser read something, which may be refused with an error of ours."""
    try:
        parser.read(data)
    except parser.errors as error:
        str(error)
        repr(error)


def main() -> int:
    """Fuzz all parsers for some minutes; return how many texts broke one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--seed", type=int, default=None)
    told = options.parse_args()
    rng, broken, count = random.Random(told.seed), 0, 0
    until_s = time.monotonic() + told.minutes * 60
    while time.monotonic() < until_s:
        name = rng.choice(list(PARSERS))
        data, count = mutate(rng, PARSERS[name].seeds), count + 1
        try:
            feed(PARSERS[name], data)
        except Exception as error:
            broken += 1
            sys.stdout.write(
                f"{name}: {type(error).__name__}: {error!s:.200}\n    {data[:300]!r}\n"
            )
    sys.stdout.write(f"{count:,} texts, {broken} of them broke a parser\n")
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main())

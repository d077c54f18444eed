"""Memory that data from outside can take, measured while it is read."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from asyncdl.config import Aoi, SearchConfig, load_config, parse_config
from asyncdl.errors import ApiError, ConfigError
from asyncdl.job.choosing import search_plan
from asyncdl.job.choosing.areas import area_of
from asyncdl.job.choosing.from_config import options_of
from asyncdl.job.choosing.search_plan import ids_of
from asyncdl.m2m.calling.envelope import read_envelope
from asyncdl.m2m.calling.transport import DATASET_REPLY_BYTES, SHORT_REPLY_BYTES, max_bytes_of
from asyncdl.m2m.searching.area import area_from_geojson, area_from_wkt
from asyncdl.outside import TooMuch, check_values
from asyncdl.stac.items import NotAnItemCollection, read_page
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.structure import Form, check_form
from tests.security.test_replies import JSON_HEAD, chunk, post, service_sending

MIB = 1024**2
DATA = Path(__file__).parents[1] / "data"


@contextmanager
def at_most(mib: int) -> Iterator[None]:
    """Let the block allocate no more than this at any moment."""
    tracemalloc.start()
    try:
        yield
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < mib * MIB, f"{peak_bytes / MIB:.0f} MiB"


class Endless(io.RawIOBase):
    """A file of some GB that nobody has to store."""

    def __init__(self, block: bytes, size_bytes: int) -> None:
        self._block = block
        self._left_bytes = size_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._left_bytes, 1 << 16)
        piece = (self._block * (count // len(self._block) + 1))[:count]
        buffer[:count] = piece
        self._left_bytes -= count
        return count


def looked_at(form: Form, block: bytes, size_bytes: int) -> None:
    file = io.BufferedReader(Endless(block, size_bytes))
    check_form(file, form, size_bytes)


# --- files that are checked -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "told"),
    [
        (b"<a>", "elements are nested more than"),
        (b"<a", "a token|not well-formed"),
        (b'<a b="' + b"x" * 1000, "a token|not well-formed"),
    ],
    ids=["elements", "tags", "attribute"],
)
def test_xml_of_any_size_is_checked_in_little_memory(block: bytes, told: str) -> None:
    """30 MB of ``<a>`` took 1.25 GiB."""
    with at_most(32), pytest.raises(Malformed, match=told):
        looked_at(Form.XML, block, 30_000_000)


def test_one_endless_token_ends_the_check() -> None:
    data = b"<a><!--" + b"x" * (30 * MIB)
    with at_most(32), pytest.raises(Malformed, match="a token of more than"):
        check_form(io.BytesIO(data), Form.XML, len(data))


def test_declarations_without_an_end_are_refused() -> None:
    entities = b"".join(b'<!ENTITY e%d "%b">' % (n, b"x" * 1000) for n in range(10_000))
    data = b"<!DOCTYPE a [" + entities + b"]><a/>"
    with at_most(32), pytest.raises(Malformed, match="a token of more than"):
        check_form(io.BytesIO(data), Form.XML, len(data))


def test_names_without_an_end_are_refused() -> None:
    data = b"<a>" + b"".join(b"<n%d/>" % n for n in range(300_000)) + b"</a>"
    with at_most(64), pytest.raises(Malformed, match="different names"):
        check_form(io.BytesIO(data), Form.XML, len(data))


def test_xml_of_a_hundred_megabytes_is_checked_and_not_held() -> None:
    rows = b'<row id="1">text</row>' * 100_000
    data = b"<rows>" + rows * 3 + b"</rows>"
    with at_most(8):
        check_form(io.BytesIO(data), Form.XML, len(data))


@pytest.mark.parametrize("block", [b"[],", b"{},", b'"",', b"1,", b'{"a":[1]},'])
def test_json_of_any_size_is_checked_in_little_memory(block: bytes) -> None:
    data = b"[" + block * (15 * MIB // len(block)) + b"1]"
    file = io.BytesIO(data)
    with at_most(64):
        check_form(file, Form.JSON, len(data))


@pytest.mark.parametrize("end", [b"", b"1", b"]]", b",]", b"1]x"])
def test_json_of_many_values_that_is_none_is_still_found(end: bytes) -> None:
    data = b"[" + b"[]," * 300_000 + end
    with pytest.raises(Malformed):
        check_form(io.BytesIO(data), Form.JSON, len(data))


# --- configs, areas, lists ------------------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path) -> Callable[[str, int], Path]:
    def make(name: str, size_bytes: int) -> Path:
        path = tmp_path / name
        with path.open("wb") as file:
            file.truncate(size_bytes)  # which takes no room on the disk
        return path

    return make


def test_a_config_of_gigabytes_is_refused(large: Callable[[str, int], Path]) -> None:
    with at_most(16), pytest.raises(ConfigError, match="is longer than 8,388,608 bytes"):
        load_config(large("job.toml", 3 * 1024**3))


@pytest.mark.parametrize("value", ["[],", "{},", '"",', "1,"])
def test_a_config_of_many_values_is_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "job.toml"
    path.write_text(f"a = [{value * 1_200_000}]")
    with at_most(16), pytest.raises(ConfigError, match=r"has about [0-9,]+ values"):
        load_config(path)


@pytest.mark.parametrize("name", ["area.geojson", "area.wkt"])
def test_an_area_of_gigabytes_is_refused(large: Callable[[str, int], Path], name: str) -> None:
    path = large(name, 3 * 1024**3)
    with at_most(64), pytest.raises(ConfigError, match="is longer than 33,554,432 bytes"):
        area_of(SearchConfig(dataset="x", limit=1, aoi=Aoi(str(path))))


def test_geojson_of_many_values_is_refused() -> None:
    text = '{"type":"Polygon","coordinates":[' + "[]," * 5_000_000 + "[]]}"
    with at_most(64), pytest.raises(ConfigError, match=r"has about [0-9,]+ values"):
        area_from_geojson(text)


def test_wkt_is_read_token_by_token() -> None:
    text = "POLYGON((" + "0 0," * 150_000 + "1 1 1 1 1"
    with at_most(32), pytest.raises(ConfigError, match="line 1, column"):
        area_from_wkt(text)


def test_an_outline_of_a_hundred_thousand_corners_is_an_area() -> None:
    ring = [[i / 1000, (i % 7) / 10] for i in range(100_000)]
    found = area_from_geojson(orjson.dumps({"type": "Polygon", "coordinates": [ring]}))
    assert len(found.filters) == 1 and found.corners > 99_000


def listed(path: Path) -> SearchConfig:
    return SearchConfig(dataset=None, scenes_file=str(path))


def test_a_list_of_gigabytes_is_refused(
    large: Callable[[str, int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_plan, "MAX_LIST_BYTES", 8 * MIB)
    with at_most(32), pytest.raises(ConfigError, match="is longer than 8,388,608 bytes"):
        ids_of(listed(large("ids.txt", 3 * 1024**3)))


def test_a_list_of_wrong_ids_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_plan, "MAX_ENTRIES", 20_000)
    path = tmp_path / "ids.txt"
    path.write_text("".join(f"x{n}\n" for n in range(200_000)))
    with at_most(48), pytest.raises(ConfigError, match="more than 20,000 entries"):
        ids_of(listed(path))


def test_a_list_of_empty_lines_takes_no_more_than_itself(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("\n" * MIB)
    with at_most(8), pytest.raises(ConfigError, match="has no ids"):
        ids_of(listed(path))


def test_items_of_many_values_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text('{"type":"FeatureCollection","features":[' + "{}," * 1_000_000 + "{}]}")
    with at_most(24), pytest.raises(ConfigError, match=r"has about [0-9,]+ values"):
        ids_of(listed(path))


# --- replies --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [b"[],", b"{},", b'"",', b"1,"])
def test_a_reply_of_80_megabytes_is_refused_before_it_is_parsed(value: bytes) -> None:
    """It took 895 MB."""
    body = b'{"data":[' + value * (80 * MIB // len(value)) + b"1]}"
    with at_most(8), pytest.raises(ApiError, match=r"not M2M's: it has about [0-9,]+ values"):
        read_envelope("scene-search", 200, {}, body)


async def test_a_short_reply_that_is_long_is_left_at_once() -> None:
    head = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    async with service_sending(head, endless=chunk(b" " * 65_536)) as url:
        with (
            at_most(8),
            pytest.raises(ApiError, match="longer than 1048576 bytes, and no real one"),
        ):
            await post(url, 512 * MIB, endpoint="login-token")


async def test_a_reply_is_held_once_while_it_arrives() -> None:
    size_bytes = 24 * MIB
    head = JSON_HEAD + b"Content-Length: %d\r\n\r\n" % size_bytes
    async with service_sending(head, *[b" " * MIB] * 24) as url:
        with at_most(24 + 16):
            assert len(await post(url, 512 * MIB, endpoint="scene-search")) == size_bytes


def test_each_endpoint_has_its_bound() -> None:
    assert max_bytes_of("login-token") == max_bytes_of("permissions") == SHORT_REPLY_BYTES
    assert max_bytes_of("dataset-search") == DATASET_REPLY_BYTES
    assert max_bytes_of("scene-search") > 2**40


def test_a_job_bounds_replies_by_what_it_asks_for() -> None:
    raw: dict[str, Any] = {
        "search": {"dataset": "d", "limit": 1},
        "products": [{"kind": "bundle"}],
    }
    assert options_of(parse_config(raw).service).max_reply_bytes == 128 * MIB
    raw["service"] = {"scenes_per_call": 5000}
    assert options_of(parse_config(raw).service).max_reply_bytes == 512 * MIB


@pytest.mark.parametrize("path", sorted(DATA.glob("*.json")), ids=lambda path: path.stem)
def test_no_real_reply_has_as_many_values(path: Path) -> None:
    """As long as the longest replies are, there is still room for twice as many."""
    text = orjson.dumps(orjson.loads(path.read_bytes()))
    check_values(text * (16 * MIB // len(text)))


def test_a_stac_reply_of_many_values_is_refused() -> None:
    body = b'{"features":[' + b"{}," * 4_000_000 + b"{}]}"
    with at_most(8), pytest.raises(NotAnItemCollection, match="values"):
        read_page(body)


def test_what_is_too_much_is_told_with_both_numbers() -> None:
    with pytest.raises(TooMuch, match=r"has about 300,001 values, at most 245,000 are allowed"):
        check_values(b"1," * 150_000 + b"[" * 150_000)

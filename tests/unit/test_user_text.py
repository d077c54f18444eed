"""Files that people bring, as their editors and shells write them."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.config import load_config
from asyncdl.config.aoi import Aoi
from asyncdl.config.sections import SearchConfig
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.areas import area_of
from asyncdl.job.choosing.id_lists import decode_list, read_lines
from asyncdl.lists.line_reader import LineReader, lines_of
from asyncdl.user_text import NotText, split_lines, text_of

MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
IDS = ("LC08_L2SP_068017_20200310_20200822_02_T1", "LC08_L2SP_068018_20200310_20200822_02_T1")
ENDS = ("\n", "\r\n", "\r", "\x85", "\u2028")
CONFIG = (
    '[search]\ndataset = "landsat_ot_c2_l2"\nlimit = 1\n[[products]]\nkind = "bundle"\n[download]\n'
)
WKT = "POLYGON ((10 50, 11 50, 11 51, 10 51, 10 50))"
GEOJSON = '{"type": "Polygon", "coordinates": [[[10,50],[11,50],[11,51],[10,51],[10,50]]]}'


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_mark_tells_every_encoding(text: str) -> None:
    for encoding, mark in MARKED.items():
        assert text_of(mark + text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", WIDE)
def test_what_has_no_mark_is_recognised_and_refused_in_words(encoding: str) -> None:
    with pytest.raises(NotText, match=f"looks like {encoding[:6].upper()} without a byte order"):
        text_of("landsat".encode(encoding))


@pytest.mark.parametrize("end", ENDS)
def test_lines_end_as_on_any_system(end: str) -> None:
    text = end.join(["one", "", "two"])
    assert list(split_lines(text)) == ["one", "", "two"]
    assert list(lines_of(text.encode())) == ["one", "", "two"]


def ids_in(data: bytes) -> Sequence[str]:
    found = read_lines(decode_list(data), "landsat_ot_c2_l2")
    return [scene.id for entry in found for scene in entry.scenes]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("encoding", MARKED)
def test_a_list_of_ids_is_read_in_each(encoding: str, end: str) -> None:
    data = MARKED[encoding] + (end.join(IDS) + end).encode(encoding)
    assert ids_in(data) == list(IDS)


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize(("name", "text"), [("a.wkt", WKT), ("a.geojson", GEOJSON), ("a", WKT)])
def test_an_area_is_read_in_each(encoding: str, name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(MARKED[encoding] + text.encode(encoding))
    (tmp_path / "plain").write_text(text)
    read = [
        area_of(SearchConfig(dataset="x", aoi=Aoi.read(str(tmp_path / file))))
        for file in (name, "plain")
    ]
    assert read[0].filters and read[0] == read[1]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", MARKED)
def test_a_config_is_read_in_each(encoding: str, end: str, tmp_path: Path) -> None:
    text = f"{CONFIG}directory = 'Größe'\n".replace("\n", end)
    (tmp_path / "job.toml").write_bytes(MARKED[encoding] + text.encode(encoding))
    assert load_config(tmp_path / "job.toml").download.directory == str(tmp_path / "Größe")


def test_a_config_in_another_encoding_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_bytes(f"{CONFIG}directory = 'Größe'\n".encode("cp1252"))
    with pytest.raises(ConfigError, match=r"is not UTF-8 text \(line 7\): save it as UTF-8"):
        load_config(tmp_path / "job.toml")


def test_a_list_of_urls_without_a_mark_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"urls\.txt: looks like UTF-16 without a byte order"):
        LineReader("urls.txt").feed("https://host/a\n".encode("utf-16-le"))

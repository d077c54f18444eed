"""The rows of download options, read scene by scene: the same as read all at once, and less."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.m2m import reply_rows
from asyncdl.m2m.models import DownloadEntry, DownloadOption, read_reply
from asyncdl.m2m.reply_rows import OptionRows, RawRows, ReplyRows, by_scene
from tests.damage import damage

DATA = Path(__file__).parents[1] / "data"
RECORDED = sorted(path.name for path in DATA.glob("*_download-options*.json"))


def rows_in(name: str) -> list[Any]:
    reply = json.loads((DATA / name).read_text())
    rows = reply if isinstance(reply, list) else reply["data"]
    assert isinstance(rows, list) and rows
    return rows


def raw(rows: list[Any]) -> list[msgspec.Raw]:
    return msgspec.json.decode(json.dumps(rows).encode(), type=list[msgspec.Raw])


def read_at_once(rows: list[Any]) -> tuple[list[list[DownloadOption]], set[str]]:
    losses = set[str]()
    read = read_reply(rows, list[DownloadOption], lambda path, why: losses.add(path))
    return by_scene(read), losses


def read_by_scene(rows: list[Any]) -> tuple[list[list[DownloadOption]], set[str]]:
    losses = set[str]()
    found = list(OptionRows(raw(rows), lambda path, why: losses.add(path)))
    return found, losses


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_rows_are_the_same_in_either_way(name: str) -> None:
    rows = rows_in(name)
    assert read_by_scene(rows) == read_at_once(rows)
    assert RawRows(raw(rows)).plain() == rows


@given(name=st.sampled_from(RECORDED), seed=st.integers(0, 2**32), harms=st.integers(1, 12))
def test_damaged_rows_are_the_same_in_either_way(name: str, seed: int, harms: int) -> None:
    """And what is left out of them is logged under the same names."""
    rows = rows_in(name)
    rows = damage(random.Random(seed), rows, list[DownloadOption], harms, lambda path: False)
    try:
        expected = read_at_once(rows)
    except msgspec.ValidationError as error:
        with pytest.raises(msgspec.ValidationError, match=r"at `\$\[0\]") as raised:
            read_by_scene(rows)
        assert str(raised.value) == str(error)
    else:
        assert read_by_scene(rows) == expected


def test_rows_of_a_scene_may_be_anywhere() -> None:
    rows = rows_in(RECORDED[0])
    named = [dict(row, entityId=f"S{number % 3}") for number, row in enumerate(rows * 6)]
    random.Random(0).shuffle(named)
    found, _ = read_by_scene(named)
    assert found == by_scene(read_reply(named, list[DownloadOption]))
    assert len(found) == 3


def test_only_one_scene_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    read_row = reply_rows._read_row

    def noting(number: int, *args: Any) -> DownloadOption:
        read.append(number)
        return read_row(number, *args)

    monkeypatch.setattr(reply_rows, "_read_row", noting)
    row = rows_in(RECORDED[0])[0]
    rows = [dict(row, entityId=f"S{number // 4}") for number in range(40)]
    for scenes, of_scene in enumerate(OptionRows(raw(rows)), 1):
        assert len(of_scene) == 4 and len(read) == 4 * scenes


def test_single_files_that_rows_repeat_are_there_once() -> None:
    single = {"id": "1", "entityId": "F"}
    rows = [{"id": str(n), "entityId": "S", "secondaryDownloads": [single]} for n in range(4)]
    (scene,) = OptionRows(raw(rows))
    assert len({id(row.secondary_downloads) for row in scene}) == 1
    assert scene[0].secondary_downloads == [DownloadOption(id="1", entity_id="F")]
    another = {"id": "9", "entityId": "S", "secondaryDownloads": [single, single]}
    (scene,) = OptionRows(raw([*rows, another]))
    assert [len(row.secondary_downloads or ()) for row in scene] == [1, 1, 1, 1, 2]


def test_text_that_is_not_json_is_left_out() -> None:
    """The parser of the whole response only looks for where its rows end."""
    rows = [msgspec.Raw(b'{"id":"1","entityId":"\xff"}'), *raw([{"id": "2", "entityId": "S"}])]
    losses: list[str] = []
    (scene,) = OptionRows(rows, lambda path, why: losses.append(path))
    assert [row.id for row in scene] == ["2"] and losses == ["$[0]"]
    with pytest.raises(msgspec.ValidationError, match="is not JSON"):
        list(OptionRows(rows[:1]))


def entries_in_sample() -> list[Any]:
    reply = json.loads((DATA / "documented_download-search.json").read_text())
    rows = reply if isinstance(reply, list) else reply["data"]
    assert isinstance(rows, list) and rows
    return rows * 5


@given(seed=st.integers(0, 2**32), harms=st.integers(0, 12))
def test_damaged_entries_are_the_same_in_either_way(seed: int, harms: int) -> None:
    kind = list[DownloadEntry]
    rows = damage(random.Random(seed), entries_in_sample(), kind, harms, lambda path: False)
    expected_losses, losses = list[str](), list[str]()
    expected = read_reply(rows, kind, lambda path, why: expected_losses.append(path))
    found = list(ReplyRows(raw(rows), DownloadEntry, lambda path, why: losses.append(path)))
    assert found == expected and set(losses) == set(expected_losses)


def test_entries_are_refused_if_all_are_invalid() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\[0\]"):
        list(ReplyRows(raw([{}, {}]), DownloadEntry))


def test_no_rows_are_no_scenes() -> None:
    assert list(OptionRows([])) == []

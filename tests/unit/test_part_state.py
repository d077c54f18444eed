"""The state file beside a ``.part`` file: valid as a whole, or not used."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.parts.part_state import (
    PartState,
    decode_state,
    encode_state,
    load_state,
    save_state,
)
from asyncdl.transfer.ranges import Coverage, Span
from asyncdl.transfer.url_identity import source_of
from asyncdl.transfer.validators import Validator

STATE = PartState(
    "https://host/a.tif", 100, Validator('"v1"'), Coverage((Span(0, 10), Span(20, 30)))
)
LINE = encode_state(STATE)


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    save_state(tmp_path / "note", STATE)
    assert load_state(tmp_path / "note", 100) == STATE
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


BY_VERSION_0_1 = (
    b'b2c99bff {"source":"https://host/a.tif","total":100,"validator":{"etag":"\\"v1\\"",'
    b'"last_modified":null,"date_is_strong":false},"done":{"spans":[{"start":0,"stop":10},'
    b'{"start":20,"stop":30}]},"place":"a1-b2","digests":[{"algorithm":"md5",'
    b'"value":"00000000000000000000000000000000"}],"format":2}\n'
)
"""A state file as the version before wrote it, byte for byte."""


def test_state_files_of_the_version_before_are_read_and_written_alike() -> None:
    state = decode_state(BY_VERSION_0_1)
    assert state is not None
    assert (state.done, state.resource) == (STATE.done, "a1-b2")
    assert encode_state(state) == BY_VERSION_0_1


@given(st.integers(0, len(LINE) - 1), st.integers(1, 255))
def test_row_143_a_changed_note_is_no_note(at: int, change: int) -> None:
    torn = bytearray(LINE)
    torn[at] ^= change
    assert decode_state(bytes(torn)) in (None, STATE)
    assert decode_state(LINE[:at]) in (None, STATE)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_no_note(data: bytes) -> None:
    assert decode_state(data) is None


@pytest.mark.parametrize(
    "spans",
    [(Span(5, 5),), (Span(0, 10), Span(10, 20)), (Span(20, 30), Span(0, 10)), (Span(90, 101),),
     (Span(-1, 5),)],
)  # fmt: skip
def test_spans_that_cannot_be_are_no_note(spans: tuple[Span, ...]) -> None:
    assert decode_state(encode_state(PartState("s", 100, Validator(), Coverage(spans)))) is None


def test_row_148_another_format_is_no_note() -> None:
    assert decode_state(encode_state(PartState("s", format=99))) is None


def test_row_146_a_note_is_cut_to_the_bytes_that_are_there(tmp_path: Path) -> None:
    save_state(tmp_path / "note", STATE)
    state = load_state(tmp_path / "note", 25)
    assert state is not None
    assert state.done.spans == (Span(0, 10), Span(20, 25))


def test_a_source_outlives_its_signature_and_holds_no_secret() -> None:
    url = "https://user:word@host:8/a/b.tif?requestSignature=abc"
    assert source_of(url) == "https://host:8/a/b.tif"
    assert "c2VjcmV0" not in source_of("https://host/download/c2VjcmV0c2VjcmV0")


def test_row_137_a_disk_that_is_full_for_the_note_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = PartState("http://host/a", 10), PartState("http://host/a", 20)
    save_state(tmp_path / "note", old)

    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        save_state(tmp_path / "note", new)
    assert load_state(tmp_path / "note", 0) == old
    assert os.listdir(tmp_path) == ["note"]

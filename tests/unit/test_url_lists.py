"""Lists of URLs as people have them: plain, with aria2's options, in odd encodings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import ConfigError
from asyncdl.lists.entries import Entry, EntryReader, Problem
from asyncdl.lists.line_reader import LineReader, lines_of
from asyncdl.transfer import Digest

SHA = "ab" * 32
A, B = "http://one.test/a.bin", "http://two.test/b.bin"


class Read:
    """A list that was read, with what was wrong in it."""

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self.unknown: list[tuple[str, str]] = []
        reader = EntryReader("list", self.problems.append, lambda *told: self.unknown.append(told))
        taken = [reader.take(line) for line in text.split("\n")]
        self.entries: list[Entry] = [entry for entry in (*taken, reader.end()) if entry]


def test_a_plain_list_is_read_as_ever() -> None:
    read = Read(f"# two files\n\n{A}\n  {B}  \n\t# more\n")
    assert [entry.urls for entry in read.entries] == [(A,), (B,)]
    assert [entry.place for entry in read.entries] == ["list: line 3", "list: line 4"]
    assert not read.problems


def test_an_input_file_of_aria2_is_read() -> None:
    read = Read(
        f"{A}\t{B}\t{A}\n  out=sub/first.bin\n\tdir=/data/x\n  checksum=sha-256={SHA.upper()}\n"
        f"  header=X-Key: a=b:c\n  referer=http://here.test/\n  user-agent=me/1\n"
        f"  allow-overwrite=true\n  conditional-get=true\n  remote-time=false\n  split=7\n"
        f"# between\n{B}\n"
    )
    first, second = read.entries
    assert not read.problems and not read.unknown
    assert first == Entry(
        (A, B), "list: line 1", Path("/data/x"), Path("sub"), "first.bin",
        (Digest("sha256", SHA.upper()),),
        {"X-Key": "a=b:c", "Referer": "http://here.test/", "User-Agent": "me/1"},
        overwrite=True, if_modified=True, remote_time=False, connections=7,
    )  # fmt: skip
    assert second == Entry((B,), "list: line 13")


@pytest.mark.parametrize(
    ("option", "allowed"),
    [
        ("checksum=sha-256=zz", "64 hexadecimal digits"),
        (f"checksum=sha3-256={SHA}", "TYPE is one of sha512"),
        (f"checksum={SHA}", "TYPE=HEX"),
        ("out=../up.bin", "the name of a file in its folder"),
        ("out=/etc/passwd", "the name of a file in its folder"),
        ("out=", "the name of a file in its folder"),
        ("out=x.part", "x.part_"),
        ("allow-overwrite=yes", "true or false"),
        ("header=no colon", "Name: value"),
        ("header=Range: bytes=0-", "requests the parts"),
        ("user-agent=a\rb", "without line breaks"),
        ("split=0", "from 1 to 64"),
    ],
)
def test_a_bad_option_is_named_with_its_line(option: str, allowed: str) -> None:
    read = Read(f"{A}\n  gid=1\n  {option}\n{B}\n")
    (problem,) = read.problems
    assert problem.place == "list: line 3"
    assert allowed in problem.allowed
    assert problem.value.startswith(option.partition("=")[0])
    assert [entry.urls for entry in read.entries] == [(B,)]


@pytest.mark.parametrize("line", ["ftp://host/x", "nonsense", f"{A}\tmailto:x", "http://☃.net/"])
def test_a_line_that_is_no_url_is_named(line: str) -> None:
    read = Read(f"{A}\n{line}\n  out=x\n")
    assert [problem.place for problem in read.problems] == ["list: line 2"]
    assert "URL of http or https" in read.problems[0].allowed
    assert [entry.urls for entry in read.entries] == [(A,)]


def test_an_option_needs_a_url_above_it() -> None:
    assert "list: line 1" in str(Read(f"  out=x\n{A}\n").problems[0])


def test_an_option_without_effect_is_noted_once() -> None:
    read = Read(f"{A}\n  gid=1\n  file-allocation=none\n{B}\n  gid=2\n")
    assert read.unknown == [("list: line 2", "gid"), ("list: line 3", "file-allocation")]
    assert len(read.entries) == 2


def test_no_message_holds_a_secret() -> None:
    read = Read(
        "ftp://u:s3cret@host/x?token=s3cret\n"
        f"{A}\n  header=Authorization Bearer s3cret\n  header=X\x00: s3cret\n"
    )
    assert len(read.problems) == 3
    assert "s3cret" not in "".join(map(str, read.problems)) + repr(read.problems)


TEXT = f"# ä\n{A}\n\n  out=\u20ac.bin\n{B}"


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-mark", "utf-32"])
@pytest.mark.parametrize("step", [1, 3, 4096])
def test_a_list_is_read_in_any_encoding_and_in_any_pieces(
    encoding: str, ends: str, step: int
) -> None:
    text = TEXT.replace("\n", ends)
    data = (
        b"\xfe\xff" + text.encode("utf-16-be")
        if encoding == "utf-16-be-mark"
        else text.encode(encoding)
    )
    reader = LineReader()
    pieces = (data[at : at + step] for at in range(0, len(data), step))
    lines = [line for piece in pieces for line in reader.feed(piece)] + reader.close()
    assert lines == TEXT.split("\n")


@given(st.binary(max_size=60))
def test_any_bytes_are_lines(data: bytes) -> None:
    try:
        lines = list(lines_of(data))
    except ConfigError as error:
        assert b"\0" in data and "without a byte order mark" in str(error)
        return
    assert not any("\n" in line or "\r" in line for line in lines)
    for line in lines:
        line.encode("utf-8", "surrogatepass")


@given(st.lists(st.text(alphabet="aß=:/\t #.-\u202e", max_size=12), max_size=8))
def test_any_lines_come_to_an_end_without_an_error(lines: list[str]) -> None:
    read = Read("\n".join(lines))
    assert all(entry.urls for entry in read.entries)


def test_bytes_that_are_no_utf_8_stay_what_they_are() -> None:
    read = Read("".join(lines_of(b"http://host/caf\xe9.bin\n")))
    assert read.entries[0].urls == ("http://host/caf\udce9.bin",)

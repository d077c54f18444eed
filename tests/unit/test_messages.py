"""HTTP/1.1 messages: heads, and chunked bodies."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.wire.messages import (
    Chunks,
    NotHttp,
    end_of_head,
    read_response_head,
    request_head,
)
from asyncdl.transfer.wire_url import read_target

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"


def head(*lines: str, status_line: str = "HTTP/1.1 200 OK") -> bytes:
    return "\r\n".join((status_line, *lines, "\r\n")).encode()


@given(body=st.binary(max_size=20), cut=st.integers(0, 60))
def test_the_end_of_a_head_is_found_as_soon_as_it_is_there(body: bytes, cut: int) -> None:
    data = bytearray(b"junk" + HEAD + body)
    stop = min(4 + cut, len(data))
    is_there = stop >= 4 + len(HEAD)
    assert end_of_head(data, 4, stop) == (4 + len(HEAD) if is_there else -1)


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\n\n", b"\n\r\n"])
@pytest.mark.parametrize("body", [b"a\r\n\r\nb", b"a\n\nb", b"\r\n\r\n", b"\n\n", b""])
def test_no_empty_line_of_the_body_is_taken_for_the_end_of_the_head(
    end: bytes, body: bytes
) -> None:
    told = bytearray(b"HTTP/1.1 200 OK" + end[: len(end) // 2] + b"A: b" + end)
    data = told + body
    assert end_of_head(data, 0, len(data)) == len(told)


def test_names_are_in_lower_case_and_values_are_trimmed() -> None:
    assert read_response_head(head('ETag:  "a b" \t', "x: 1", "X: 2")).headers == {
        "etag": '"a b"',
        "x": "1",
    }


def test_bare_line_feeds_and_folded_lines_are_forgiven() -> None:
    read = read_response_head(b"HTTP/1.1 206 Part\nA: b\n  c\nContent-Length: 5\n\n")
    assert (read.status, read.headers["a"], read.length) == (206, "b c", 5)


@pytest.mark.parametrize(
    "data",
    [
        b"no HTTP at all\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        head("Content-Length 3"),
        head("Content-Length: 3\0"),
        head("Transfer-Encoding : chunked"),
        head("Content-Length: 3", "Content-Length: 4"),
        head("Content-Length: 3", "Content-Length: x"),
        head("Content-Length: 3, 4"),
        head("Content-Length: 3,"),
        head("Content-Length: ,"),
        head("Content-Length: +3, 3"),
        head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        head("Content-Length: -3"),
        head("Content-Length: \uff19"),
        head(f"Content-Length: {2**63}"),
        head(status_line="HTTP/1.1 101 Switching"),
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(NotHttp):
        read_response_head(data)


@pytest.mark.parametrize("line", ["no field", "Bad Name: x", "A: b\0c", "A: b\rc"])
def test_a_line_that_is_no_field_is_left_out_and_costs_the_connection(line: str) -> None:
    read = read_response_head(head("Content-Length: 3", line, "B: d"))
    assert (dict(read.headers), read.length) == ({"content-length": "3", "b": "d"}, 3)
    assert not read.keeps_alive


@pytest.mark.parametrize(
    ("lines", "length", "is_chunked", "keeps_alive"),
    [
        (["Content-Length: 3"], 3, False, True),
        (["Content-Length: 3", "Content-Length: 3"], 3, False, True),
        (["Content-Length: 3, 3", "Content-Length: 03"], 3, False, True),
        (["Content-Length: 3", "Connection: x, Close"], 3, False, False),
        (["Transfer-Encoding: gzip, Chunked"], None, True, True),
        (["Transfer-Encoding: gzip"], None, False, False),
        (["Transfer-Encoding: chunked", "Content-Length: 3"], None, True, False),
        ([], None, False, False),
    ],
)
def test_where_the_body_ends_and_whether_the_connection_goes_on(
    lines: list[str], length: int | None, is_chunked: bool, keeps_alive: bool
) -> None:
    read = read_response_head(head(*lines))
    assert (read.length, read.is_chunked, read.keeps_alive) == (length, is_chunked, keeps_alive)


@pytest.mark.parametrize("code", [100, 103, 204, 304])
def test_some_answers_never_have_a_body(code: int) -> None:
    assert (
        read_response_head(head("Content-Length: 9", status_line=f"HTTP/1.1 {code} X")).length == 0
    )


@pytest.mark.parametrize(("connection", "keeps"), [("", False), ("Connection: Keep-Alive", True)])
def test_an_old_host_keeps_a_connection_only_if_it_says_so(connection: str, keeps: bool) -> None:
    lines = ["Content-Length: 3", *filter(None, [connection])]
    assert read_response_head(head(*lines, status_line="HTTP/1.0 200 OK")).keeps_alive is keeps


def test_bytes_of_any_kind_in_a_value_survive() -> None:
    read = read_response_head(b'HTTP/1.1 200 OK\r\nContent-Disposition: filename="\xe9"\r\n\r\n')
    assert read.headers["content-disposition"] == 'filename="\udce9"'


def test_a_request_is_one_block_and_of_two_alike_the_last_counts() -> None:
    target = read_target("http://host:8080/a?b=%3D#part")
    assert request_head(target, {"user-agent": "x", "User-Agent": "y"}) == (
        b"GET /a?b=%3D HTTP/1.1\r\nHost: host:8080\r\nUser-Agent: y\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("url", "host", "path", "origin"),
    [
        ("http://Host", "Host", "/", ("http", "host", 80)),
        ("https://host:443?q", "host", "/?q", ("https", "host", 443)),
        ("http://[::1]:8080/a", "[::1]:8080", "/a", ("http", "::1", 8080)),
        ("http://u:p@host/a b", "host", "/a%20b", ("http", "host", 80)),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, path: str, origin: tuple[str, str, int]) -> None:
    target = read_target(url)
    assert (target.host, target.path, target.origin) == (host, path, origin)


CHUNKED = b"3;name=value\r\nabc\r\n0A\r\n0123456789\r\n0\r\nX-Trailer: y\r\n\r\n"


@given(cuts=st.lists(st.integers(0, len(CHUNKED)), max_size=9))
def test_the_body_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    chunks, edges = Chunks(), [0, *sorted(cuts), len(CHUNKED)]
    came = b"".join(chunks.feed(CHUNKED[a:b]) for a, b in pairwise(edges))
    assert (came, chunks.is_ended, chunks.has_surplus) == (b"abc0123456789", True, False)


@given(stop=st.integers(0, len(CHUNKED) - 1))
def test_a_body_that_was_cut_off_has_not_ended(stop: int) -> None:
    chunks = Chunks()
    assert b"abc0123456789".startswith(chunks.feed(CHUNKED[:stop]))
    assert not chunks.is_ended


def test_what_follows_the_end_is_noticed() -> None:
    chunks = Chunks()
    chunks.feed(CHUNKED + b"HTTP")
    assert chunks.has_surplus


@pytest.mark.parametrize(
    "data",
    [
        b"x\r\n",
        b"-3\r\nabc\r\n",
        b"f" * 16 + b"\r\n",
        b"3\r\nabcdef\r\n",
        b"0x3\r\n",
        b"\r\n",
        b"1" * 9000,
        b"0\r\n" + b"A: b\r\n" * 20_000,
    ],
)
def test_chunks_that_make_no_sense_are_refused(data: bytes) -> None:
    with pytest.raises(NotHttp):
        Chunks().feed(data)

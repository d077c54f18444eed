"""File names from outside: FAULTS rows 156 to 160, and whatever else comes."""

import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncdl.text import BIDI_CONTROLS
from asyncdl.transfer.names import (
    MAX_NAME_BYTES,
    PART_ENDINGS,
    WORKING_ENDINGS,
    choose_name,
    disposition_name,
    name_in_url,
    safe_name,
)

TOKEN_URL = "https://dds.cr.usgs.gov/download/eyJpZCI6MSwiY29udGFjdElkIjoyfQ==/"


@given(st.text())
@example("CON" + " " * 300 + "x.tif")
@example("a" * 400 + ".tif")
@example("CON." + "a" * 400)
@example("con.txt")
@example("a" * 400 + ".part")
@example("a" * (MAX_NAME_BYTES - 5) + ".part" + "a" * 30)
@example("aux.Part.State. ")
def test_a_safe_name_is_safe_and_stays_as_it_is(text: str) -> None:
    name = safe_name(text)
    assert safe_name(name) == name
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert not set(name) & set('/\\:*?"<>|\0')
    assert name.strip(". \t\n") == name
    assert not {unicodedata.category(c) for c in name} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(name) & BIDI_CONTROLS
    assert name.partition(".")[0].rstrip().upper() not in {"CON", "NUL", "COM1", "LPT9", "AUX"}
    assert not name.casefold().endswith(WORKING_ENDINGS)


@given(st.from_regex(r"[A-Za-z0-9_.-]{1,120}", fullmatch=True))
def test_a_plain_name_is_cleaned_like_any_other(text: str) -> None:
    """A mark that nobody sees sends the name the long way round."""
    assert safe_name(text) == safe_name(f"{text}\u200e")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../x", "x"),
        ("/etc/passwd", "passwd"),
        ("C:\\dir\\x.tif", "x.tif"),
        ("C:x.tif", "x.tif"),
        ("..", ""),
        ("a\0b\u202egpj.exe", "abgpj.exe"),
        ("trailing. . ", "trailing"),
        ("con.TXT", "_con.TXT"),
        ("NUL", "_NUL"),
        ("x" * 300 + ".tif", "x" * (MAX_NAME_BYTES - 4) + ".tif"),
        ("LC08_L2SP_068017_20200310_20200822_02_T1_SR_B4.TIF",) * 2,
    ],
)
def test_row_160_unsafe_names_are_cleaned(text: str, name: str) -> None:
    assert safe_name(text) == name


@pytest.mark.parametrize(
    "name",
    [
        "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.pdf", "क\u094d\u200dष.txt", "\u0958.txt",
        "👩\u200d🚀.png", "画像\u3000一.tif", "e\u0301.bin", "\uff41.bin", "co\u00adop.bin",
        "한글.bin", "\u1112\u1161\u11ab.bin",
    ],
)  # fmt: skip
def test_names_in_any_script_stay_as_they_are(name: str) -> None:
    """Joiners, wide spaces and combining marks belong to them; nothing is normalized."""
    assert safe_name(name) == name
    assert choose_name(f"attachment; filename*=UTF-8''{quote(name)}", "http://host/") == name
    assert name_in_url(f"http://host/a/{quote(name)}") == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("victim.bin.part", "victim.bin.part_"),
        ("victim.bin.part.state", "victim.bin.part.state_"),
        ("victim.bin.part.state.tmp", "victim.bin.part.state.tmp_"),
        ("x.tif.part.member", "x.tif.part.member_"),
        ("x.tif.PART.Copy. ", "x.tif.PART.Copy_"),
        ("x.part.\u017ftate", "x.part.\u017ftate_"),
        ("x.unpacking.tar", "x.unpacking.tar_"),
        ("CON.part", "_CON.part_"),
        ("x" * 300 + ".part", "x" * (MAX_NAME_BYTES - 6) + ".part_"),
        ("x.part_",) * 2,
        ("x.part.tif",) * 2,
        ("spare_part",) * 2,
        ("part",) * 2,
        (".part", "part"),
    ],
)
def test_no_name_from_outside_is_that_of_an_unfinished_file(text: str, name: str) -> None:
    assert safe_name(text) == name
    assert choose_name(f"attachment; filename*=UTF-8''{quote(text)}", "http://host/") == name
    assert name_in_url(f"http://host/{quote(text)}") == name


def test_a_job_names_its_own_working_file() -> None:
    assert safe_name("x.unpacking.tar", PART_ENDINGS) == "x.unpacking.tar"
    assert safe_name("x.unpacking.tar.part", PART_ENDINGS) == "x.unpacking.tar.part_"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.tif"', "a b.tif"),
        ("attachment; filename=a.tif", "a.tif"),
        ("attachment;FILENAME=a.tif;x=y", "a.tif"),
        ("filename=a.tif", "a.tif"),
        ("attachment; filename=\"a.tif\"; filename*=UTF-8''%e2%82%ac.tif", "€.tif"),
        ("attachment; filename*=utf-8'en'%e2%82%ac.tif; filename=a.tif", "€.tif"),
        ("attachment; filename*=iso-8859-1''%e9.tif", "é.tif"),
        ("attachment; filename*=UTF-8''%ff; filename=a.tif", "a.tif"),
        ("attachment; filename*=martian''x; filename=a.tif", "a.tif"),
        ('attachment; filename="a;b.tif"', "a;b.tif"),
        ('attachment; filename="a\\"b.tif"', 'a"b.tif'),
        ('attachment; filename="unbalanced.tif', "unbalanced.tif"),
        ('attachment; filename=""', ""),
        ("attachment", ""),
        (None, ""),
        ('attachment; filename="caf\udce9.tif"', "café.tif"),
    ],
)
def test_rows_157_159_headers_are_read_as_they_are_meant(header: str | None, name: str) -> None:
    assert disposition_name(header) == name


@given(st.text(), st.text())
def test_row_159_no_header_raises(header: str, path: str) -> None:
    assert choose_name(
        f"attachment; {header}", "http://host/" + path.replace("[", "").replace("]", "")
    )


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/a/b.tif?requestSignature=x", "b.tif"),
        ("https://host/a%20b.tif", "a b.tif"),
        ("https://host/a%2Fb.tif", "b.tif"),
        ("https://host/", ""),
        (TOKEN_URL, ""),
    ],
)
def test_a_url_names_its_file_but_not_by_a_token(url: str, name: str) -> None:
    assert name_in_url(url) == name


def test_a_name_is_always_found() -> None:
    assert choose_name('attachment; filename=".."', TOKEN_URL) == "download"

"""Validators: what identifies a version, and what does not. FAULTS C2."""

import pytest

from asyncdl.transfer.validators import Validator, read_validator

DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
MINUTE_AGO = "Tue, 14 Nov 2023 22:12:20 GMT"
JUST_NOW = "Tue, 14 Nov 2023 22:12:21 GMT"


@pytest.mark.parametrize(
    ("etag", "last_modified", "date", "if_range"),
    [
        ('"v1"', None, None, '"v1"'),
        ('"v1"', MINUTE_AGO, DATE, '"v1"'),
        ('W/"v1"', None, None, None),
        ('W/"v1"', MINUTE_AGO, DATE, None),
        ("unquoted", None, None, None),
        (None, MINUTE_AGO, DATE, MINUTE_AGO),
        (None, JUST_NOW, DATE, None),
        (None, MINUTE_AGO, None, None),
        (None, "yesterday", DATE, None),
        (None, None, DATE, None),
        (None, MINUTE_AGO, "Mon, 01 Jan 2024 00:00:00 -99999999999999", None),
        (None, f"{MINUTE_AGO} \udcff", DATE, None),
        (None, "Mon, 01 Jan 99999999999999 00:00:00 GMT", DATE, None),
    ],
)
def test_rows_042_to_044_only_strong_validators_go_into_if_range(
    etag: str | None, last_modified: str | None, date: str | None, if_range: str | None
) -> None:
    assert read_validator(etag, last_modified, date).if_range == if_range


@pytest.mark.parametrize(
    ("known", "other", "was_conditional", "contradicts"),
    [
        (Validator('"a"'), Validator('"a"'), True, False),
        (Validator('"a"'), Validator('"b"'), True, True),
        (Validator('"a"'), Validator(), True, True),
        (Validator('"a"'), Validator('W/"a"'), False, True),
        (Validator(None, DATE), Validator(None, DATE), False, False),
        (Validator(None, DATE), Validator(), True, False),
        (Validator(None, DATE), Validator(), False, True),
        (Validator(None, DATE), Validator(None, MINUTE_AGO), True, True),
        (Validator(), Validator('"a"'), False, False),
    ],
)
def test_a_206_has_to_repeat_what_the_bytes_rest_on(
    known: Validator, other: Validator, was_conditional: bool, contradicts: bool
) -> None:
    assert known.contradicts(other, was_conditional=was_conditional) is contradicts

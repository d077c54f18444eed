"""One place takes secrets out of every text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.redact import redact

SECRET = "eyJpZCI6MSwiY29udGFjdElkIjoxMDAwMDAxfQ=="


@pytest.mark.parametrize(
    "text",
    [
        f"https://landsatlook.usgs.gov/data/x.TIF?requestSignature={SECRET}",
        f"https://landsatlook.usgs.gov/gen-bundle?landsat_product_id=a&requestSignature={SECRET}",
        f"https://dds.cr.usgs.gov/download/{SECRET}",
        f"https://dds.cr.usgs.gov/download-staging/{SECRET}/",
        f"X-Auth-Token: {SECRET}",
        f"{{'X-Auth-Token': '{SECRET}'}}",
        f"Authorization: Bearer {SECRET}",
        f"https://user:{SECRET}@host/file",
        f"https://bucket/file?X-Amz-Signature={SECRET}&x=1",
    ],
)
def test_every_known_form_of_secret_is_masked(text: str) -> None:
    masked = redact(text)
    assert SECRET not in masked
    assert SECRET.rstrip("=") not in masked
    assert "***" in masked


def test_what_is_no_secret_stays() -> None:
    text = "https://landsatlook.usgs.gov/data/collection02/LC08_L2SP_T1/LC08_L2SP_T1_SR_B4.TIF"
    assert redact(f"{text}?requestSignature=abc&x=1") == f"{text}?requestSignature=***&x=1"


@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert redact(redact(text)) == redact(text)

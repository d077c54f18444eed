"""Which resource a URL stands for: its query counts, its signature does not."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.url_identity import has_same_name, resource_id, source_of

FILE = "https://host/dir/scene.tif"


@pytest.mark.parametrize(
    "signature",
    [
        "requestSignature=abc%3D",
        "X-Amz-Algorithm=A&X-Amz-Credential=C&X-Amz-Date=D&X-Amz-Expires=60&X-Amz-Signature=s",
        "AWSAccessKeyId=A&Expires=17&Signature=x",
        "Expires=17&Key-Pair-Id=K&Signature=x&Policy=p",
        "X-Goog-Algorithm=A&x-goog-signature=s",
        "sv=2024-01-01&se=2026&sr=b&sp=r&sig=x%2B",
        "token=abc",
        "access_token=abc",
    ],
)
@pytest.mark.parametrize("rest", ["", "id=7"])
def test_a_url_that_is_signed_anew_names_the_same_resource(signature: str, rest: str) -> None:
    signed = "&".join(filter(None, [rest, signature]))
    assert source_of(f"{FILE}?{signed}") == source_of(f"{FILE}?{rest}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("id=1", "id=2"),
        ("id=1", ""),
        ("st=TX", "st=UT"),
        ("sv=1", "sv=2"),
        ("expires=1", "expires=2"),
        ("id=1&X-Amz-Signature=s", "id=2&X-Amz-Signature=s"),
        ("versionId=1", "versionId=2"),
        ("flag", "flags"),
        ("a=1&a=2", "a=1"),
    ],
)
def test_another_query_names_another_resource(one: str, other: str) -> None:
    assert source_of(f"{FILE}?{one}") != source_of(f"{FILE}?{other}")
    assert resource_id(f"{FILE}?{one}") != resource_id(f"{FILE}?{other}")


NAMES = st.text("abcdefgh", min_size=1, max_size=4)
QUERIES = st.dictionaries(NAMES, st.text(max_size=6), max_size=4)


@given(QUERIES, QUERIES)
def test_only_equal_queries_name_one_resource(one: dict[str, str], other: dict[str, str]) -> None:
    def query(fields: dict[str, str]) -> str:
        return "&".join(f"{name}={quote(value)}" for name, value in fields.items())

    is_one = source_of(f"{FILE}?{query(one)}") == source_of(f"{FILE}?{query(other)}")
    assert is_one is (one == other)


@given(st.lists(st.sampled_from(["a=1", "b=2", "c=3", "Signature=x"]), unique=True))
def test_the_order_of_a_query_means_nothing(fields: list[str]) -> None:
    urls = [f"{FILE}?{'&'.join(order)}" for order in (fields, fields[::-1])]
    assert source_of(urls[0]) == source_of(urls[1])


def test_a_part_of_the_path_that_must_not_be_shown_names_the_resource_all_the_same() -> None:
    one, other = (f"https://host/download/dataset-{n}/scene.bin" for n in (1, 2))
    assert source_of(one) != source_of(other)
    assert "dataset" not in source_of(one)
    assert source_of(one, is_renewed=True) == source_of(other, is_renewed=True)


def test_what_names_the_resource_is_not_shown() -> None:
    assert "hush" not in source_of(f"{FILE}?key=hush")


def test_mirrors_have_a_name_in_common() -> None:
    one, other = resource_id("http://a/pub/x.iso"), resource_id("http://b/mirror/x.iso")
    assert one != other
    assert has_same_name(one, other)
    assert resource_id("http://a/pub/x.iso") == resource_id("http://b/pub/x.iso?Signature=1")
    assert not has_same_name(one, resource_id("http://a/pub/y.iso"))

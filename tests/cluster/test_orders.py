"""Orders, errors and outcomes are plain data: what comes out is what went in, without secrets."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.cluster.error_records import (
    UNEXPECTED,
    error_of,
    record_of_error,
    record_of_unexpected,
)
from asyncdl.cluster.messages import AgentReport, FreshUrl, Instructions, open_sealed, seal
from asyncdl.cluster.orders import FileOrder, order_of, request_of
from asyncdl.cluster.outcomes import (
    DeliveryRecord,
    FetchedRecord,
    OrderOutcome,
    fetched_of,
    made_of,
    record_of_fetched,
)
from asyncdl.errors import (
    AsyncdlError,
    ChecksumMismatch,
    DiskError,
    HttpStatusError,
    NetworkError,
    SizeMismatch,
    Stalled,
    StoreError,
    TransferError,
)
from asyncdl.events import TransferEnded, TransferProgress
from asyncdl.job.places.delivery import (
    DeliveredFile,
    DeliveredMember,
    DeliveryPlan,
    DeliveryRequest,
    FileDelivery,
    PlannedPlace,
)
from asyncdl.job.places.extraction import ExtractError
from asyncdl.job.places.member_plan import BundleUnpacker, MemberPlan
from asyncdl.job.places.placer import PlacedFile
from asyncdl.job.places.raster_cut import RasterCut
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import Checksum
from asyncdl.net.addresses import Zone
from asyncdl.transfer import Digest, Fetched, FileRequest, Form, Recheck
from asyncdl.transfer.excerpts import Excerpt
from asyncdl.transfer.ranges import Coverage, Span
from asyncdl.transfer.verification.checks import Verification

SECRET = "c2VjcmV0"
URL = f"https://files.example.org/x.tif?requestSignature={SECRET}"
texts = st.text(max_size=20)
digests = st.builds(Digest, st.just("md5"), st.text("0123456789abcdef", min_size=32, max_size=32))
requests = st.builds(
    FileRequest,
    url=st.sampled_from([URL, "http://h/ü?a=%20"]),
    directory=st.sampled_from([Path("/data/a b"), Path("/d")]),
    name=st.none() | texts,
    size_bytes=st.none() | st.integers(0, 2**62),
    digests=st.lists(digests, max_size=2).map(tuple),
    members=st.dictionaries(texts, st.lists(digests, max_size=2).map(tuple), max_size=2),
    fingerprint=st.none() | st.just("sha256"),
    form=st.none() | st.sampled_from(Form),
    key=texts,
    headers=st.dictionaries(texts, st.none() | texts, max_size=2),
    named_by=st.none() | st.just("https://m2m.example.org/"),
    overwrite=st.booleans(),
    resume=st.none() | st.booleans(),
    mirrors=st.lists(st.just("http://mirror/"), max_size=2).map(tuple),
    recheck=st.sampled_from(Recheck),
    remote_time=st.booleans(),
    accept_html=st.booleans(),
    connections=st.none() | st.integers(1, 9),
)


@given(requests, st.integers(1, 2**40))
def test_a_request_arrives_as_it_was(request: FileRequest, number: int) -> None:
    sent = Instructions(orders=[order_of(request, number)])
    (order,) = open_sealed(seal(sent), Instructions).orders
    assert order == sent.orders[0]
    assert request_of(order) == request


def test_what_is_a_function_stays_and_its_place_is_taken() -> None:
    async def refresh() -> str:
        return URL

    request = FileRequest(URL, Path("/d"), refresh=refresh, named_from=lambda: Zone.PRIVATE)
    arrived = request_of(order_of(request, 1), refresh)
    assert arrived.refresh is refresh
    assert arrived.max_zone is Zone.PRIVATE
    assert request_of(order_of(replace(request, refresh=None), 1), refresh).refresh is None


def test_a_function_that_unpacks_cannot_travel() -> None:
    request = FileRequest(URL, Path("/d"), unpack=lambda: lambda member, hashers: ())
    with pytest.raises(TypeError, match="cannot be sent to a worker"):
        order_of(request, 1)


@given(requests)
def test_a_folder_of_each_workers_own_takes_the_place_of_this_ones(request: FileRequest) -> None:
    request = replace(request, directory=Path("/spool/here/bands") / request.directory.name)
    there = request_of(order_of(request, 1, spool=Path("/spool/here")), spool=Path("/their/own"))
    assert there.directory == Path("/their/own/bands") / request.directory.name
    assert replace(there, directory=request.directory) == request
    fetched = Fetched(there.directory / "x.tif", 5, 5, False, "length", 1, 0.5)
    back = fetched_of(record_of_fetched(fetched, Path("/their/own")), Path("/spool/here"))
    assert back.path == request.directory / "x.tif"


STAYING = {"refresh", "unpack", "named_from", "excerpt", "on_growth"}
"""Fields of a request that are functions: each becomes data or is refused."""
IN_THEIR_PLACE = {"number", "is_renewable", "delivery", "max_zone", "excerpt"}


def test_no_field_is_left_behind() -> None:
    """Whoever adds a field to a request, or to a fetched file, decides how it travels."""
    fields = {field.name for field in dataclasses.fields(FileRequest)} - STAYING
    assert set(FileOrder.__struct_fields__) == fields | IN_THEIR_PLACE
    assert FetchedRecord.__struct_fields__ == tuple(f.name for f in dataclasses.fields(Fetched))


def test_a_window_of_a_raster_travels() -> None:
    cut = RasterCut((((-150.0, 61.0), (-149.0, 61.0), (-149.0, 62.0)),), "x.TIF")
    request = FileRequest(URL, Path("/d"), "x.TIF", excerpt=cut.begin, keeps_source=True)
    order = pickle.loads(pickle.dumps(order_of(request, 1)))
    there = request_of(order)
    assert order.excerpt == cut
    assert there.excerpt is not None
    assert there.excerpt(URL).missing(Coverage(), None) == [Span(0, 16 * 1024)]
    assert there.keeps_source


def test_another_excerpt_is_refused() -> None:
    def begin(url: str) -> Excerpt:
        raise NotImplementedError

    with pytest.raises(TypeError, match="cannot be sent to a worker"):
        order_of(FileRequest(URL, Path("/d"), "x", excerpt=begin), 1)


SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"


def test_a_plan_says_the_same_wherever_it_is() -> None:
    bundle = WantedFile(
        "e", "p", SCENE, f"{SCENE}.tar", ("bundle",), None, 5,
        members={f"{SCENE}_SR_B4.TIF": (Checksum(id="md5", value="0" * 32),)},
        unpacked=("SR_B4", "red"),
    )  # fmt: skip
    plan = MemberPlan(
        bundle, "{kind}/{year}/{file}", "{kind}/{file}", None,
        {f"{SCENE}_SR_B4.TIF": (Digest("md5", "0" * 32),)}, "sha256", 10**9, True,
    )  # fmt: skip
    unpacker = BundleUnpacker(plan, Path("/d").joinpath)
    places = (PlannedPlace(f"bundle/{SCENE}.tar", is_unpacked=True),)
    delivery = FileDelivery(DeliveryPlan(places, "m2m", 77, 10**9, plan))
    request = DeliveryRequest(URL, Path("/d"), unpack=unpacker.begin, delivery=delivery)
    sent = seal(Instructions(orders=[order_of(request, 1)]))
    arrived = open_sealed(sent, Instructions).orders[0].delivery
    assert arrived == delivery.plan
    assert (there := arrived.members) is not None
    for name in (f"{SCENE}_SR_B4.TIF", f"{SCENE}_SR_B5.TIF", "README"):
        assert there.is_wanted(name) == plan.is_wanted(name)
        assert there.path_of(name) == plan.path_of(name)
        assert there.expected_of(name, 7) == plan.expected_of(name, 7)
    assert [plan.is_wanted(f"{SCENE}_SR_B{n}.TIF") for n in (4, 5)] == [True, False]
    assert plan.path_of(f"{SCENE}_SR_B4.TIF") == f"bundle/2020/{SCENE}_SR_B4.TIF"
    assert (there.max_bytes, there.durable) == (10**9, True)


def test_nothing_on_the_way_shows_a_url_or_a_header() -> None:
    request = FileRequest(URL, Path("/d"), "x", headers={"Authorization": SECRET})
    said = Instructions(orders=[order_of(request, 1)], urls=[FreshUrl(1, URL)])
    for shown in (repr(said), str(said), repr(said.orders[0].__rich_repr__()), repr(seal(said))):
        assert SECRET not in shown
    assert open_sealed(pickle.loads(pickle.dumps(seal(said))), Instructions) == said


def tired(error: TransferError) -> TransferError:
    error.attempts = 3
    return error


ERRORS: list[AsyncdlError] = [
    tired(TransferError(URL, "why", reason="busy", retryable=True, retry_after_s=2.5)),
    HttpStatusError(URL, 403),
    SizeMismatch(URL, expected=5, got=7),
    ChecksumMismatch(URL, algorithm="md5", expected="a", got="b", member="m"),
    Stalled(URL, seconds=60.0),
    NetworkError("request to h", "refused", errno=111, phase="connect"),
    DiskError(Path("/data/x"), OSError(28, "No space left on device")),
    ExtractError("x.tar", "not a valid archive"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_arrives_as_it_was(error: AsyncdlError) -> None:
    sent = AgentReport(outcomes=[OrderOutcome(1, error=record_of_error(error))])
    record = open_sealed(seal(sent), AgentReport).outcomes[0].error
    assert record is not None
    arrived = error_of(record)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert vars(arrived) == vars(error)
    assert getattr(arrived, "is_full", None) == getattr(error, "is_full", None)
    assert SECRET not in f"{record}"


def test_an_error_of_an_unknown_class_is_the_closest_known_one() -> None:
    class Newer(TransferError):
        pass

    record = record_of_error(Newer(URL, "why"))
    del Newer
    kinds = tuple(kind if kind != "Newer" else "NewerStill" for kind in record.kinds)
    arrived = error_of(type(record)(kinds, record.message, record.facts))
    assert type(arrived) is TransferError
    assert arrived.detail == "why"


def test_what_nobody_foresaw_is_an_error_of_its_file() -> None:
    error = error_of(record_of_unexpected(ZeroDivisionError(f"at {URL}")))
    assert isinstance(error, TransferError)
    assert error.reason == UNEXPECTED
    assert "ZeroDivisionError" in error.detail
    assert SECRET not in str(error)


fetched_files = st.builds(
    Fetched,
    path=st.just(Path("/d/x")),
    size_bytes=st.integers(0, 9),
    received_bytes=st.integers(0, 9),
    already_there=st.booleans(),
    proof=texts,
    attempts=st.integers(0, 9),
    elapsed_s=st.floats(0, 9),
    digests=st.lists(digests, max_size=2).map(tuple),
    address=texts,
    validator=texts,
    excerpt=texts,
)


@given(fetched_files)
def test_a_fetched_file_arrives_as_it_was(fetched: Fetched) -> None:
    sent = AgentReport(
        outcomes=[OrderOutcome(1, record_of_fetched(fetched))],
        waits=[(1, True)],
        events=[TransferProgress("k", 1, 2), TransferEnded("k")],
    )
    arrived = open_sealed(seal(sent), AgentReport)
    assert arrived == sent
    record = arrived.outcomes[0].fetched
    assert record is not None
    assert fetched_of(record) == fetched


def test_what_became_of_a_file_arrives_as_it_was() -> None:
    verified = Verification(("sha512", "tiff"), (Digest("md5", "0" * 32),))
    member = DeliveredMember("bands/a.tif", PlacedFile(5, 0, "tag"), verified)
    made = DeliveredFile(PlacedFile(7, 12, "tag-2"), False, ("a.tif", "b.txt"), (member,))
    refused = StoreError("s3://bucket/x", "it is full", reason="store-full")
    sent = (
        DeliveryRecord("bundle/x.tar", made),
        DeliveryRecord("bands/x.tar", error=record_of_error(refused)),
    )
    outcome = OrderOutcome(1, deliveries=sent)
    arrived = open_sealed(seal(AgentReport(outcomes=[outcome])), AgentReport).outcomes[0]
    there = FileDelivery(DeliveryPlan(()))
    assert there.made_elsewhere("bundle/x.tar") is None
    there.elsewhere = made_of(arrived.deliveries)
    assert there.made_elsewhere("bundle/x.tar") == made
    with pytest.raises(StoreError, match="it is full") as raised:
        there.made_elsewhere("bands/x.tar")
    assert raised.value.stops_run


def test_a_place_takes_the_hosts_name_only_where_it_has_none() -> None:
    assert PlannedPlace("bundle/x.tar").path_of("y.zip") == "bundle/x.tar"
    assert PlannedPlace("bundle/x/x", takes_host_name=True).path_of("y.zip") == "bundle/x/y.zip"

"""One place in a store, against SeaweedFS and Azurite."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import SEEK_END
from pathlib import Path

import pytest

from asyncdl.errors import ConfigError, StoreError
from asyncdl.stores import call_threads, object_store, upload_memory
from asyncdl.stores.abandoned import unfinished_uploads
from asyncdl.stores.object_store import ONE_REQUEST_BYTES, PART_BYTES, READ_BYTES, ObjectStore
from asyncdl.stores.pace import Pace
from tests.stores.door import SLOW_DOWN, Door, refusal
from tests.stores.real_store import READER, WRITER, RealStore, act_as, through
from tests.stores.weed import Weed

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.stores("s3", "az", "gs")]
ONLY_S3 = pytest.mark.stores("s3")

FACTS = {"sha256": hashlib.sha256(b"right").hexdigest(), "source": "m2m", "downloadid": "7"}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.TIF"
    path.write_bytes(b"right")
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.tar"
    path.write_bytes(bytes(range(256)) * ((ONE_REQUEST_BYTES + PART_BYTES + 512) // 256))
    return path


def facts_of(path: Path) -> dict[str, str]:
    return {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def test_a_file_is_there_with_its_facts(
    real_store: RealStore, store: ObjectStore, small: Path, prefix: str
) -> None:
    placed = store.put_file(small, "bands/é b/S_B4.TIF", FACTS)
    key = f"{prefix}/bands/é b/S_B4.TIF"
    assert real_store.read(key) == b"right"
    assert real_store.facts(key) == FACTS
    assert placed.tag and placed.size_bytes == 5
    assert real_store.scheme != "s3" or placed.tag == hashlib.md5(b"right").hexdigest()
    assert store.facts_of("bands/é b/S_B4.TIF") == (placed, {**FACTS, "Content-Type": "image/tiff"})
    assert list(store.list("bands/é b")) == [placed]
    assert list(store.list("bands/é")) == [], "a folder is not a beginning of its name"


def test_a_large_file_is_there_whole_and_leaves_no_upload(
    real_store: RealStore, store: ObjectStore, large: Path, prefix: str
) -> None:
    placed = store.put_file(large, "bundle/S.tar", facts_of(large))
    assert real_store.read(f"{prefix}/bundle/S.tar") == large.read_bytes()
    assert [placed] == list(store.list())
    assert real_store.facts(f"{prefix}/bundle/S.tar") == facts_of(large)
    assert real_store.uploads(prefix) == []


def test_the_same_file_is_not_written_twice(
    real_store: RealStore, store: ObjectStore, small: Path, large: Path, prefix: str
) -> None:
    for path in (small, large):
        first = store.put_file(path, path.name, facts_of(path))
        written = real_store.written(f"{prefix}/{path.name}")
        assert store.put_file(path, path.name, facts_of(path)) == first
        assert real_store.written(f"{prefix}/{path.name}") == written


def test_another_file_of_the_name_is_replaced(
    real_store: RealStore, store: ObjectStore, small: Path, prefix: str
) -> None:
    real_store.put(f"{prefix}/x.TIF", b"wrong")
    store.put_file(small, "x.TIF", FACTS)
    assert real_store.read(f"{prefix}/x.TIF") == b"right"


def test_facts_that_stayed_with_other_bytes_do_not_save_them(
    real_store: RealStore, store: ObjectStore, small: Path, large: Path, prefix: str
) -> None:
    """Else a damaged file could never be repaired: it says of itself that it is right."""
    for path in (small, large):
        wrong = with_another_byte(path)
        store.put_file(wrong, path.name, facts_of(path))
        store.put_file(path, path.name, facts_of(path))
        assert real_store.read(f"{prefix}/{path.name}") == path.read_bytes()


def with_another_byte(path: Path) -> Path:
    """Return a file of the same size whose last byte is another."""
    wrong = path.with_name(f"wrong-{path.name}")
    wrong.write_bytes(path.read_bytes()[:-1] + b"?")
    return wrong


def test_two_that_write_one_name_at_once_leave_one_of_the_two(
    real_store: RealStore, store: ObjectStore, tmp_path: Path, prefix: str
) -> None:
    failures: list[BaseException] = []
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(path.name.encode() * 100_000)

    def write(path: Path) -> None:
        try:
            store.put_file(path, "x", facts_of(path))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=(path,)) for path in paths * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert real_store.read(f"{prefix}/x") in [path.read_bytes() for path in paths]


def test_a_condition_that_is_not_met_changes_nothing(store: ObjectStore) -> None:
    first = store.put(b"1", "x", mode="create")
    with pytest.raises(StoreError, match="already") as raised:
        store.put(b"2", "x", mode="create")
    assert raised.value.reason == "store-exists" and not raised.value.stops_run
    second = store.put(b"2", "x", over=first)
    with pytest.raises(StoreError) as raised:
        store.put(b"3", "x", over=first)
    assert raised.value.reason == "store-changed"
    assert store.read("x", 10) == b"2" and list(store.list()) == [second]


def test_an_upload_that_is_cancelled_leaves_nothing(
    real_store: RealStore,
    store_at: Callable[..., ObjectStore],
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has_returned = threading.Event()

    def check() -> None:
        if real_store.uploads(prefix):
            raise KeyboardInterrupt

    def parts() -> Iterator[bytes]:
        yield bytes(PART_BYTES)
        has_returned.wait()
        yield b"rest"

    monkeypatch.setattr(call_threads, "GRACE_S", 0)
    where = f"{real_store.scheme}://{real_store.bucket}/{prefix}"
    store = store_at(where, Pace(check_cancelled=check))
    with pytest.raises(KeyboardInterrupt):
        store.put_parts(parts(), PART_BYTES + 4, "x", FACTS)
    has_returned.set()
    # Azure knows no end of an upload; its blocks are dropped after a week.
    while real_store.scheme != "az" and real_store.uploads(prefix):
        time.sleep(0.1)
    assert real_store.names(f"{prefix}/") == []


@ONLY_S3
def test_who_is_cancelled_does_not_wait_for_a_silent_store(
    weed: Weed,
    door: Door,
    store_at: Callable[..., ObjectStore],
    small: Path,
    large: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check() -> None:
        if door.connections:
            raise KeyboardInterrupt

    monkeypatch.setitem(object_store._CLIENT, "timeout", "3600s")
    monkeypatch.setattr(call_threads, "GRACE_S", 0.1)
    door.hold_after_bytes = 0
    store = store_at(f"s3://{weed.bucket}/x", Pace(check_cancelled=check), endpoint=door.endpoint)
    for call in (
        lambda: list(store.list()),
        lambda: store.facts_of("x"),
        lambda: store.put_file(small, "x", {}),
        lambda: store.put_file(large, "x", FACTS),
    ):
        with pytest.raises(KeyboardInterrupt):
            call()
        door.connections = 0


def test_objects_are_read_moved_and_removed(store: ObjectStore, large: Path) -> None:
    store.put_file(large, "a/x", facts_of(large))
    assert b"".join(store.chunks("a/x")) == large.read_bytes()
    assert store.read("a/x", 7) == large.read_bytes()[:7]
    with store.open("a/x") as file:
        file.seek(-256, 2)
        assert file.read() == bytes(range(256))
    store.move("a/x", "b/x")
    assert [found.path for found in store.list()] == ["b/x"]
    store.delete("b/x")
    store.delete("b/x")
    assert list(store.list()) == [] and store.read("b/x", 1) is None
    assert store.facts_of("b/x") is None


@ONLY_S3
@pytest.mark.parametrize(
    ("who", "bucket", "reason", "words"),
    [
        (("nobody", "hidden"), "landsat", "store-denied", "access key is not known"),
        (("tester", "hidden"), "landsat", "store-denied", "secret key does not fit"),
        (READER, "landsat", "store-denied", "access was denied"),
    ],
)
def test_what_the_store_refuses_is_said_in_one_sentence(
    weed: Weed,
    store_at: Callable[..., ObjectStore],
    monkeypatch: pytest.MonkeyPatch,
    small: Path,
    who: tuple[str, str],
    bucket: str,
    reason: str,
    words: str,
) -> None:
    for name, value in weed.environment(who).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StoreError, match=words) as raised:
        store_at(f"s3://{bucket}/p").put_file(small, "x", FACTS)
    assert raised.value.reason == reason and raised.value.stops_run
    assert who[1] not in str(raised.value) and len(str(raised.value)) < 120
    assert str(raised.value).startswith(f"s3://{bucket}/p/x: ")


@pytest.mark.stores("az")
@pytest.mark.parametrize("who", ["wrong key", "only reads"])
def test_what_azure_refuses_is_said_in_one_sentence(
    real_store: RealStore,
    store_at: Callable[..., ObjectStore],
    monkeypatch: pytest.MonkeyPatch,
    small: Path,
    who: str,
) -> None:
    is_reader = who == "only reads"
    variables = real_store.environment(READER) if is_reader else real_store.refused()
    act_as(monkeypatch, variables)
    store = store_at("az://landsat/p")
    with pytest.raises(StoreError, match="access was denied") as raised:
        store.put_file(small, "x", FACTS)
    assert raised.value.reason == "store-denied" and raised.value.stops_run
    assert str(raised.value) == "az://landsat/p/x: access was denied"
    if is_reader:
        assert list(store.list()) == []


@pytest.mark.stores("az")
def test_an_account_that_is_not_named_is_said(
    real_store: RealStore, store_at: Callable[..., ObjectStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dict(real_store.environment())
    act_as(monkeypatch, known | {"AZURE_STORAGE_ACCOUNT_KEY": "hidden, and no key"})
    with pytest.raises(StoreError, match="AZURE_STORAGE_ACCOUNT_KEY has no key") as raised:
        store_at("az://landsat/p")
    assert "hidden" not in str(raised.value)
    act_as(monkeypatch, {})
    with pytest.raises(StoreError, match="AZURE_STORAGE_ACCOUNT_NAME is not set") as raised:
        store_at("az://landsat/p")
    assert raised.value.reason == "store-credentials"


@pytest.mark.stores("gs")
def test_an_account_file_that_is_not_there_is_said(
    real_store: RealStore, store_at: Callable[..., ObjectStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(monkeypatch, real_store.refused())
    with pytest.raises(StoreError, match="GOOGLE_APPLICATION_CREDENTIALS names") as raised:
        store_at("gs://landsat/p")
    assert raised.value.reason == "store-credentials" and "nonesuch" not in str(raised.value)


@pytest.mark.stores("az")
def test_a_name_that_the_store_would_change_is_refused(store: ObjectStore, small: Path) -> None:
    with pytest.raises(StoreError, match="ends with a dot, which Azure drops") as raised:
        store.put_file(small, "bands./x", FACTS)
    assert raised.value.reason == "store-name" and not raised.value.stops_run


@pytest.mark.stores("s3", "az")
def test_a_bucket_that_is_not_there_is_said(
    real_store: RealStore, store_at: Callable[..., ObjectStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(monkeypatch, real_store.environment(WRITER))
    with pytest.raises(StoreError, match=r"no such (bucket|container)") as raised:
        list(store_at(f"{real_store.scheme}://nonesuch/p").list())
    assert raised.value.reason == "store-no-bucket" and raised.value.stops_run


@ONLY_S3
def test_without_credentials_nothing_is_requested(
    weed: Weed, store_at: Callable[..., ObjectStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match="no credentials") as raised:
        store_at("s3://landsat/p")
    assert raised.value.reason == "store-credentials"


@ONLY_S3
def test_keys_and_region_of_the_environment_need_no_chain(
    weed: Weed, store_at: Callable[..., ObjectStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a second to load."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setitem(sys.modules, "botocore", None)
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    assert list(store_at("s3://landsat/none").list()) == []
    monkeypatch.delenv("AWS_REGION")
    with pytest.raises(ConfigError, match="pip install"):
        store_at("s3://landsat/none")


def test_uploads_share_a_bound_of_memory(
    store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many at once wait for each other, and one that is larger than all of it gets in."""
    monkeypatch.setattr(store, "_memory", upload_memory.UploadMemory(150_000))
    paths = [tmp_path / str(number) for number in range(6)]
    for path in paths:
        path.write_bytes(path.name.encode() * 100_000)
    (tmp_path / "5").write_bytes(bytes(300_000))
    threads = [threading.Thread(target=store.put_file, args=(p, p.name, {})) for p in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {found.path for found in store.list()} == {path.name for path in paths}


@ONLY_S3
def test_a_profile_gives_credentials(
    weed: Weed,
    store_at: Callable[..., ObjectStore],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    file = tmp_path / "credentials"
    file.write_text("[land]\naws_access_key_id = tester\naws_secret_access_key = open sesame\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    assert list(store_at("s3://landsat/none", profile="land").list()) == []
    with pytest.raises(ConfigError, match=r"no such profile.*land"):
        store_at("s3://landsat/none", profile="sea")
    monkeypatch.setenv("AWS_PROFILE", "lake")
    with pytest.raises(ConfigError, match=r"AWS_PROFILE = .lake.: no such profile"):
        store_at("s3://landsat/none")


SERVICES = ("endpoint_url = {}", "services = ours\n[services ours]\ns3 =\n  endpoint_url = {}")


@ONLY_S3
@pytest.mark.parametrize("named", SERVICES, ids=["profile", "services"])
def test_a_profile_names_the_service(
    weed: Weed,
    store_at: Callable[..., ObjectStore],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    prefix: str,
    named: str,
) -> None:
    """As AWS's own tools take it, with keys of the environment, too."""
    (tmp_path / "config").write_text(f"[profile land]\n{named.format(weed.endpoint)}/\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "land")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    weed.put(f"{prefix}/x", b"1")
    weed.begin_upload(f"{prefix}/y")
    store = store_at(f"s3://{weed.bucket}/{prefix}", endpoint=None)
    assert [found.path for found in store.list()] == ["x"]
    assert [upload.path for upload in unfinished_uploads(store.settings)] == ["y"]


@pytest.mark.parametrize("url", ["127.0.0.1:8333", "http://", "https://key:word@host", "s3.test"])
def test_a_service_without_a_url_is_said(
    store_at: Callable[..., ObjectStore], monkeypatch: pytest.MonkeyPatch, kind: str, url: str
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT" if kind == "az" else "AWS_ENDPOINT_URL", url)
    with pytest.raises(ConfigError, match="not the URL of a service") as raised:
        store_at(f"{kind}://landsat/x", endpoint=url if kind == "gs" else None)
    assert "word" not in str(raised.value)


@pytest.mark.parametrize("notice", [b"", SLOW_DOWN], ids=["away", "slow down"])
def test_a_store_that_is_away_is_waited_for(
    real_store: RealStore,
    door: Door,
    store_at: Callable[..., ObjectStore],
    small: Path,
    prefix: str,
    notice: bytes,
) -> None:
    said: list[str] = []

    def open_the_door(error: StoreError, left_s: float) -> None:
        said.append(error.reason)
        door.is_shut, door.notice = False, b""

    where = f"{real_store.scheme}://{real_store.bucket}/{prefix}"
    endpoint = through(door, real_store)
    store = store_at(where, Pace(30, on_wait=open_the_door), endpoint=endpoint)
    door.is_shut, door.notice = not notice, notice
    placed = store.put_file(small, "x", FACTS)
    assert said == ["store-busy" if notice else "store-down"]
    assert real_store.read(f"{prefix}/x") == b"right" and placed in list(store.list())


def test_a_listing_that_breaks_off_goes_on_and_lacks_nothing(
    real_store: RealStore, door: Door, store_at: Callable[..., ObjectStore], prefix: str
) -> None:
    """Else a run would take the files for gone, and fetch them again."""

    def open_the_door(error: StoreError, left_s: float) -> None:
        door.notice = b""

    store = store_at(
        f"{real_store.scheme}://{real_store.bucket}/{prefix}",
        Pace(30, on_wait=open_the_door),
        endpoint=through(door, real_store),
    )
    # Azure's pages have 5000 names.
    names = [f"{number:04}" for number in range(1010 if real_store.scheme == "s3" else 10)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(partial(store.put, b"1"), names))
    found: list[str] = []
    for breaks_at in (0, 1):
        found.clear()
        objects = store.list()
        for number in range(len(names) + 1):
            if number == breaks_at:
                door.shut()
                door.is_shut, door.notice = False, refusal("500 Internal", "InternalError")
            if (there := next(objects, None)) is not None:
                found.append(there.path)
        assert found == names


def listed(*keys: str) -> bytes:
    """Return the response to a listing."""
    found = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
        f"<ETag>&quot;1&quot;</ETag><Size>1</Size></Contents>"
        for key in keys
    )
    body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


@ONLY_S3
@pytest.mark.parametrize("odd", ["p/a//b.tif", "p/../b.tif", "p//", "p/./x"])
def test_names_that_the_library_does_not_take_are_left_out(
    weed: Weed, door: Door, store_at: Callable[..., ObjectStore], odd: str
) -> None:
    """As others may write them; SeaweedFS itself changes such names."""
    door.notice = listed("p/a.tif", odd, "p/folder/", "p/z.tif")
    store = store_at(f"s3://{weed.bucket}/p", Pace(least_wait_s=0), endpoint=door.endpoint)
    assert [found.path for found in store.list()] == ["a.tif", "z.tif"]


@pytest.mark.stores("az")
def test_a_name_that_stops_a_listing_is_said(
    real_store: RealStore, store: ObjectStore, prefix: str
) -> None:
    real_store.put(f"{prefix}/a//b.tif", b"1")
    with pytest.raises(StoreError, match=r"folder: \S+/a//b.tif") as raised:
        list(store.list())
    assert raised.value.reason == "store-odd-name" and raised.value.stops_run


def test_a_reading_that_breaks_off_goes_on(
    real_store: RealStore,
    door: Door,
    store_at: Callable[..., ObjectStore],
    large: Path,
    prefix: str,
) -> None:
    where = f"{real_store.scheme}://{real_store.bucket}/{prefix}"
    store = store_at(where, Pace(30), endpoint=through(door, real_store))
    store.put_file(large, "x", facts_of(large))
    door.break_after_bytes = 3 * READ_BYTES
    assert b"".join(store.chunks("x")) == large.read_bytes()
    assert door.breaks == 1
    door.break_after_bytes = 3 * READ_BYTES
    chunks = store.chunks("x")
    next(chunks)
    real_store.put(f"{prefix}/x", b"another")
    with pytest.raises(StoreError, match="has changed meanwhile"):
        b"".join(chunks)


def test_what_is_open_goes_on_after_an_outage(
    real_store: RealStore, door: Door, store_at: Callable[..., ObjectStore], prefix: str
) -> None:
    """As headers of rasters are read for STAC items."""

    def open_the_door(error: StoreError, left_s: float) -> None:
        door.is_shut = False

    where = f"{real_store.scheme}://{real_store.bucket}/{prefix}"
    store = store_at(where, Pace(30, on_wait=open_the_door), endpoint=through(door, real_store))
    data = bytes(range(256)) * 1024
    store.put(data, "x")
    with store.open("x") as file:
        assert file.read(4) == data[:4]
        door.shut()
        assert file.seek(-5, SEEK_END) == len(data) - 5 and file.read() == data[-5:]
        assert file.seek(70_000) == file.tell() == 70_000 and file.read(9) == data[70_000:70_009]
        store.put(b"another", "x")
        with pytest.raises(StoreError, match="has changed meanwhile"):
            file.seek(200_000) and file.read(1)


@ONLY_S3
@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        ("403 Forbidden", "RequestTimeTooSkewed", "store-clock"),
        ("400 Bad Request", "ExpiredToken", "store-expired"),
        ("403 Forbidden", "QuotaExceeded", "store-quota"),
        ("507 Insufficient Storage", "XMinioStorageFull", "store-quota"),
    ],
)
def test_what_only_some_stores_refuse(
    weed: Weed,
    door: Door,
    store_at: Callable[..., ObjectStore],
    small: Path,
    status: str,
    code: str,
    reason: str,
) -> None:
    store = store_at(f"s3://{weed.bucket}/x", endpoint=door.endpoint)
    door.notice = refusal(status, code)
    with pytest.raises(StoreError) as raised:
        store.put_file(small, "x", FACTS)
    assert raised.value.reason == reason and raised.value.stops_run


@ONLY_S3
# The library takes a response with the name of such a code for an error, so it is in no test's.
@pytest.mark.parametrize("code", ["InternalError", "SlowDown", "AccessDenied"], ids="abc")
def test_an_upload_that_fails_at_its_end_is_not_taken_for_done(
    weed: Weed,
    door: Door,
    store_at: Callable[..., ObjectStore],
    large: Path,
    prefix: str,
    code: str,
) -> None:
    """S3 begins the response to a completion before it knows its end.

    Source: AWS, "CompleteMultipartUpload": a 200 may contain an error.
    """
    where = f"s3://{weed.bucket}/{prefix}"
    store = store_at(where, Pace(least_wait_s=0), endpoint=door.endpoint)
    door.refusals[b"?uploadId="] = refusal("200 OK", code)
    with pytest.raises(StoreError):
        store.put_file(large, "x", facts_of(large))
    assert weed.names(f"{prefix}/") == []
    door.refusals.clear()
    placed = store.put_file(large, "x", facts_of(large))
    assert list(store.list()) == [placed]


def test_a_store_that_stays_away_is_given_up() -> None:
    from asyncdl.stores.address import StoreAddress
    from asyncdl.stores.pace import LEAST_WAIT_S

    now = [0.0]
    pace = Pace(clock=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s))

    def fail() -> None:
        now[0] += 1
        raise StoreError(str(StoreAddress("s3", "b")), "away", reason="store-down", retryable=True)

    with pytest.raises(StoreError, match="away"):
        pace.run(fail)
    assert LEAST_WAIT_S <= now[0] < LEAST_WAIT_S + 40

"""Errors, events and records survive pickle and copy, and so a process pool."""

from __future__ import annotations

import copy
import errno
import inspect
import multiprocessing
import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import asyncdl
from asyncdl import errors
from asyncdl.events import Event, JobStarted
from asyncdl.job.reporting.report import Failure, Summary
from asyncdl.library.mapping import SceneMap
from asyncdl.library.scenes import SceneHit, Scenes
from asyncdl.m2m.searching.scene_search import SceneQuery
from asyncdl.metrics import Metrics
from asyncdl.net.faults import Fault
from asyncdl.redact import SecretBytes
from asyncdl.transfer.dispatch import Outcome
from asyncdl.transfer.netrc import parse_netrc
from tests.own_modules import own_modules

SAMPLES: dict[str, Any] = {
    "str": "some text",
    "str | None": "a reason",
    "int": 7,
    "int | None": 503,
    "float": 1.5,
    "float | None": 30.0,
    "bool": True,
    "bool | None": True,
    "object": {"any": ["thing"]},
    "Path": Path("data"),
    "Path | None": Path("job.toml"),
    "Fault": Fault("connection refused"),
    "OSError": OSError(errno.ENOSPC, "No space left on device"),
}
"""Values for the arguments of errors, by annotation. A new kind of argument needs its own."""

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def kinds_of_errors() -> Iterator[type[Exception]]:
    """Yield every exception class that the package defines, in any module."""
    for module in own_modules():
        for thing in vars(module).values():
            is_ours = inspect.isclass(thing) and thing.__module__ == module.__name__
            if is_ours and issubclass(thing, Exception):
                yield thing


KINDS = list(kinds_of_errors())


def sample(kind: type[Exception]) -> Exception:
    """Return an error of a kind with every argument given."""
    positional, named = [], {}
    for argument in list(inspect.signature(kind.__init__).parameters.values())[1:]:
        if argument.kind is argument.KEYWORD_ONLY:
            named[argument.name] = SAMPLES[argument.annotation]
        elif argument.kind is argument.POSITIONAL_OR_KEYWORD:
            positional.append(SAMPLES[argument.annotation])
        elif argument.kind is argument.VAR_POSITIONAL:
            positional.append("what is wrong")
    error = kind(*positional, **named)
    error.add_note("added on the way")
    return error


def assert_same(one: BaseException, other: BaseException) -> None:
    assert type(other) is type(one)
    assert (str(other), other.args, vars(other)) == (str(one), one.args, vars(one))


def twins_of(value: Any) -> Iterator[Any]:
    yield from (pickle.loads(pickle.dumps(value, protocol)) for protocol in PROTOCOLS)
    yield copy.copy(value)
    yield copy.deepcopy(value)


def test_errors_are_found_wherever_they_are_defined() -> None:
    assert {asyncdl.ConfigError, errors.HttpStatusError} < set(KINDS)
    assert len({kind.__module__ for kind in KINDS}) > 5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickle_and_copy_with_all_its_fields(kind: type[Exception]) -> None:
    error = sample(kind)
    for twin in twins_of(error):
        assert_same(error, twin)


def test_what_was_changed_after_it_was_raised_survives_too() -> None:
    error = errors.HttpStatusError("https://host/a.tif", 503, retry_after_s=4.0)
    error.attempts, error.is_crowded = 3, True
    for twin in twins_of(error):
        assert (twin.attempts, twin.is_crowded, twin.retryable, twin.remedy) == (
            3, True, True, error.remedy,
        )  # fmt: skip


def test_a_value_that_cannot_be_pickled_travels_as_it_stands_in_the_message() -> None:
    error = asyncdl.ConfigError("is no area", key="search.aoi", value=lambda: None)
    twin = pickle.loads(pickle.dumps(error))
    assert str(twin) == str(error) and twin.key == "search.aoi"
    assert copy.copy(error).value is error.value


def fail(kind: type[Exception]) -> None:
    raise sample(kind) from ValueError("the reason")


def test_errors_come_out_of_a_process_pool_and_the_pool_lives_on() -> None:
    # Not forked: the threads of other tests would be half there.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        for kind in KINDS:
            error = pool.submit(fail, kind).exception(timeout=60)
            assert error is not None
            assert_same(sample(kind), error)
            assert "the reason" in str(error.__cause__)  # the pool's text of the traceback


# --- events and other records --------------------------------------------------------


def kinds_of_events() -> list[type[Event]]:
    return sorted(Event.__subclasses__(), key=lambda kind: kind.__name__)


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Return values of a field; what is a mapping to readers is made as a dict."""
    if get_origin(hint) is Mapping:
        return st.dictionaries(*map(st.from_type, get_args(hint)), max_size=3)
    return st.from_type(hint)


def is_finite(event: Event) -> bool:
    """Whether JSON can hold its numbers; no event has others."""
    return not re.search(r"\b(inf|nan)\b", repr(event))


@pytest.mark.parametrize("kind", kinds_of_events(), ids=lambda kind: kind.__name__)
@settings(max_examples=5)
@given(data=st.data())
def test_an_event_is_plain_data_and_comes_back_from_it(kind: type[Event], data: Any) -> None:
    fields = {name: values_of(hint) for name, hint in get_type_hints(kind).items()}
    event = data.draw(st.builds(kind, **fields).filter(is_finite))
    assert msgspec.convert(msgspec.to_builtins(event), kind) == event
    assert msgspec.json.decode(msgspec.json.encode(event), type=kind) == event
    assert all(twin == event for twin in twins_of(event))


def test_the_directory_of_a_run_may_be_given_as_a_path() -> None:
    event = JobStarted(Path("data"), "label")  # type: ignore[arg-type]
    assert msgspec.to_builtins(event) == {
        "type": "JobStarted", "directory": "data", "label": "label"
    }  # fmt: skip


CONFIG = {
    "search": {"dataset": "landsat_ot_c2_l2", "aoi": {"type": "Point", "coordinates": [1, 2]}},
    "products": [{"kind": "bands", "bands": ["red"]}, {"kind": "bundle"}],
    "download": {"directory": "data", "layout": "{year}/{file}"},
}
FAILURE = Failure("a.tif", "bands", "failed", "http-404", "HttpStatusError", 404, "", "", 1)
SCENE = SceneHit("d", "p", "e", "2020-03-10", 9.0, 68, 17, "T1", 8, "", {"type": "Point"})
RECORDS: dict[str, Callable[[], Any]] = {
    "Config": lambda: asyncdl.parse_config(CONFIG),
    "Aoi": lambda: asyncdl.Aoi("POINT (1 2)"),
    "Credentials": lambda: asyncdl.Credentials("me", "token"),
    "ClientOptions": asyncdl.ClientOptions,
    "Digest": lambda: asyncdl.Digest("md5", "0" * 32),
    "Fetched": lambda: asyncdl.Fetched(Path("a"), 1, 1, False, "length", 1, 0.5),
    "FileRequest": lambda: asyncdl.FileRequest("https://host/a", Path("data"), headers={"A": "b"}),
    "Form": lambda: asyncdl.Form.TIFF,
    "Limits": asyncdl.Limits,
    "Failure": lambda: FAILURE,
    "Netrc": lambda: parse_netrc(SecretBytes(b"machine h login a password s3cret")),
    "Recheck": lambda: asyncdl.Recheck.CHANGED,
    "SceneHit": lambda: SCENE,
    "SceneMap": lambda: SceneMap("<p>", 1),
    "Scenes": lambda: Scenes([SCENE], total=3, notices=["a notice"]),
    "SceneQuery": lambda: SceneQuery("landsat_ot_c2_l2", metadata={"Sensor": "OLI"}),
    "Snapshot": lambda: Metrics().snapshot(),
    "TlsSettings": lambda: asyncdl.TlsSettings(ca_file="ca.pem"),
    "Summary": lambda: Summary("incomplete", 1, {"total": 1}, {}, 0, 0, 1.0, {}, (FAILURE,)),
}


def public_records() -> list[str]:
    """Return the names of the public classes that only hold values."""
    kinds = ((name, getattr(asyncdl, name)) for name in asyncdl.__all__)
    behaving = {"Downloader", "Job", "M2MClient", "StoreDownloader"}
    return [
        name
        for name, kind in kinds
        if inspect.isclass(kind) and not issubclass(kind, Exception) and name not in behaving
    ]


@pytest.mark.parametrize("name", sorted({*public_records(), *RECORDS}))
def test_a_public_record_survives_pickle_and_copy(name: str) -> None:
    record = RECORDS[name]()
    for twin in twins_of(record):
        assert twin == record and type(twin) is type(record)


def test_the_outcome_of_a_request_survives_with_its_error() -> None:
    request = asyncdl.FileRequest("https://host/a", Path("data"))
    error = errors.SizeMismatch(request.url, expected=2, got=1)
    for twin in twins_of(Outcome(request, error=error)):
        assert twin.request == request
        assert_same(error, twin.error)


def test_what_a_request_hides_stays_hidden_in_its_copies() -> None:
    for twin in twins_of(asyncdl.Credentials("me", "a secret token")):
        assert twin.token == "a secret token" and "secret" not in repr(twin)
    for twin in twins_of(parse_netrc(SecretBytes(b"machine h login a password s3cret"))):
        assert twin.find("h").password == "s3cret" and "s3cret" not in repr(twin)

"""Whether a host is down for everybody, or only some of its files are bad. No network."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.errors import (
    AsyncdlError,
    HttpStatusError,
    NetworkError,
    SizeMismatch,
    Stalled,
    WrongContent,
)
from asyncdl.transfer.failures import Evidence, evidence_of
from asyncdl.transfer.host_health import UNEXPLAINED_S, HostHealth, SampleFile

URL = "http://host/file"
ATTEMPTS = 5
MAX_WAIT_S = 3600.0
WEAK = [Evidence.UNEXPLAINED, Evidence.EXPLAINED, Evidence.SILENT]


def page(*, names_outage: bool) -> WrongContent:
    error = WrongContent(URL, "a page", reason="error-page")
    error.names_outage = names_outage
    return error


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        (HttpStatusError(URL, 503), Evidence.EXPLAINED),
        (HttpStatusError(URL, 521), Evidence.EXPLAINED),
        (HttpStatusError(URL, 500), Evidence.UNEXPLAINED),
        (HttpStatusError(URL, 501), Evidence.THERE),
        (HttpStatusError(URL, 403), Evidence.THERE),
        (HttpStatusError(URL, 429), Evidence.THERE),
        (page(names_outage=True), Evidence.EXPLAINED),
        (page(names_outage=False), Evidence.UNEXPLAINED),
        (WrongContent(URL, "broken", reason="broken-file"), Evidence.THERE),
        (SizeMismatch(URL, expected=2, got=1), Evidence.THERE),
        (Stalled(URL, seconds=60), Evidence.EXPLAINED),
        (NetworkError("ask", "refused", phase="connect"), Evidence.UNREACHABLE),
        (NetworkError("ask", "closed"), Evidence.SILENT),
        (NetworkError("read", "cut", phase="body"), Evidence.EXPLAINED),
        (NetworkError("ask", "not HTTP", phase="garbled"), Evidence.UNEXPLAINED),
        (NetworkError("ask", "certificate", retryable=False), Evidence.NONE),
        (AsyncdlError("of our own"), Evidence.NONE),
    ],
)
def test_what_an_error_says_about_its_host(error: AsyncdlError, evidence: Evidence) -> None:
    assert evidence_of(error) is evidence


@pytest.mark.parametrize("phase", ["connect", ""])
def test_a_host_that_only_led_to_an_unreachable_one_is_not_unreachable(phase: str) -> None:
    error = NetworkError("ask", "refused", phase=phase)
    assert evidence_of(error, is_about_host=False) is Evidence.EXPLAINED


def test_where_nothing_ever_came_two_files_make_an_outage_and_one_does_not() -> None:
    health, one, other = HostHealth(MAX_WAIT_S), SampleFile(URL), SampleFile(URL)
    assert not health.note_failure(one, Evidence.EXPLAINED, 0.0)
    assert not health.note_failure(one, Evidence.EXPLAINED, 1.0)
    assert health.note_failure(other, Evidence.EXPLAINED, 2.0)


@pytest.mark.parametrize("evidence", [Evidence.SILENT, Evidence.UNREACHABLE])
def test_where_not_a_byte_comes_one_file_is_enough(evidence: Evidence) -> None:
    assert HostHealth(MAX_WAIT_S).note_failure(SampleFile(URL), evidence, 0.0)


def test_what_nothing_explains_is_not_waited_for_to_the_end() -> None:
    health, files = HostHealth(MAX_WAIT_S), [SampleFile(URL), SampleFile(URL)]
    assert [health.note_failure(file, Evidence.UNEXPLAINED, 0.0) for file in files] == [False, True]
    assert health.note_failure(files[0], Evidence.UNEXPLAINED, UNEXPLAINED_S - 1)
    assert not health.note_failure(files[0], Evidence.UNEXPLAINED, UNEXPLAINED_S)
    assert health.note_failure(files[0], Evidence.EXPLAINED, UNEXPLAINED_S + 1), (
        "now it is explained"
    )


def test_what_refuses_one_file_is_back_unless_good_files_were_seen_to_fail() -> None:
    health = HostHealth(MAX_WAIT_S)
    health.note_failure(SampleFile(URL), Evidence.UNREACHABLE, 0.0)
    health.note_refusal()
    assert not health.is_down
    health.note_comparison(is_served=False, now_s=1.0)
    health.note_refusal()
    assert health.is_down


def test_a_file_is_compared_once_for_all_that_failed_before() -> None:
    health, file = HostHealth(MAX_WAIT_S), SampleFile(URL)
    health.note_success(SampleFile(URL), 0.0)
    health.note_failure(file, Evidence.SILENT, 1.0)
    assert not health.needs_comparison(file, 1.0, 1.0, is_last=False), "one file, and tries left"
    assert health.needs_comparison(file, 1.0, 1.0, is_last=True)
    health.note_comparison(is_served=False, now_s=2.0)
    assert not health.needs_comparison(file, 1.0, 2.0, is_last=True)
    assert health.needs_comparison(file, 3.0, 3.0, is_last=False), "it may be back meanwhile"


# --- whatever comes in whatever order ---------------------------------------------------


@dataclass
class Wanted:
    """A file, its tries, and what the host has given since it failed first."""

    is_bad: bool
    evidence: Evidence
    sample: SampleFile = field(default_factory=lambda: SampleFile(URL))
    failed: int = 0
    requests: int = 0
    ending: str = ""
    has_failed: bool = False
    is_owed_an_end: bool = False
    """Whether the host gave somebody something of use after its first failure."""
    since_owed: int = 0


@dataclass
class World:
    """A host with good and bad files, an outage, and the rules of the engine around them."""

    files: list[Wanted]
    outage: Evidence
    health: HostHealth = field(default_factory=lambda: HostHealth(MAX_WAIT_S))
    now_s: float = 0.0
    is_out: bool = False
    down_rounds: int = 0

    def ask(self, file: Wanted) -> None:
        """Make one request for a file; time passes."""
        self.now_s += 0.3
        file.requests += 1
        file.since_owed += file.is_owed_an_end
        if not self.is_out and not file.is_bad:
            file.ending = "came"
            self.use(file.sample)
            return
        file.has_failed = True
        evidence = self.outage if self.is_out else file.evidence
        is_down = self.health.note_failure(file.sample, evidence, self.now_s)
        is_last = file.failed + 1 >= ATTEMPTS
        if self.health.needs_comparison(file.sample, self.now_s, self.now_s, is_last=is_last):
            self.health.note_comparison(is_served=not self.is_out, now_s=self.now_s)
            is_down = self.health.is_down
            if not self.is_out:
                self.use(None)
        file.failed = max(file.failed, 1) if is_down else file.failed + 1
        if file.failed >= ATTEMPTS:
            file.ending = "failed"

    def use(self, sample: SampleFile | None) -> None:
        self.health.note_success(sample, self.now_s)
        for other in self.files:
            other.is_owed_an_end |= other.has_failed

    @property
    def open(self) -> list[Wanted]:
        return [file for file in self.files if not file.ending]


FILES = st.lists(
    st.builds(Wanted, is_bad=st.booleans(), evidence=st.sampled_from(WEAK)), min_size=2, max_size=8
).map(lambda files: [Wanted(file.is_bad, file.evidence) for file in files])
OUTAGES = st.sampled_from([*WEAK, Evidence.UNREACHABLE])


@given(FILES, OUTAGES, st.data())
@settings(max_examples=100)
def test_bad_files_end_and_good_ones_outlast_any_outage(
    files: list[Wanted], outage: Evidence, data: st.DataObject
) -> None:
    """Once something has come, any order of files and one outage ends as it should."""
    first = Wanted(is_bad=False, evidence=Evidence.SILENT)
    world = World([first, *files], outage)
    world.ask(first)
    start, length = data.draw(st.integers(0, 30)), data.draw(st.integers(0, 60))
    for step in range(30 + 60 + ATTEMPTS * len(files) * 2):
        world.is_out = start <= step < start + length
        if not world.open:
            break
        world.ask(data.draw(st.sampled_from(world.open)))
    assert not world.open, "every file ends"
    for file in files:
        assert file.ending == ("failed" if file.is_bad else "came")


@given(FILES, st.data())
@settings(max_examples=60)
def test_without_an_outage_a_bad_file_gets_its_tries_and_no_more(
    files: list[Wanted], data: st.DataObject
) -> None:
    first = Wanted(is_bad=False, evidence=Evidence.SILENT)
    world = World([first, *files], Evidence.SILENT)
    world.ask(first)
    while world.open:
        world.ask(data.draw(st.sampled_from(world.open)))
        assert not world.health.is_down, "so nobody waits for anybody"
    assert {file.requests for file in files} <= {1, ATTEMPTS}


@given(FILES, st.data())
@settings(max_examples=60)
def test_a_file_ends_within_its_tries_once_its_host_has_given_something(
    files: list[Wanted], data: st.DataObject
) -> None:
    """Also where bad files came first, so that nothing was there to compare with."""
    world = World(files, Evidence.SILENT)
    for file in data.draw(st.permutations(files)):
        world.ask(file)
    for _ in range(200):
        if not world.open:
            break
        world.ask(data.draw(st.sampled_from(world.open)))
        for file in files:
            assert file.since_owed <= ATTEMPTS
    if any(not file.is_bad for file in files):
        assert not world.open

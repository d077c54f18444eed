"""Every file that is being prepared gets exactly one ending, whatever the replies say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from asyncdl.errors import ApiError
from asyncdl.events import FileState
from asyncdl.m2m.downloads.matching import UnmatchedLink, match_reply
from asyncdl.m2m.downloads.pending import (
    MAX_REREQUESTS,
    MISSED_POLLS,
    DownloadUpdate,
    PendingDownloads,
    Ready,
    Reissued,
    Resolution,
    Undeliverable,
    Waiting,
    waiting_of,
)
from asyncdl.m2m.downloads.retrieval import SharedPolls, resolutions
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.m2m_client import DownloadItem
from asyncdl.m2m.models import (
    DownloadEntry,
    DownloadRequestReply,
    DownloadRetrieveReply,
    Labels,
    RequestedDownload,
)
from tests.clock import simulated

SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
URL = "https://dds.cr.usgs.gov/download/secret"
STAGING = "https://dds.cr.usgs.gov/download-staging/secret"


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def wanted(number: int, label: str = "") -> WantedFile:
    return WantedFile(
        entity_id=f"{label}E{number}",
        product_id="p",
        scene=SCENE,
        file_name=f"{SCENE}_SR_B{number}.TIF",
        kinds=("bands",),
        size_bytes=None,
        estimate_bytes=0,
    )


def entry(download_id: int, url: str | None = URL, status: str = "Available") -> DownloadEntry:
    return DownloadEntry(
        download_id=download_id,
        url=url,
        entity_id=f"E{download_id}",
        status_code=status[:1],
        status_text=status,
    )


def retrieved(*available: DownloadEntry, queue_size: int = 0) -> DownloadRetrieveReply:
    return DownloadRetrieveReply(available=list(available), queue_size=queue_size)


def pending_of(
    *numbers: int, deadline_s: float = 100.0, clock: Clock | None = None
) -> PendingDownloads:
    pending = PendingDownloads("job", deadline_s=deadline_s, clock=clock or Clock())
    pending.add(Waiting("job", {number: wanted(number) for number in numbers}))
    return pending


def reasons(resolved: Sequence[DownloadUpdate]) -> list[str]:
    return [ending.reason if isinstance(ending, Undeliverable) else "ready" for ending in resolved]


def lost_book() -> PendingDownloads:
    """A book with one file that has to be asked for again."""
    pending = pending_of(1)
    pending.apply_poll("job", retrieved())
    pending.apply_search("job", [])
    assert pending.to_request() == {"job": [wanted(1)]}
    return pending


def test_what_is_asked_for_again_may_be_accepted_by_its_number_alone() -> None:
    pending = lost_book()
    reply = DownloadRequestReply(
        preparing_downloads=[RequestedDownload(download_id=1, url=STAGING)]
    )
    assert pending.apply_request("job", [wanted(1)], reply) == [Reissued(wanted(1), 1, "job")]
    assert reasons(pending.apply_poll("job", retrieved(entry(1)))) == ["ready"]


def test_a_number_of_before_beside_a_named_one_gives_one_ending() -> None:
    pending = lost_book()
    named = RequestedDownload(download_id=2, url=URL, entity_id="E1")
    reply = DownloadRequestReply(available_downloads=[named], new_records={"1": "job"})
    assert reasons(pending.apply_request("job", [wanted(1)], reply)) == ["ready"]
    assert len(pending) == 0


def test_an_entry_that_does_not_say_its_file_is_checked_again() -> None:
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("job", {}, {1: "job"}, (wanted(1),)))
    nameless = DownloadEntry(download_id=1, url=URL, status_code="A")
    assert pending.apply_poll("job", retrieved(nameless)) == []
    assert reasons(pending.apply_poll("job", retrieved(entry(1)))) == ["ready"]


def test_an_entry_that_never_says_its_file_is_left() -> None:
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("job", {}, {1: "job"}, (wanted(1),)))
    nameless = DownloadEntry(download_id=1, url=URL, status_code="A")
    for _ in range(MISSED_POLLS - 1):
        assert pending.apply_poll("job", retrieved(nameless)) == []
    assert reasons(pending.apply_poll("job", retrieved(nameless))) == ["not-accepted"]


# --- one rule each ----------------------------------------------------------------


def test_a_file_with_a_url_is_ready_and_is_no_longer_pending() -> None:
    pending = pending_of(1)
    assert pending.apply_poll("job", retrieved(entry(1))) == [Ready(wanted(1), 1, "job", URL)]
    assert len(pending) == 0 and pending.labels() == []


def test_requested_counts_like_available() -> None:
    """The classic stall: what was handed out once is listed under ``requested`` from then on."""
    reply = DownloadRetrieveReply(requested=[entry(1, status="Downloading")], queue_size=0)
    assert reasons(pending_of(1).apply_poll("job", reply)) == ["ready"]


def test_a_staging_url_is_not_ready() -> None:
    pending = pending_of(1)
    assert pending.apply_poll("job", retrieved(entry(1, STAGING, "Queued"), queue_size=1)) == []
    assert len(pending) == 1


def test_a_failure_that_the_queue_tells_is_final() -> None:
    assert reasons(pending_of(1).apply_poll("job", retrieved(entry(1, None, "Failed")))) == [
        "service-failed"
    ]


def vanish(pending: PendingDownloads, label: str = "job") -> list[Resolution]:
    """Let nothing be known of a label any more."""
    reply = retrieved()
    ended = pending.apply_poll(label, reply)
    assert ended or pending.has_lost(label, reply)
    return ended + pending.apply_search(label, [])


def prepared(download_id: int, number: int = 1) -> DownloadRequestReply:
    return DownloadRequestReply(
        preparing_downloads=[RequestedDownload(download_id, STAGING, f"E{number}")],
        new_records=Labels({str(download_id): "job"}),
    )


def duplicate(download_id: int, label: str) -> DownloadRequestReply:
    return DownloadRequestReply(duplicate_products=Labels({str(download_id): label}))


def ask_again(pending: PendingDownloads, reply: DownloadRequestReply) -> list[DownloadUpdate]:
    [(label, files)] = pending.to_request().items()
    return pending.apply_request(label, files, reply)


def test_nothing_is_lost_before_it_was_searched() -> None:
    assert not pending_of(1).has_lost("job", retrieved())


def test_a_vanished_id_is_asked_for_again_and_its_new_one_is_told() -> None:
    pending = pending_of(1)
    assert vanish(pending) == [] and len(pending) == 1
    assert pending.to_request() == {"job": [wanted(1)]} and pending.labels() == []
    assert ask_again(pending, prepared(2)) == [Reissued(wanted(1), 2, "job")]
    assert pending.apply_poll("job", retrieved(entry(2))) == [Ready(wanted(1), 2, "job", URL)]


def test_what_was_lost_under_another_label_is_asked_for_under_the_own_one() -> None:
    """The order it stood under was another job's, which has removed it."""
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("theirs", {7: wanted(7)}, is_due=True))
    assert vanish(pending, "theirs") == []
    assert pending.to_request() == {"job": [wanted(7)]}


def test_a_duplicate_that_vanishes_is_asked_for_until_there_is_an_id_of_its_own() -> None:
    """One job after the other fetches what this one leans on, and takes it away."""
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("job", {}, {7: "first"}, (wanted(1),)))
    others = {"first": (8, "second"), "second": (9, "third"), "third": (10, "last")}
    for label, (download_id, heir) in others.items():
        assert vanish(pending, label) == []
        assert ask_again(pending, duplicate(download_id, heir)) == []
    found = DownloadEntry(10, url=URL, entity_id="E1", status_code="A")
    assert pending.apply_poll("last", retrieved(found)) == [Ready(wanted(1), 10, "last", URL)]


def test_an_id_that_comes_back_though_it_was_nowhere_is_given_up() -> None:
    pending = pending_of(1)
    assert vanish(pending) == []
    for reason in ([], ["vanished"]):
        ask_again(pending, prepared(1))
        assert vanish(pending) == [] and pending.has_moved and len(pending) == 1
        assert reasons(pending.apply_full_search([entry(2)])) == reason


def test_a_duplicate_that_comes_back_though_it_was_nowhere_is_given_up() -> None:
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("job", {}, {7: "old"}, (wanted(7),)))
    assert vanish(pending, "old") == []
    for reason in ([], ["vanished"]):
        ask_again(pending, duplicate(7, "old"))
        assert vanish(pending, "old") == [] and pending.has_moved and len(pending) == 1
        assert reasons(pending.apply_full_search([])) == reason


def test_an_id_that_was_there_and_went_is_asked_for_again() -> None:
    """It was moved to another job's label after each request, and then removed by that job."""
    pending = pending_of(1)
    vanish(pending)
    ask_again(pending, prepared(1))
    vanish(pending)
    pending.apply_full_search([])
    assert ask_again(pending, prepared(2)) == [Reissued(wanted(1), 2, "job")]


def test_an_unknown_id_that_was_moved_to_another_label_is_followed() -> None:
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("job", {}, {7: "job"}, (wanted(7),)))
    vanish(pending)
    ask_again(pending, duplicate(7, "job"))
    vanish(pending)
    assert pending.apply_full_search([DownloadEntry(7, label="theirs", status_text="Queued")]) == []
    assert pending.labels() == ["theirs"]
    assert reasons(pending.apply_poll("theirs", retrieved(entry(7)))) == ["ready"]


def test_what_was_moved_to_another_label_is_followed() -> None:
    """The service gives the old id to whoever asked last."""
    pending = pending_of(1)
    vanish(pending)
    ask_again(pending, prepared(1))
    vanish(pending)
    moved = DownloadEntry(1, label="theirs", status_text="Queued")
    assert pending.apply_full_search([moved]) == [] and pending.labels() == ["theirs"]
    # They fetch it and remove their order: it is asked for again, for it was there.
    assert vanish(pending, "theirs") == [] and pending.apply_full_search([]) == []
    assert ask_again(pending, prepared(2)) == [Reissued(wanted(1), 2, "job")]


def test_what_came_back_between_two_searches_is_searched_again() -> None:
    """Nothing is asked for under the label of another job, which may end at any moment."""
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("theirs", {1: wanted(1)}))
    vanish(pending, "theirs")
    ask_again(pending, duplicate(1, "theirs"))
    vanish(pending, "theirs")
    back = DownloadEntry(1, label="theirs", entity_id="E1", status_text="Available")
    assert pending.apply_full_search([back]) == [] and pending.to_request() == {}
    assert pending.labels() == ["theirs"]
    assert reasons(pending.apply_poll("theirs", retrieved(entry(1)))) == ["ready"]


def test_what_got_ready_between_poll_and_search_is_searched_again() -> None:
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("theirs", {1: wanted(1)}))
    pending.apply_poll("theirs", retrieved())
    assert pending.apply_search("theirs", [entry(1, url=None)]) == []
    assert pending.to_request() == {} and pending.labels() == ["theirs"]
    assert reasons(pending.apply_poll("theirs", retrieved(entry(1)))) == ["ready"]


def test_what_stands_there_and_is_not_handed_out_is_asked_for_under_its_label() -> None:
    """Under the own label at first, for that is safe; then it can only be had where it is."""
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("theirs", {1: wanted(1)}))
    done = DownloadEntry(1, label="theirs", entity_id="E1", status_code="C", status_text="Complete")

    def find() -> None:
        for _ in range(2):
            pending.apply_poll("theirs", retrieved())
            assert pending.apply_search("theirs", [done]) == []

    find()
    assert "job" in pending.to_request()
    ask_again(pending, duplicate(1, "theirs"))
    find()
    assert pending.has_moved and pending.apply_full_search([done]) == []
    assert pending.to_request() == {"theirs": [wanted(1)]}


def complete(download_id: int) -> DownloadEntry:
    return entry(download_id, None, "Complete")


def nameless(download_id: int) -> DownloadRequestReply:
    """An early reply about a file of the older host."""
    return DownloadRequestReply(available_downloads=[RequestedDownload(download_id, URL)])


def test_a_url_that_came_without_a_name_is_good_once_the_file_is_known() -> None:
    """No look lists what is complete, so nothing else gives its URL."""
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(waiting_of(match_reply([wanted(1)], nameless(1)), "job"))
    assert pending.apply_poll("job", retrieved()) == []
    assert pending.apply_search("job", [complete(1)]) == [Ready(wanted(1), 1, "job", URL)]
    assert len(pending) == 0


def test_a_url_that_came_without_a_name_dies_with_its_order() -> None:
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(waiting_of(match_reply([wanted(1)], nameless(1)), "job"))
    assert vanish(pending) == [] and pending.to_request() == {"job": [wanted(1)]}


def test_a_url_of_a_known_id_is_used_though_the_reply_names_no_file() -> None:
    pending = pending_of(1)
    pending.apply_poll("job", retrieved())
    assert pending.apply_search("job", [complete(1)]) == []
    assert ask_again(pending, nameless(1)) == [Ready(wanted(1), 1, "job", URL)]
    assert len(pending) == 0


def test_a_complete_entry_that_comes_back_as_it_was_is_removed_if_it_is_the_own_one() -> None:
    for label, spent in {"job": [1], "theirs": []}.items():
        pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
        pending.add(Waiting(label, {1: wanted(1)}))
        pending.apply_poll(label, retrieved())
        pending.apply_search(label, [complete(1)])
        ask_again(pending, duplicate(1, label))
        pending.apply_poll(label, retrieved())
        pending.apply_search(label, [complete(1)])
        assert pending.to_remove() == spent
        assert pending.to_remove() == []


def test_a_file_is_asked_for_a_bounded_number_of_times() -> None:
    pending = pending_of(0)
    for number in range(MAX_REREQUESTS):
        assert vanish(pending) == []
        ask_again(pending, prepared(1 + number, number=0))
    assert reasons(vanish(pending)) == ["vanished"]


def test_only_the_first_new_request_comes_at_once() -> None:
    clock = Clock()
    pending = PendingDownloads("job", deadline_s=100.0, interval_s=30.0, clock=clock)
    pending.add(Waiting("job", {1: wanted(1)}))
    vanish(pending)
    assert pending.until_request_s() == 0.0
    ask_again(pending, prepared(2))
    vanish(pending)
    assert (pending.until_request_s(), pending.to_request()) == (30.0, {})
    clock.now = 30.0
    assert pending.to_request() == {"job": [wanted(1)]}
    pending.defer([wanted(1)])
    assert pending.until_request_s() == 30.0


def test_a_busy_queue_gets_some_patience_with_an_unmentioned_id() -> None:
    pending, reply = pending_of(1), retrieved(queue_size=3)
    answers = []
    for _ in range(MISSED_POLLS):
        pending.apply_poll("job", reply)
        answers.append(pending.has_lost("job", reply))
    assert answers == [False] * (MISSED_POLLS - 1) + [True]


def test_an_id_that_the_search_still_knows_as_waiting_stays() -> None:
    pending = pending_of(1)
    pending.apply_poll("job", retrieved())
    assert pending.apply_search("job", [entry(1, None, "Queued")]) == []
    assert len(pending) == 1 and pending.to_request() == {}
    assert not pending.has_lost("job", retrieved()), "it is looked for again after some looks"


def test_lost_files_wait_for_quota_and_still_have_their_deadline() -> None:
    """The request for a lost file may be refused for now; the file is not forgotten."""
    clock = Clock()
    pending = pending_of(1, clock=clock)
    pending.apply_poll("job", retrieved())
    pending.apply_search("job", [])
    assert pending.to_request() == {"job": [wanted(1)]} and pending.until_deadline_s() == 100.0
    clock.now = 100.0
    assert reasons(pending.expire()) == ["deadline"]


def test_the_deadline_counts_from_when_the_file_came_in() -> None:
    clock = Clock()
    pending = pending_of(1, clock=clock)
    clock.now = 60.0
    pending.add(Waiting("job", {2: wanted(2)}))
    assert pending.until_deadline_s() == 40.0
    clock.now = 100.0
    (late,) = pending.expire()
    assert isinstance(late, Undeliverable)
    assert (late.wanted, late.state) == (wanted(1), FileState.UNRESOLVED)
    assert "100 s" in late.detail
    assert len(pending) == 1


def test_duplicates_are_polled_under_their_old_label() -> None:
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("job", {}, {7: "old"}, (wanted(7), wanted(8))))
    assert pending.labels() == ["old"]
    ready, refused = pending.apply_poll("old", retrieved(entry(7)))
    assert ready == Ready(wanted(7), 7, "old", URL)
    assert reasons([refused]) == ["not-accepted"], "no id is left that could be the other one's"


def test_an_id_that_is_given_twice_loses_no_file() -> None:
    clock = Clock()
    pending = pending_of(1, clock=clock)
    pending.add(Waiting("job", {1: wanted(2)}))
    assert len(pending) == 2
    clock.now = 100.0
    assert {ending.wanted for ending in pending.expire()} == {wanted(1), wanted(2)}


def test_ten_thousand_duplicates_are_matched_in_one_go() -> None:
    """One index for the whole group: matching each entry against all would take minutes."""
    numbers = range(10_000)
    pending = PendingDownloads("job", deadline_s=100.0, clock=Clock())
    pending.add(Waiting("job", {}, dict.fromkeys(numbers, "old"), tuple(map(wanted, numbers))))
    assert len(pending.apply_poll("old", retrieved(*map(entry, numbers)))) == len(numbers)


# --- the poller ----------------------------------------------------------------------


@dataclass
class Queue:
    """A service that gives its replies one by one, the last again and again."""

    replies: list[DownloadRetrieveReply]
    refusals: int = 0
    """So many new requests are refused for want of quota."""
    asked: list[str] = field(default_factory=list)

    async def download_retrieve(self, label: str | None = None) -> DownloadRetrieveReply:
        self.asked.append(f"retrieve {label}")
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def download_search(
        self, label: str | None = None, *, active_only: bool | None = None
    ) -> list[DownloadEntry]:
        self.asked.append(f"search {label}")
        return []

    async def download_request(
        self, downloads: Sequence[DownloadItem], *, label: str
    ) -> DownloadRequestReply:
        self.asked.append(f"request {label}")
        if self.refusals:
            self.refusals -= 1
            raise ApiError("download-request", error_code="RATE_LIMIT_USER_DL")
        found = [RequestedDownload(99, URL, item.entity_id) for item in downloads]
        return DownloadRequestReply(available_downloads=found)

    async def download_remove(self, download_id: int) -> bool:
        self.asked.append(f"remove {download_id}")
        return True


class SpentQueue(Queue):
    """The own label has a complete entry, which is all it gives until that is removed."""

    will_remove = True

    async def download_search(
        self, label: str | None = None, *, active_only: bool | None = None
    ) -> list[DownloadEntry]:
        await super().download_search(label, active_only=active_only)
        return [complete(1)]

    async def download_request(
        self, downloads: Sequence[DownloadItem], *, label: str
    ) -> DownloadRequestReply:
        reply = await super().download_request(downloads, label=label)
        is_gone = self.will_remove and "remove 1" in self.asked
        return reply if is_gone else DownloadRequestReply(new_records=Labels({"1": label}))

    async def download_remove(self, download_id: int) -> bool:
        await super().download_remove(download_id)
        if not self.will_remove:
            raise ApiError("download-remove", error_code="NOT_FOUND")
        return True


async def resolve(
    queue: Queue, *waiting: Waiting, deadline_s: float = 1e6, interval_s: float = 0.0
) -> list[Resolution]:
    send, receive = anyio.create_memory_object_stream[Waiting](len(waiting))
    with send:
        for one in waiting:
            send.send_nowait(one)
    polls = SharedPolls(queue, interval_s)
    findings = resolutions(polls, receive, label="job", deadline_s=deadline_s)
    return [ending async for ending in findings if not isinstance(ending, Reissued)]


async def test_each_label_is_polled_until_all_is_resolved() -> None:
    queue = Queue([retrieved(queue_size=1), retrieved(entry(1), entry(2), queue_size=1)])
    ended = await resolve(queue, Waiting("a", {1: wanted(1)}), Waiting("b", {2: wanted(2)}))
    assert reasons(ended) == ["ready", "ready"]
    assert set(queue.asked) == {"retrieve a", "retrieve b"}


@simulated
async def test_each_look_at_what_is_in_preparation_is_a_poll_of_its_own() -> None:
    """What was read once is not taken for the next response: a file would wait twice as long."""
    nothing_yet = retrieved(entry(1, STAGING, "Preparing"), queue_size=1)
    queue = Queue([*[nothing_yet] * 8, retrieved(entry(1), queue_size=1)])
    began_s = anyio.current_time()
    ended = await resolve(queue, Waiting("job", {1: wanted(1)}), interval_s=30.0)
    assert reasons(ended) == ["ready"]
    assert queue.asked == ["retrieve job"] * 9
    assert 8 * 30 <= anyio.current_time() - began_s < 9 * 30


async def test_nothing_to_wait_for_asks_nothing() -> None:
    queue = Queue([])
    assert await resolve(queue) == [] and queue.asked == []


async def test_a_lost_file_is_searched_and_requested_until_there_is_quota() -> None:
    queue = Queue([retrieved()], refusals=2)
    assert reasons(await resolve(queue, Waiting("job", {1: wanted(1)}))) == ["ready"]
    assert queue.asked == ["retrieve job", "search job", *["request job"] * 3]


async def test_a_spent_entry_of_the_own_label_is_removed_before_the_file_is_asked_for() -> None:
    queue = SpentQueue([retrieved()])
    assert reasons(await resolve(queue, Waiting("job", {1: wanted(1)}))) == ["ready"]
    assert queue.asked.count("request job") == 2
    assert queue.asked[-2:] == ["remove 1", "request job"]


async def test_a_spent_entry_that_is_not_removed_ends_in_bounded_time() -> None:
    queue = SpentQueue([retrieved()])
    queue.will_remove = False
    assert reasons(await resolve(queue, Waiting("job", {1: wanted(1)}))) == ["vanished"]
    assert queue.asked.count("request job") == MAX_REREQUESTS


async def test_a_deadline_that_has_passed_costs_no_poll() -> None:
    queue = Queue([retrieved(queue_size=1)])
    send, receive = anyio.create_memory_object_stream[Waiting](1)
    with send:
        send.send_nowait(Waiting("job", {1: wanted(1)}))
    findings = resolutions(SharedPolls(queue, 1e6), receive, label="job", deadline_s=0.0)
    assert [ending.reason async for ending in findings if isinstance(ending, Undeliverable)] == [
        "deadline"
    ]
    assert queue.asked == []


# --- any sequence of replies --------------------------------------------------------

IDS = st.integers(0, 9)
LABELS = st.sampled_from(["job", "old", "older"])
STATUSES = st.sampled_from(
    ["Available", "Downloading", "Queued", "Failed", "Cleared", "Proxied", "Complete", "New", ""]
)
ENTRIES = st.lists(
    st.builds(
        DownloadEntry,
        download_id=IDS,
        url=st.sampled_from([None, "", "x", URL, STAGING]),
        entity_id=st.none() | IDS.map("E{}".format),
        status_code=st.sampled_from(["A", "D", "Q", "F", "Z", None]),
        status_text=STATUSES,
    ),
    max_size=6,
)
REQUESTED = st.lists(
    st.builds(
        RequestedDownload,
        download_id=IDS,
        url=st.sampled_from([None, URL, STAGING]),
        entity_id=st.none() | IDS.map("E{}".format),
    ),
    max_size=4,
)
RECORDS = st.dictionaries(IDS.map(str), LABELS, max_size=4).map(Labels)


@dataclass
class Books:
    """What went in and what came out."""

    came_in: set[str] = field(default_factory=set)
    came_out: Counter[str] = field(default_factory=Counter)


class AnyReplies(RuleBasedStateMachine):
    """The service says anything in any order; each file still ends exactly once."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.pending = PendingDownloads("job", deadline_s=100.0, clock=self.clock)
        self.seen = Books()

    def note(self, findings: Sequence[DownloadUpdate]) -> None:
        resolved = [finding for finding in findings if not isinstance(finding, Reissued)]
        self.seen.came_out.update(ending.wanted.entity_id for ending in resolved)
        assert max(self.seen.came_out.values(), default=0) <= 1
        assert len(self.pending) == len(self.seen.came_in) - self.seen.came_out.total()

    @rule(
        label=LABELS,
        preparing=st.dictionaries(IDS, IDS, max_size=4),
        duplicates=st.dictionaries(IDS, LABELS, max_size=3),
        candidates=st.sets(IDS, max_size=4),
        linked=st.sets(IDS, max_size=3),
    )
    def ask(
        self,
        label: str,
        preparing: dict[int, int],
        duplicates: dict[int, str],
        candidates: set[int],
        linked: set[int],
    ) -> None:
        files = {n: wanted(n) for n in {*preparing.values(), *candidates}}
        new = {n: f for n, f in files.items() if f.entity_id not in self.seen.came_in}
        self.seen.came_in.update(file.entity_id for file in new.values())
        items: dict[int, WantedFile] = {}
        for download_id, n in preparing.items():
            if n in new:
                items[download_id] = new.pop(n)
        links = {number: UnmatchedLink(URL) for number in linked}
        self.pending.add(Waiting(label, items, duplicates, tuple(new.values()), links=links))

    @rule(label=LABELS, entries=ENTRIES, handed_out=ENTRIES, queue_size=st.none() | IDS)
    def retrieve(
        self,
        label: str,
        entries: list[DownloadEntry],
        handed_out: list[DownloadEntry],
        queue_size: int | None,
    ) -> None:
        reply = DownloadRetrieveReply(
            available=entries, requested=handed_out, queue_size=queue_size
        )
        self.note(self.pending.apply_poll(label, reply))
        self.pending.has_lost(label, reply)

    @rule(label=LABELS, entries=ENTRIES)
    def search(self, label: str, entries: list[DownloadEntry]) -> None:
        self.note(self.pending.apply_search(label, entries))

    @rule(entries=ENTRIES)
    def search_everything(self, entries: list[DownloadEntry]) -> None:
        self.note(self.pending.apply_full_search(entries))
        assert not self.pending.has_moved

    @rule()
    def remove(self) -> None:
        spent = self.pending.to_remove()
        assert len(spent) == len(set(spent)) and self.pending.to_remove() == []

    @rule()
    def wait_for_quota(self) -> None:
        for again in self.pending.to_request().values():
            self.pending.defer(again)

    @rule(available=REQUESTED, preparing=REQUESTED, old=RECORDS, new=RECORDS)
    def ask_again(
        self,
        available: list[RequestedDownload],
        preparing: list[RequestedDownload],
        old: Labels,
        new: Labels,
    ) -> None:
        for under, again in self.pending.to_request().items():
            reply = DownloadRequestReply(
                available_downloads=available,
                preparing_downloads=preparing,
                duplicate_products=old,
                new_records=new,
            )
            self.note(self.pending.apply_request(under, again, reply))

    @rule(seconds=st.floats(0, 150))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.note(self.pending.expire())
        assert not len(self.pending) or self.pending.until_deadline_s() >= 0

    def teardown(self) -> None:
        self.clock.now += 101.0
        self.note(self.pending.expire())
        assert len(self.pending) == 0 and self.pending.labels() == []
        assert self.seen.came_out == Counter(self.seen.came_in)


TestAnyReplies = AnyReplies.TestCase
TestAnyReplies.settings = settings(max_examples=40)


@given(st.lists(st.tuples(IDS, LABELS), max_size=8))
def test_each_label_is_polled_once(items: list[tuple[int, str]]) -> None:
    pending = PendingDownloads("job", deadline_s=1.0, clock=Clock())
    for number, (download_id, label) in enumerate(items):
        pending.add(Waiting(label, {100 * number + download_id: wanted(number)}))
    assert sorted(pending.labels()) == sorted({label for _, label in items})

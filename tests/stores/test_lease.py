"""One job at a time in a place of a store."""

from __future__ import annotations

import socket

import pytest

from asyncdl.stores.lease import Lease, StoreBusy
from asyncdl.stores.object_store import ObjectStore

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.stores("s3", "az", "gs")]


def refuse(seconds: float) -> None:
    raise AssertionError("waits")


def test_a_place_is_held_once_and_free_again(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Lease(store, "holder.json", "a"), Lease(store, "holder.json", "a")
    first.acquire(lambda holder: None, sleep=refuse)
    here = socket.gethostname()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    said: list[str] = []
    with pytest.raises(StoreBusy, match=f"process [0-9]+ on {here}"):
        second.acquire(said.append, lease_s=60, sleep=lambda s: first.renew())
    assert said and here in said[0]
    first.release()
    second.acquire(said.append, sleep=refuse)
    second.renew()
    second.release()
    assert list(store.list()) == []


def test_a_holder_that_is_gone_loses_the_place(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, later = Lease(store, "holder.json", "a"), Lease(store, "holder.json", "a")
    gone.acquire(lambda holder: None)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    waits: list[float] = []
    later.acquire(lambda holder: None, lease_s=11, sleep=waits.append)
    assert sum(waits) == 11
    with pytest.raises(StoreBusy):
        gone.renew()
    gone.release()
    later.renew()


def test_on_the_same_machine_the_lock_of_the_state_has_decided(store: ObjectStore) -> None:
    Lease(store, "holder.json", "a").acquire(lambda holder: None)
    Lease(store, "holder.json", "a").acquire(lambda holder: None, sleep=refuse)


def test_on_the_same_machine_another_state_decides_nothing(store: ObjectStore) -> None:
    """Nor does a machine of the same name, as clones and containers have it."""
    first = Lease(store, "holder.json", "a")
    first.acquire(lambda holder: None)
    with pytest.raises(StoreBusy):
        Lease(store, "holder.json", "b").acquire(lambda holder: None, sleep=lambda s: first.renew())
    first.renew()


def test_a_holder_that_gives_the_place_back_leaves_it_to_who_waits(store: ObjectStore) -> None:
    first, second = Lease(store, "holder.json", "a"), Lease(store, "holder.json", "b")
    first.acquire(lambda holder: None)
    second.acquire(lambda holder: None, sleep=lambda seconds: first.release())
    second.renew()


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"pid": "x"}', bytes(range(256)) * 20])
def test_what_says_nothing_of_its_holder_is_watched(store: ObjectStore, data: bytes) -> None:
    store.put(data, "holder.json")
    waits: list[float] = []
    Lease(store, "holder.json", "").acquire(lambda holder: None, lease_s=11, sleep=waits.append)
    assert sum(waits) == 11

"""What goes wrong with a store in the middle of a job: waited out, or a stop to go on from."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from asyncdl.events import Event, FileFinished, Notice
from tests.job.bench import BANDS
from tests.stores.door import Door, refusal
from tests.stores.real_store import ADMIN, READER, WRITER, act_as
from tests.stores.store_bench import StoreBench
from tests.stores.weed import Weed, program

pytestmark = [pytest.mark.slow, pytest.mark.beyond]

AWAY_S = float(os.environ.get("ASYNCDL_STORE_AWAY_S", "2"))
"""How long the store is away."""
WORDS_OF_AN_OUTAGE = re.compile("cannot be reached|no response in time")
FILES = 12
"""What :data:`BANDS` of the search are."""


def at_first_file(act: Callable[[], None]) -> Callable[[Event], None]:
    """Return what takes events, and acts once as soon as one file is in the store."""
    is_done = False

    def take(event: Event) -> None:
        nonlocal is_done
        if not is_done and isinstance(event, FileFinished):
            is_done = True
            act()

    return take


@pytest.mark.parametrize(
    ("status", "code", "words", "remedy"),
    [
        ("403 Forbidden", "AccessDenied", "access was denied", "list, read and write"),
        ("403 Forbidden", "InvalidAccessKeyId", "not known there", "which account"),
        ("400 Bad Request", "ExpiredToken", "credentials have expired", "Renew the credentials"),
        ("403 Forbidden", "RequestTimeTooSkewed", "clock differs", "Set this machine's clock"),
        ("403 Forbidden", "QuotaExceeded", "quota is used up", "Make room in the store"),
        ("507 Insufficient Storage", "XMinioStorageFull", "store is full", "Make room"),
        ("404 Not Found", "NoSuchBucket", "no such bucket", "Make the bucket"),
    ],
)
async def test_a_refusal_stops_the_run_and_the_next_one_goes_on(
    store_bench: StoreBench, door: Door, status: str, code: str, words: str, remedy: str
) -> None:
    """It says why and what to do; what waits in the spool is not fetched again."""

    def refuse() -> None:
        door.shut()
        door.is_shut, door.notice = False, refusal(status, code)

    summary = await store_bench.job(BANDS, uploads=1).run(at_first_file(refuse))
    assert summary.status == "stopped"
    assert words in summary.error and remedy in summary.error, summary.error
    assert "<" not in summary.error and "open sesame" not in summary.error
    waiting = {path.name for path in store_bench.spooled if ".part" not in path.name}
    before = {name: store_bench.service.file_requests[name] for name in waiting}
    door.notice = b""
    again = await store_bench.complete(BANDS)
    assert again.files["total"] == FILES == len(store_bench.placed)
    assert {name: store_bench.service.file_requests[name] for name in waiting} == before
    assert store_bench.spooled == []


async def test_a_store_that_is_away_for_a_while_is_waited_for(
    store_bench: StoreBench, door: Door
) -> None:
    """``ASYNCDL_STORE_AWAY_S`` says how long; the run says so once."""
    said: list[str] = []
    until_s = 0.0

    def leave() -> None:
        nonlocal until_s
        until_s = time.monotonic() + AWAY_S
        door.shut()

    leave_once = at_first_file(leave)

    def take(event: Event) -> None:
        leave_once(event)
        if isinstance(event, Notice) and "trying again" in event.text:
            said.append(event.text)

    async def come_back() -> None:
        while not until_s or time.monotonic() < until_s:
            await anyio.sleep(0.05)
        door.is_shut = False

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(come_back)
        summary = await store_bench.job(BANDS, uploads=1).run(take)
    assert summary.status == "complete", summary
    assert summary.elapsed_s >= AWAY_S
    assert len(said) == 1 and store_bench.target in said[0] and WORDS_OF_AN_OUTAGE.search(said[0])
    store_bench.check_files()
    assert len(store_bench.placed) == FILES and store_bench.spooled == []


# --- credentials that expire ----------------------------------------------------------------


def hand_out(path: Path, who: tuple[str, str], lasts: timedelta) -> None:
    """Write what a credential process prints; the change is seen whole or not at all."""
    text = json.dumps(
        {
            "Version": 1,
            "AccessKeyId": who[0],
            "SecretAccessKey": who[1],
            "Expiration": (datetime.now(UTC) + lasts).isoformat(),
        }
    )
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


@pytest.fixture
def only_files(weed: Weed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home whose files are all that the chain has."""
    for name in weed.environment():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return tmp_path


@pytest.mark.allow_blocking
async def test_credentials_that_expire_are_renewed_by_their_process(
    only_files: Path, store_bench: StoreBench, door: Door
) -> None:
    keys, calls = only_files / "keys.json", only_files / "calls"
    script = only_files / "keys.sh"
    script.write_text(f"echo called >> '{calls}'\ncat '{keys}'\n")
    (only_files / "config").write_text(
        f"[profile land]\nregion = us-east-1\ncredential_process = /bin/sh {script}\n"
    )
    hand_out(keys, ADMIN, timedelta(seconds=60))

    def expire() -> None:
        hand_out(keys, WRITER, timedelta(hours=2))
        door.refusals[b"Credential=tester/"] = refusal("400 Bad Request", "ExpiredToken")

    summary = await store_bench.job(BANDS, uploads=1, profile="land").run(at_first_file(expire))
    assert summary.status == "complete", summary.error
    assert len(calls.read_text().splitlines()) > 1
    store_bench.check_files()
    assert len(store_bench.placed) == FILES and store_bench.spooled == []


@pytest.mark.allow_blocking
async def test_keys_in_a_file_that_another_program_renews_are_read_again(
    only_files: Path, store_bench: StoreBench, door: Door
) -> None:
    """Nothing in the file says until when they are good: the store does, by its refusal."""
    file = only_files / "credentials"
    form = "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n"
    file.write_text(form.format(*ADMIN))
    said: list[str] = []

    def expire() -> None:
        file.write_text(form.format(*WRITER))
        door.refusals[b"Credential=tester/"] = refusal("400 Bad Request", "ExpiredToken")
        door.shut()
        door.is_shut = False

    expire_once = at_first_file(expire)

    def take(event: Event) -> None:
        expire_once(event)
        if isinstance(event, Notice) and "trying again" in event.text:
            said.append(event.text)

    summary = await store_bench.job(BANDS, uploads=1).run(take)
    assert summary.status == "complete", summary.error
    assert any("have expired; there are new ones" in text for text in said), said
    store_bench.check_files()
    assert len(store_bench.placed) == FILES and store_bench.spooled == []


async def test_an_account_that_may_only_read_is_said_before_anything_is_requested(
    store_bench: StoreBench, weed: Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(monkeypatch, weed.environment(READER))
    summary = await store_bench.run(BANDS)
    assert summary.status == "stopped" and "access was denied" in summary.error
    assert store_bench.service.calls["download-request"] == 0


# --- a quota --------------------------------------------------------------------------------


def shell(weed: Weed, *lines: str) -> str:
    """Have the store's own shell do something."""
    ports = weed.ports
    places = [
        f"-{role}=127.0.0.1:{ports[f'{role}.port']}.{ports[f'{role}.port.grpc']}"
        for role in ("master", "filer")
    ]
    done = subprocess.run(
        [str(program()), "shell", *places],
        input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.fixture
def limited(store_bench: StoreBench, weed: Weed) -> StoreBench:
    """Jobs into a bucket that is above its quota, which is not enforced yet."""
    bucket = replace(weed, bucket="limited")
    bucket.make_bucket()
    bucket.put("filler", bytes(2 * 1024**2))
    shell(weed, "s3.bucket.quota -name=limited -op=set -sizeMB=1")
    until_s = time.monotonic() + 60
    while "limited\tsize:2" not in shell(weed, "s3.bucket.quota.enforce"):
        assert time.monotonic() < until_s
    return replace(store_bench, weed=bucket)


@pytest.mark.allow_blocking
async def test_a_real_quota_that_is_full_is_waited_for(limited: StoreBench, weed: Weed) -> None:
    """SeaweedFS responds with 500 then, and with no code; other stores name the quota."""
    said: list[str] = []
    fill_once = at_first_file(lambda: said.append(shell(weed, "s3.bucket.quota.enforce -apply")))

    def take(event: Event) -> None:
        fill_once(event)
        if isinstance(event, Notice) and "trying again" in event.text:
            said.append(event.text)
            shell(
                weed, "s3.bucket.quota -name=limited -op=remove", "s3.bucket.quota.enforce -apply"
            )

    summary = await limited.job(BANDS, uploads=1).run(take)
    assert "to read only" in said[0]
    assert len(said) == 2 and "responded with 500" in said[1], said
    assert summary.status == "complete", summary.error
    limited.check_files()
    assert len(limited.placed) == FILES and limited.spooled == []

"""What ``asyncdl get`` prints of each file, and of all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from asyncdl.cli.get_summary import GetSummary, ending_of
from asyncdl.errors import HttpStatusError, NetworkError
from asyncdl.events import FilesWanted, TransferEnded
from asyncdl.progress.run_progress import RunProgress
from asyncdl.redact import redact
from asyncdl.transfer import Fetched, FileRequest, Outcome

URL = "http://host/a.bin?requestSignature=hush"
SHOWN = redact(URL)
REQUEST = FileRequest(URL, Path("out"), key=SHOWN)
FETCHED = Fetched(
    Path("out/a.bin"), 5, 5, already_there=False, proof="length", attempts=1, elapsed_s=1
)


def failed(error: Exception) -> Outcome:
    return Outcome(REQUEST, error=error)


def test_a_failure_names_its_url_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    summary = GetSummary(as_json=False, quiet=False)
    summary.add(failed(NetworkError("ask host", "refused")))
    summary.add(failed(HttpStatusError(URL, 404)))
    summary.add(failed(HttpStatusError(URL, 404)))
    summary.close(Path("out"))
    first, second, _, *advice = capsys.readouterr().err.splitlines()
    assert first == f"failed: {SHOWN}: ask host: refused [network]"
    assert second == f"failed: {SHOWN}: the host responded with 404 [http-404]"
    assert [line.partition(":")[0] for line in advice] == ["network", "http-404"]
    assert "the file is not there" in advice[1].lower()


def test_quiet_prints_only_errors(capsys: pytest.CaptureFixture[str]) -> None:
    summary = GetSummary(as_json=False, quiet=True)
    summary.add(failed(HttpStatusError(URL, 410)))
    summary.close(Path("out"))
    assert capsys.readouterr() == ("", f"failed: {SHOWN}: the host responded with 410 [http-410]\n")


def test_what_came_counts_whatever_became_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    summary = GetSummary(as_json=False, quiet=False)
    summary.take(TransferEnded("a", "", 5))
    summary.add(Outcome(REQUEST, fetched=FETCHED))
    summary.take(TransferEnded("b", "checksum-mismatch", 2_000))
    summary.take(TransferEnded("c", "interrupted", 300_000))
    summary.close(Path("out"), status="interrupted")
    out = capsys.readouterr().out
    assert out == ("Interrupted: 2 files: 1 downloaded, 1 unfinished; received 302.0 kB into out\n")


def test_a_file_that_failed_is_not_unfinished_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    summary = GetSummary(as_json=True, quiet=False)
    summary.take(TransferEnded(SHOWN, "interrupted", 7))
    summary.add(failed(ZeroDivisionError("of a caller's")))
    summary.take(TransferEnded("c", "interrupted", 3))
    summary.close(Path("out"), status="interrupted")
    line, printed = map(orjson.loads, capsys.readouterr().out.splitlines())
    assert (line["url"], line["file"], line["reason"]) == (SHOWN, SHOWN, "error")
    assert printed["files"] == {
        "total": 2, "downloaded": 0, "skipped": 0, "failed": 1, "unresolved": 1,
    }  # fmt: skip
    assert printed["bytes"] == {"downloaded": 10}


def test_the_display_counts_each_outcome() -> None:
    progress = RunProgress()
    progress.take(FilesWanted(2, 0))
    progress.take(ending_of(Outcome(REQUEST, fetched=FETCHED)))
    progress.take(ending_of(failed(HttpStatusError(URL, 404))))
    files = progress.state.files
    assert (files.finished, files.wanted, files.there_bytes) == (2, 2, 5)


@pytest.mark.parametrize("quiet", [True, False])
def test_a_file_that_may_have_been_cut_is_named(
    capsys: pytest.CaptureFixture[str], quiet: bool
) -> None:
    summary = GetSummary(as_json=False, quiet=quiet)
    for proof in ("length", "unverified-length", "unverified-length+md5", "chunked", "gzip"):
        summary.add(Outcome(REQUEST, fetched=replace(FETCHED, proof=proof)))
    summary.close(Path("out"))
    out, err = capsys.readouterr()
    assert err == (
        "" if quiet else
        "length unverified: out/a.bin: the host did not say how long it is\n"
    )  # fmt: skip
    assert out.startswith("" if quiet else "Complete (length unverified: 1): 5 files: ")
